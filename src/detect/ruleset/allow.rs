//! Allow-lists: values that rules find and that are none of anybody's business to hide, each with an owner, a reason and a day on which
//! it ends.
//!
//! An entry speaks of rules or kinds, and of values. What it covers is found as ever (so nothing else is found inside it) and not
//! reported. An entry that has expired has no effect; lint tells of it.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use regex_automata::meta;
use serde::{Deserialize, Deserializer, Serialize};

use super::errors::{Reporter, RulesetError};
use super::load::Sourced;
use crate::detect::finding::RuleInfo;
use crate::text::Glob;
use crate::text::fold::fold;

/// LIMIT: entries of one set: what people can keep an eye on.
const MAX_ENTRIES: usize = 1024;
/// LIMIT: values of one entry; more is a job for a pattern.
const MAX_VALUES: usize = 4096;
/// LIMIT: bytes of one entry's compiled pattern.
const MAX_AUTOMATON_BYTES: usize = 4 << 20;

/// One `[[allow]]` of a ruleset file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowSpec {
    /// Unique name, for `rules explain` and lint.
    pub id: String,
    /// Patterns of rule ids that it speaks of (`phone-*`).
    #[serde(default)]
    pub rules: Vec<String>,
    /// Patterns of kinds that it speaks of (`pii.*`).
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Patterns of tenants for which it holds; none: all.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// Whole findings, as they are written; ASCII case does not matter.
    #[serde(default)]
    pub values: Vec<String>,
    /// A pattern that covers whole findings, in the folded text.
    #[serde(default)]
    pub regex: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why it is right.
    pub reason: String,
    /// The last day on which it holds (`2027-01-31`, in UTC), or the point in time at which it ends (RFC 3339).
    #[serde(deserialize_with = "date_text")]
    pub expires: String,
}

/// The keys of an entry, for reporting all unknown ones at once.
pub(super) const KEYS: [&str; 9] = ["id", "rules", "kinds", "tenants", "values", "regex", "owner", "reason", "expires"];

/// A date of TOML, or a string.
fn date_text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Date(toml::value::Datetime),
        Text(String),
    }
    Ok(match Written::deserialize(from)? {
        Written::Date(date) => date.to_string(),
        Written::Text(text) => text,
    })
}

/// An entry that loads.
#[derive(Debug)]
pub struct Allowed {
    /// The file that holds the entry.
    pub file: String,
    /// Its line there.
    pub line: Option<usize>,
    /// All fields as written.
    pub spec: AllowSpec,
    /// When it ends.
    pub until: Timestamp,
    rules: Vec<Glob>,
    kinds: Vec<Glob>,
    tenants: Vec<Glob>,
    values: HashSet<Box<str>>,
    regex: Option<meta::Regex>,
}

impl Allowed {
    /// True if it speaks of findings of this rule.
    #[must_use]
    pub fn speaks_of(&self, rule: &RuleInfo) -> bool {
        self.rules.iter().any(|glob| glob.matches(&rule.id)) || self.kinds.iter().any(|glob| glob.matches(&rule.kind))
    }

    /// True if it holds for a tenant; `None`: for all of them.
    pub(super) fn holds_for(&self, tenant: Option<&str>) -> bool {
        match tenant {
            None => self.tenants.is_empty(),
            Some(tenant) => self.tenants.is_empty() || self.tenants.iter().any(|glob| glob.matches(tenant)),
        }
    }

