//! Loading, lint and self test, on small rulesets and on the embedded one.

use super::*;

fn ruleset(toml: &str) -> Result<Ruleset, RulesetErrors> {
    Ruleset::from_texts(&[("test.toml".to_owned(), toml.to_owned())])
}

fn rule(extra: &str) -> String {
    format!("[[rule]]\nid = \"a\"\nkind = \"pii.a\"\nconfidence = 50\n{extra}\n")
}

#[test]
fn the_embedded_rules_load_and_live_up_to_their_examples() {
    let rules = Ruleset::embedded().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(rules.selftest(), []);
    let lint: Vec<String> = rules.lint().iter().map(ToString::to_string).collect();
    assert_eq!(lint, [] as [String; 0]);
    assert_eq!(rules.hash().len(), 16);
}

#[test]
fn every_mistake_is_reported_at_once() {
    let text = rule("keywords = [\"x\"]\nregex = \"x[\"\ncolour = 1\nsize = 2")
        + "[[rule]]\nid = \"b\"\nkind = \"pii\"\nconfidence = 101\nregex = \"b+\"\nweight = 3\nvalidator = \"none\"\n"
        + "[[rule]]\nid = \"c\"\nkind = \"pii.c\"\nconfidence = \"high\"\nregex = \"c\"\n"
        + &rule("always = \"test\"\nregex = \"x*\"")
        + "[other]\n";
    let errors = ruleset(&text).unwrap_err().0;
    let found: Vec<String> = errors.iter().map(|e| format!("{}: {}", e.rule, e.what)).collect();
    for expected in [
        ": unknown key `other`",
        "a: unknown key `colour`",
        "a: unknown key `size`",
        "a: the regex does not parse",
        "b: kind `pii` is not dotted",
        "b: validator `none` does not exist",
        "b: confidence is over 100",
        "b: only `injection.*` rules have a weight",
        "b: has not exactly one of",
        "b: the regex has no bound",
        "c: invalid type",
        "a: the id is taken",
        "a: the regex matches the empty text",
    ] {
        assert!(found.iter().any(|f| f.starts_with(expected)), "{expected} not in {found:#?}");
    }
    assert!(errors.iter().all(|e| !e.mend.is_empty() && e.file == "test.toml"));
}

#[test]
fn missing_files_and_broken_toml_are_errors() {
    let errors = Ruleset::load(&["/nonexistent/rules.toml".into()]).unwrap_err();
    assert!(errors.to_string().contains("/nonexistent/rules.toml"));
    assert!(ruleset("[[rule").unwrap_err().to_string().contains("is not TOML"));
    assert!(ruleset("").unwrap_err().to_string().contains("no `[[rule]]`"));
}

#[test]
fn lint_sees_what_should_not_ship() {
    let text = rule("keywords = [\"foo\", \"fo\"]\nregex = \"foo[a-z]{1,9}\"\ndoc = \"x\"")
        + "[[rule]]\nid = \"b\"\nkind = \"pii.b\"\nconfidence = 40\nkeywords = [\"bar\"]\nregex = \"(?:bar)?baz[a-z]{1,5000}\"\n"
        + "doc = \"x\"\nmatches = [\"bazaar\"]\nignores = [\"\"]\n"
        + "[[rule]]\nid = \"c\"\nkind = \"pii.c\"\nconfidence = 90\ndigits = 3\nregex = \"baza[a-z]{1,9}\"\n"
        + "matches = [\"bazaars\"]\nignores = [\"x\"]\n";
    let found: Vec<String> = ruleset(&text).unwrap().lint().iter().map(|l| format!("{}: {}", l.rule, l.what)).collect();
    for expected in [
        "a: has no examples",
        "a: no match needs the keyword `foo`",
        "b: matches up to 5006 bytes",
        "c: says nothing in `doc`",
        "c: matches no digits",
    ] {
        assert!(found.iter().any(|f| f.starts_with(expected)), "{expected} not in {found:#?}");
    }
}

#[test]
fn a_rule_that_loses_all_its_examples_is_shadowed() {
    let text = rule("keywords = [\"foo\"]\nregex = \"foo\"\ndoc = \"x\"\nmatches = [\"foo\"]\nignores = [\"x\"]")
        + "[[rule]]\nid = \"b\"\nkind = \"pii.b\"\nconfidence = 90\nkeywords = [\"foo\"]\nregex = \"foo\"\n"
        + "doc = \"x\"\nmatches = [\"foo\"]\nignores = [\"x\"]\n";
    let found = ruleset(&text).unwrap().lint();
    assert_eq!(found.iter().map(|l| l.rule.as_str()).collect::<Vec<_>>(), ["a"]);
    assert!(found[0].what.ends_with("other rules: b"));
}

#[test]
fn required_context_words_are_prefilter_enough() {
    let toml = rule("context_required = true\ncontext = [\"tax id\", \"инн\"]\nregex = '\\b\\d{4}\\b'");
    let rules = ruleset(&toml).unwrap_or_else(|e| panic!("{e}"));
    let found = |text: &str| rules.find_all(text).len();
    let far = format!("tax id{}1234", " ".repeat(58));
    for text in [
        "tax id 1234",
        "taxId=1234",
        "TAX_IDS: 1234",
        "tax-id 1234",
        "1234 is my tax id",
        "ИНН 1234",
        "Инн: 1234",
        &far,
    ] {
        assert_eq!(found(text), 1, "{text}");
    }
    let further = format!("tax id{}1234", " ".repeat(59));
    for text in ["1234", "syntax id 1234", "tax idle 1234", "tax 1234", &further] {
        assert_eq!(found(text), 0, "{text}");
    }
}

#[test]
fn the_hash_is_of_the_rules_not_of_their_order_or_layout() {
    let a = rule("keywords = [\"foo\"]\nregex = \"foo\"");
    let b = a.replace("\"a\"", "\"b\"");
    let hash = |text: &str| ruleset(text).unwrap().hash().to_owned();
    assert_eq!(hash(&format!("{a}{b}")), hash(&format!("{b}# note\n{a}")));
    assert_ne!(hash(&a), hash(&b));
}

/// A pattern without groups, too large for some engines, beside one with a group.
#[test]
fn a_large_pattern_finds_beside_one_with_groups() {
    let grouped =
        rule("keywords = [\"tok=\"]\nregex = \"tok=(?P<secret>[a-z]{8})\"\nmatches = [\"x\"]\nignores = [\"y\"]");
    let large = "[[rule]]\nid = \"large\"\nkind = \"pii.b\"\nconfidence = 50\nkeywords = [\"BEGIN\"]\nregex = \"BEGIN[a-z]{64,12000}END\"\n\
                 matches = [\"x\"]\nignores = [\"y\"]\n";
    let rules = ruleset(&(grouped + large)).unwrap_or_else(|e| panic!("{e}"));
    let text = format!("tok=abcdefgh BEGIN{}END", "a".repeat(100));
    let mut found = Vec::new();
    let scope = Scope { phase: Phase::Request, injection: false };
    rules.scan(scope, &text, true, &mut ScanState::default(), &mut found);
    let ids: Vec<&str> = found.iter().map(|f| &*f.rule.id).collect();
    assert_eq!(ids, ["a", "large"]);
}

#[test]
fn an_empty_set_finds_nothing_and_decides_all() {
    let scope = Scope { phase: Phase::Response, injection: false };
    let mut out = Vec::new();
    assert_eq!(Ruleset::default().scan(scope, "jane@example.com", false, &mut ScanState::default(), &mut out), 16);
    assert_eq!(out, []);
}
