//! What changes rules without another set of automata: allow-lists and overrides, for everybody and for some tenants.

use std::sync::Arc;

use jiff::Timestamp;
use sidewall::detect::ruleset::{Override, RulesetErrors};
use sidewall::detect::{Ruleset, ScanState, Scope};
use sidewall::text::{Glob, Phase};

const RULES: &str = r#"
[[rule]]
id = "mail"
kind = "pii.email"
confidence = 80
keywords = ["@"]
regex = '[a-zA-Z.]{1,40}@[a-z]{1,20}\.example'
doc = "d"
matches = ["jo@acme.example"]
ignores = ["@"]

[[rule]]
id = "word"
kind = "house.word"
confidence = 40
keywords = ["acme"]
regex = 'acme'
doc = "d"
matches = ["acme"]
ignores = ["x"]
"#;

fn entry(more: &str) -> String {
    format!("[[allow]]\nid = \"a\"\nowner = \"sec@acme\"\nreason = \"public\"\nexpires = 2027-01-31\n{more}\n")
}

fn at(text: &str, now: &str) -> Result<Arc<Ruleset>, RulesetErrors> {
    let now: Timestamp = now.parse().unwrap();
    Ruleset::from_texts_at(&[("rules.toml".to_owned(), text.to_owned())], now).map(Arc::new)
}

fn load(allow: &str) -> Arc<Ruleset> {
    at(&format!("{RULES}{allow}"), "2027-01-01T00:00:00Z").unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn lint_tells_of_entries_that_do_nothing() {
    let text = format!(
        "{RULES}{}{}",
        entry("rules = [\"mail\"]\nvalues = [\"x\"]").replace("2027-01-31", "2001-01-31"),
        entry("rules = [\"gone\"]\nvalues = [\"x\"]").replace("\"a\"", "\"b\"").replace("2027-01-31", "2999-01-31")
    );
    let found = at(&text, "2027-01-01T00:00:00Z").unwrap().lint();
    let found: Vec<_> = found.iter().map(|l| format!("{}: {}", l.rule, l.what)).collect();
    assert!(found.contains(&"allow a: expired on 2001-01-31; it has no effect".to_owned()), "{found:#?}");
    assert!(found.contains(&"allow b: speaks of no rule of the set".to_owned()), "{found:#?}");
}

#[test]
fn lint_holds_it_against_a_rule_that_finds_things_in_benign_text() {
    let rule = |id: &str, confidence: u8, prefilter: &str, regex: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\nkind = \"house.{id}\"\nconfidence = {confidence}\n{prefilter}\nregex = '{regex}'\n\
             doc = \"d\"\nmatches = [\"x\"]\nignores = [\"y\"]\n"
        )
    };
    let text = rule("number", 60, "digits = 4", r"\b[0-9]{4}\b") + &rule("unsure", 40, "digits = 4", r"\b[0-9]{4}\b");
    let found = at(&text, "2027-01-01T00:00:00Z").unwrap().lint();
    let broad: Vec<_> = found.iter().filter(|l| l.what.starts_with("too broad")).map(|l| l.rule.as_str()).collect();
    assert_eq!(broad, ["number"], "{found:#?}");
    let number = found.iter().find(|l| l.rule == "number" && l.what.contains("finds")).unwrap();
    assert!(number.what.contains("prose.txt:3") && number.line == Some(1), "{number}");
}

/// `rule confidence` of what is found.
fn found(rules: &Ruleset, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let scope = Scope { phase: Phase::Response, injection: false };
    let mut state = ScanState::default();
    // Grown byte by byte, as a stream does.
    for (end, _) in text.char_indices() {
        rules.scan(scope, text.get(..end).unwrap(), false, &mut state, &mut out);
    }
    rules.scan(scope, text, true, &mut state, &mut out);
    out.iter().map(|finding| format!("{} {}", finding.rule.id, finding.confidence)).collect()
}

#[test]
fn an_allowed_value_is_not_reported_and_hides_nothing_else() {
    let allow = entry("rules = [\"mail\"]\nvalues = [\"first.Last@acme.example\"]");
    let rules = load(&allow);
    assert_eq!(found(&rules, "to jo@acme.example"), ["mail 80"]);
    // Neither the address nor the shorter ones inside it; the other rule's finding comes out.
    assert_eq!(found(&rules, "to FIRST.last@acme.example"), ["word 40"]);
    assert_eq!(found(&rules, "to first.last@acme.example, jo@acme.example"), ["word 40", "mail 80"]);
}