    /// True if it covers a finding of this text, in the folded view.
    pub(crate) fn covers(&self, text: &str) -> bool {
        self.values.contains(text.to_ascii_lowercase().as_str())
            || self.regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

/// Checks all entries; mistakes go to `errors`.
pub(super) fn compile(sources: Vec<Sourced<AllowSpec>>, errors: &mut Vec<RulesetError>) -> Vec<Arc<Allowed>> {
    let mut seen = HashSet::new();
    let too_many = sources.len() > MAX_ENTRIES;
    let mut entries = Vec::with_capacity(sources.len());
    for Sourced { file, lines, spec } in sources {
        let mut reporter = Reporter { file: &file, rule: spec.id.clone(), lines: &lines, errors };
        if too_many && entries.is_empty() {
            reporter.report(format!("more than {MAX_ENTRIES} allow-list entries"), "join them, or use `regex`");
        }
        if !seen.insert(spec.id.clone()) {
            reporter.report_at("id", "the id is taken by another entry", "give each entry its own id");
        }
        let until = check(&spec, &mut reporter);
        let rules = globs(&spec.rules, "rules", &mut reporter);
        let kinds = globs(&spec.kinds, "kinds", &mut reporter);
        let tenants = globs(&spec.tenants, "tenants", &mut reporter);
        let regex = spec.regex.as_deref().and_then(|regex| pattern(regex, &mut reporter));
        let values = spec.values.iter().map(|value| fold(value).text.to_ascii_lowercase().into()).collect();
        let Some(until) = until else { continue };
        let line = lines.of("");
        entries.push(Arc::new(Allowed { file, line, spec, until, rules, kinds, tenants, values, regex }));
    }
    entries
}

fn check(spec: &AllowSpec, reporter: &mut Reporter<'_>) -> Option<Timestamp> {
    if spec.rules.is_empty() && spec.kinds.is_empty() {
        reporter.report("names neither `rules` nor `kinds`", "name what it is about; `kinds = [\"*\"]` is everything");
    }
    if spec.values.is_empty() && spec.regex.is_none() {
        let mend = "give `values` or `regex`; to switch a rule off, use [[rulesets.override]] of sidewall.toml";
        reporter.report("allows no value", mend);
    }
    if spec.values.len() > MAX_VALUES || spec.values.iter().any(|value| value.trim().is_empty()) {
        reporter.report_at(
            "values",
            "a value is empty, or there are too many",
            format!("give 1 to {MAX_VALUES} values"),
        );
    }
    for (key, text) in [("id", &spec.id), ("owner", &spec.owner), ("reason", &spec.reason)] {
        if text.trim().is_empty() {
            reporter.report_at(key, format!("`{key}` is empty"), "say who answers for the entry, and why it is right");
        }
    }
    let until = end_of(&spec.expires);
    if until.is_none() {
        let mend = "write a day, like 2027-01-31, or a point in time with its offset (RFC 3339)";
        reporter.report_at("expires", "`expires` is no date", mend);
    }
    until
}

/// The point in time at which an entry ends: for a day, the end of that day.
fn end_of(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let day: Date = text.parse().ok().filter(|_| text.len() == "2027-01-31".len())?;
    Some(day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn globs(patterns: &[String], key: &str, reporter: &mut Reporter<'_>) -> Vec<Glob> {
    let mut globs = Vec::with_capacity(patterns.len());
    for pattern in patterns {
        match Glob::new(pattern) {
            Some(glob) => globs.push(glob),
            None => {
                let mend = "use letters, digits, `.`, `_`, `-`, and `*` for any text";
                reporter.report_at(key, format!("`{key}` holds something that is no pattern"), mend);
            }
        }
    }
    globs
}

fn pattern(regex: &str, reporter: &mut Reporter<'_>) -> Option<meta::Regex> {
    let config = meta::Config::new().nfa_size_limit(Some(MAX_AUTOMATON_BYTES));
    match meta::Builder::new().configure(config).build(&format!(r"\A(?:{regex})\z")) {
        Ok(regex) => Some(regex),
        Err(e) => {
            let what = format!(
                "the regex does not compile: {}",
                e.syntax_error().map_or_else(|| e.to_string(), ToString::to_string)
            );
            reporter.report_at("regex", what, "see the syntax of the Rust crate `regex`");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_to_its_end() {
        for (text, expected) in [
            ("2027-01-31", Some("2027-02-01T00:00:00Z")),
            ("2027-01-31T10:00:00Z", Some("2027-01-31T10:00:00Z")),
            ("2027-01-31T10:00:00+02:00", Some("2027-01-31T08:00:00Z")),
            ("2027-02-30", None),
            ("2027-01-31T10:00:00", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(end_of(text).map(|t| t.to_string()), expected.map(str::to_owned), "{text}");
        }
    }
}
