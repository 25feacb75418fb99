//! A gitleaks configuration (<https://github.com/gitleaks/gitleaks#configuration>), as a ruleset.

use serde::Deserialize;

use super::{Imported, pattern};
use crate::detect::ruleset::{AllowSpec, RuleSpec, Ruleset};

/// How sure a rule of theirs is: they report all alike.
const CONFIDENCE: u8 = 75;
/// LIMIT: stopwords in one allow-list entry, so that its pattern stays small.
const STOPWORDS_A_PATTERN: usize = 200;

/// The parts of a configuration that mean something here, and those that must be spoken of.
#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default)]
    rules: Vec<TheirRule>,
    extend: Option<toml::Value>,
    allowlist: Option<Allowlist>,
    #[serde(default)]
    allowlists: Vec<Allowlist>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TheirRule {
    id: String,
    #[serde(default)]
    description: String,
    regex: Option<String>,
    secret_group: Option<u32>,
    entropy: Option<f64>,
    path: Option<String>,
    #[serde(default)]
    keywords: Vec<String>,
    required: Option<toml::Value>,
    allowlist: Option<Allowlist>,
    #[serde(default)]
    allowlists: Vec<Allowlist>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Allowlist {
    description: String,
    condition: String,
    regex_target: String,
    regexes: Vec<String>,
    stopwords: Vec<String>,
    paths: Vec<String>,
    commits: Vec<String>,
    target_rules: Vec<String>,
}

/// Reads a configuration.
///
/// # Errors
/// It is not TOML, or no gitleaks configuration.
pub(super) fn import(text: &str, owner: &str, expires: &str) -> Result<Imported, String> {
    let config: Config = toml::from_str(text).map_err(|e| {
        format!("is no gitleaks configuration: {}; give a TOML file with [[rules]]", e.to_string().trim_end())
    })?;
    if config.rules.is_empty() {
        return Err("holds no [[rules]]; give the configuration itself, not one that only extends another".to_owned());
    }
    let mut into = Imported::default();
    if config.extend.is_some() {
        into.lost.push("[extend]: the configuration that this one extends; import that one too".to_owned());
    }
    let mut taken = Vec::new();
    for theirs in config.rules {
        let id = unique(&their_id(&theirs.id), &mut taken);
        let (rule, mut notes) = match rule(&id, &theirs) {
            Ok(done) => done,
            Err(why) => {
                into.lost.push(format!("rule {}: {why}", theirs.id));
                continue;
            }
        };
        let lists = theirs.allowlist.iter().chain(&theirs.allowlists);
        for (number, list) in lists.enumerate() {
            allow(
                list,
                &format!("{id}-{}", number + 1),
                std::slice::from_ref(&id),
                (owner, expires),
                &mut into.allows,
                &mut notes,
            );
        }
        into.rules.push((rule, notes));
    }
    let mut notes = Vec::new();
    for (number, list) in config.allowlist.iter().chain(&config.allowlists).enumerate() {
        let all = || into.rules.iter().map(|(rule, _)| rule.id.clone()).collect();
        let rules: Vec<String> = if list.target_rules.is_empty() {
            all()
        } else {
            list.target_rules.iter().map(|id| their_id(id)).collect()
        };
        allow(list, &format!("all-rules-{}", number + 1), &rules, (owner, expires), &mut into.allows, &mut notes);
    }
    into.lost.append(&mut notes);
    Ok(into)
}

fn their_id(id: &str) -> String {
    let lower = id.to_ascii_lowercase();
    let id: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    id.trim_matches('-').to_owned()
}

fn unique(id: &str, taken: &mut Vec<String>) -> String {
    let id = if id.is_empty() { "rule" } else { id };
    let free = (1..).map(|n| if n == 1 { id.to_owned() } else { format!("{id}-{n}") }).find(|id| !taken.contains(id));
    let free = free.unwrap_or_else(|| id.to_owned());
    taken.push(free.clone());
    free
}

/// One rule, and what of it was not carried over.
fn rule(id: &str, theirs: &TheirRule) -> Result<(RuleSpec, Vec<String>), String> {
    let Some(regex) = theirs.regex.as_deref().filter(|regex| !regex.is_empty()) else {
        return Err("looks at file names only; texts have none".to_owned());
    };
    let mut notes = Vec::new();
    if theirs.path.is_some() {
        notes.push("path: the rule looks at all text".to_owned());
    }
    if theirs.required.is_some() {
        notes.push("required: the rule reports without the others beside it".to_owned());
    }
    let keywords: Vec<String> =
        theirs.keywords.iter().filter(|word| word.is_ascii() && !word.trim().is_empty()).cloned().collect();
    let always = keywords.is_empty().then(|| "the rule that this one was imported from names no keyword".to_owned());
    let mut spec = RuleSpec {
        phrase: Vec::new(),
        gap: None,
        unless: std::collections::BTreeMap::new(),
        classes: std::collections::BTreeMap::new(),
        id: id.to_owned(),
        kind: format!("secret.{}", id.replace('-', "_")),
        word: Some("SECRET".to_owned()),
        confidence: CONFIDENCE,
        keywords,
        also: Vec::new(),
        digits: None,
        always,
        regex: String::new(),
        validator: None,
        entropy: theirs.entropy.filter(|least| *least > 0.0),
        context: Vec::new(),
        context_required: false,
        weight: 0,
        doc: theirs.description.clone(),
        references: Vec::new(),
        matches: Vec::new(),
        ignores: Vec::new(),
    };
    let mut why = String::new();
    for bound in pattern::BOUNDS {
        let bounded = pattern::bounded(regex, theirs.secret_group.unwrap_or(0), bound)?;
        spec.regex = bounded.regex;
        match loads(&spec) {
            Ok(()) => {
                if bounded.cut {
                    notes.push(format!("repetitions without an end: they end after {bound} times"));
                }
                return Ok((spec, notes));
            }
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// Whether the rule by itself is a ruleset.
fn loads(spec: &RuleSpec) -> Result<(), String> {
    #[derive(serde::Serialize)]
    struct File<'a> {
        rule: [&'a RuleSpec; 1],
    }
    let text = toml::to_string(&File { rule: [spec] }).map_err(|e| e.to_string())?;
    match Ruleset::from_texts(&[("import".to_owned(), text)]) {
        Ok(_) => Ok(()),
        Err(errors) => Err(errors.0.first().map_or_else(String::new, |e| e.what.clone())),
    }
}

/// The entries of an allowlist. Theirs covers a finding if a pattern is found in it, ours if it covers the whole of it.
fn allow(
    list: &Allowlist,
    id: &str,
    rules: &[String],
    (owner, expires): (&str, &str),
    allows: &mut Vec<AllowSpec>,
    notes: &mut Vec<String>,
) {
    let name = if list.description.is_empty() { id } else { &list.description };
    if !list.paths.is_empty() || !list.commits.is_empty() {
        notes.push(format!("allowlist `{name}`: paths and commits"));
    }
    // Both must hold there, and one of the two is something that a text has not.
    let sides =
        [!list.regexes.is_empty(), !list.stopwords.is_empty(), !list.paths.is_empty(), !list.commits.is_empty()];
    if list.condition.eq_ignore_ascii_case("and") && sides.iter().filter(|side| **side).count() > 1 {
        return notes.push(format!("allowlist `{name}`: its parts hold only together"));
    }
    let mut patterns = Vec::new();
    match list.regex_target.as_str() {
        "" | "secret" | "match" => patterns.extend(list.regexes.iter().map(|regex| format!("(?:{regex})"))),
        other if !list.regexes.is_empty() => notes.push(format!("allowlist `{name}`: patterns for the {other}")),
        _ => {}
    }
    for words in list.stopwords.chunks(STOPWORDS_A_PATTERN) {
        let words: Vec<String> = words.iter().map(|word| regex_syntax::escape(word)).collect();
        patterns.push(format!("(?i:{})", words.join("|")));
    }
    for (number, theirs) in patterns.into_iter().enumerate() {
        let Ok(found) = pattern::bounded(&theirs, u32::MAX, u32::MAX) else {
            notes.push(format!("allowlist `{name}`: a pattern that is none here"));
            continue;
        };
        let spec = AllowSpec {
            id: format!("{id}-{}", number + 1),
            rules: rules.to_vec(),
            kinds: Vec::new(),
            tenants: Vec::new(),
            values: Vec::new(),
            regex: Some(format!("(?s:.*)(?:{})(?s:.*)", found.regex)),
            owner: owner.to_owned(),
            reason: format!("imported allowlist: {name}"),
            expires: expires.to_owned(),
        };
        allows.push(spec);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
title = "a test"
[extend]
useDefault = true
[[rules]]
id = "acme_token"
description = "An ACME token."
regex = '''(?i)acme.{0,10}(?:=|:)\s*["']?(acme_[\w-]{20,})\b'''
secretGroup = 1
entropy = 3.0
keywords = ["acme_"]
[[rules.allowlists]]
regexTarget = "match"
regexes = ['''FAKE$''']
stopwords = ["sample", "a.b"]
paths = ['''go\.sum''']
[[rules]]
id = "file-only"
path = '''\.p12$'''
[[rules]]
id = "no keyword"
regex = '''zz_[0-9]+'''
[allowlist]
regexes = ['''^0{8}''']
"#;

    fn found(text: &str, imported: &Imported) -> Vec<String> {
        use crate::detect::{ScanState, Scope};
        let text_of = super::super::write(imported).unwrap();
        let rules = Ruleset::from_texts(&[("t".to_owned(), text_of)]).unwrap();
        let mut out = Vec::new();
        let scope = Scope { phase: crate::text::Phase::Request, injection: false };
        rules.scan(scope, text, true, &mut ScanState::default(), &mut out);
        out.iter().map(|f| text.get(f.span.range()).unwrap().to_owned()).collect()
    }

    #[test]
    fn a_configuration_is_carried_over() {
        let imported = import(CONFIG, "appsec", "2999-01-31").unwrap();
        let ids: Vec<_> = imported.rules.iter().map(|(rule, _)| rule.id.as_str()).collect();
        assert_eq!(ids, ["acme-token", "no-keyword"]);
        assert_eq!(imported.lost.len(), 2, "{:?}", imported.lost);
        assert_eq!(found("acme key = \"acme_q9Zf2LmX7rTb4KwD8sYv\"", &imported), ["acme_q9Zf2LmX7rTb4KwD8sYv"]);
        assert_eq!(found("acme key = acme_q9Zf2LmX7rTb4KwD8sYvFAKE", &imported), [""; 0]);
        assert_eq!(found("acme key = acme_q9Zf2LmXsample7rTb4KwD8sYv", &imported), [""; 0]);
        assert_eq!(found("acme key = acme_aaaaaaaaaaaaaaaaaaaaaaaa", &imported), [""; 0]);
        assert_eq!(found("see zz_12345 here", &imported), ["zz_12345"]);
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        for text in ["", "x = 1", "[[rules]]\nregex = 'a'", "not toml"] {
            assert!(import(text, "a", "2999-01-31").is_err(), "{text}");
        }
    }
}