#[test]
fn an_entry_may_speak_of_kinds_and_hold_a_pattern_for_whole_findings() {
    let rules = load(&entry("kinds = [\"pii.*\", \"house.*\"]\nregex = '[a-z]{2}@acme\\.example|acme'"));
    assert_eq!(found(&rules, "jo@acme.example"), [] as [String; 0]);
    assert_eq!(found(&rules, "joe@acme.example"), ["mail 80"]);
}

#[test]
fn an_expired_entry_has_no_effect_and_lint_says_so() {
    let text = format!("{RULES}{}", entry("rules = [\"mail\"]\nvalues = [\"jo@acme.example\"]"));
    let before = at(&text, "2027-01-31T23:59:59Z").unwrap();
    let after = at(&text, "2027-02-01T00:00:00Z").unwrap();
    assert_eq!(found(&before, "jo@acme.example"), ["word 40"]);
    assert_eq!(found(&after, "jo@acme.example"), ["mail 80"]);
    assert_ne!(before.hash(), after.hash());
    assert_eq!(before.next_expiry().unwrap().to_string(), "2027-02-01T00:00:00Z");
    assert_eq!(after.next_expiry(), None);
    // A set in force lets the entry end without the files.
    let ended = before.at("2027-02-01T00:00:00Z".parse().unwrap());
    assert_eq!((found(&ended, "jo@acme.example"), ended.hash()), (vec!["mail 80".to_owned()], after.hash()));
    // An expired entry is as good as none.
    assert_eq!(after.hash(), at(RULES, "2027-02-01T00:00:00Z").unwrap().hash());
}

#[test]
fn entries_need_an_owner_a_reason_a_date_and_something_to_allow() {
    let text = "[[allow]]\nid = \"a\"\nrules = [\"mail\"]\nvalues = [\"x\"]\nowner = \"\"\nreason = \"r\"\nexpires = \"soon\"\n\
                [[allow]]\nid = \"a\"\nowner = \"o\"\nreason = \"r\"\nexpires = 2027-01-01\nregex = '['\n\
                [[allow]]\nid = \"b\"\nreason = \"r\"\nexpires = 2027-01-01\n";
    let errors = at(text, "2027-01-01T00:00:00Z").unwrap_err().0;
    let found: Vec<_> = errors.iter().map(|e| (e.line.unwrap(), e.rule.as_str(), e.what.as_str())).collect();
    for (line, rule, what) in [
        (5, "a", "`owner` is empty"),
        (7, "a", "`expires` is no date"),
        (9, "a", "the id is taken by another entry"),
        (8, "a", "names neither `rules` nor `kinds`"),
        (13, "a", "the regex does not compile"),
        (14, "b", "missing field `owner`"),
    ] {
        assert!(found.iter().any(|f| (f.0, f.1) == (line, rule) && f.2.starts_with(what)), "{line} {what}: {found:#?}");
    }
}

fn override_of(rules: &str, tenants: &str) -> Override {
    let globs = |pattern: &str| vec![Glob::new(pattern).unwrap()];
    Override { tenants: globs(tenants), rules: globs(rules), enabled: None, confidence: None, threshold: None }
}

#[test]
fn tenants_may_differ_and_share_the_automata() {
    let rules = load(&(entry("tenants = [\"acme-*\"]\nrules = [\"word\"]\nvalues = [\"acme\"]")));
    let overrides = [
        Override { enabled: Some(false), ..override_of("mail", "quiet") },
        Override { confidence: Some(55), ..override_of("*", "loud") },
        Override { threshold: Some(50), ..override_of("wor*", "sure") },
        Override { enabled: Some(false), ..override_of("*", "back") },
        Override { enabled: Some(true), ..override_of("mail", "back") },
        Override { enabled: Some(false), ..override_of("no-such-rule", "*") },
    ];
    let text = "acme, jo@beta.example";
    for (tenant, expected) in [
        ("other", vec!["word 40", "mail 80"]),
        ("acme-eu", vec!["mail 80"]),
        ("quiet", vec!["word 40"]),
        ("loud", vec!["word 55", "mail 55"]),
        ("sure", vec!["mail 80"]),
        ("back", vec!["mail 80"]),
    ] {
        let own = rules.for_tenant(tenant, &overrides);
        assert_eq!(found(&own, text), expected, "{tenant}");
        assert_eq!(own.hash() == rules.hash(), tenant == "other", "{tenant}");
        assert_eq!(own.hash(), rules.for_tenant(tenant, &overrides).hash(), "{tenant}");
    }
    assert!(Arc::ptr_eq(&rules, &rules.for_tenant("other", &overrides)));
    assert_eq!(rules.idle_overrides(&overrides), [5]);
}
