//! What is wrong with a ruleset: everything at once, each with file, line, rule, what and how to mend.

use std::fmt;

use serde::Serialize;

/// One mistake in a ruleset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RulesetError {
    /// File (or the embedded file's name).
    pub file: String,
    /// Line in the file, from 1; `None` if the file as a whole is meant.
    pub line: Option<usize>,
    /// The id of the rule or entry, or its place in the file where it has none; empty if the file as a whole is meant.
    pub rule: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl fmt::Display for RulesetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        if !self.rule.is_empty() {
            write!(f, "rule {}: ", self.rule)?;
        }
        write!(f, "{} ({})", self.what, self.mend)
    }
}

/// Every mistake found in the files of a ruleset. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct RulesetErrors(pub Vec<RulesetError>);

impl RulesetErrors {
    /// A mistake that no single file has.
    #[must_use]
    pub fn of_all(what: impl Into<String>, mend: &str) -> Self {
        let file = "(all files)".to_owned();
        Self(vec![RulesetError { file, line: None, rule: String::new(), what: what.into(), mend: mend.to_owned() }])
    }
}

/// Where a table of a file and its keys stand: lines, from 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    pub(super) table: Option<usize>,
    pub(super) keys: Vec<(String, usize)>,
}

impl Lines {
    /// The line of `key`, or of the table where the key is absent.
    pub(super) fn of(&self, key: &str) -> Option<usize> {
        self.keys.iter().find(|(name, _)| name == key).map(|(_, line)| *line).or(self.table)
    }
}

/// Collects mistakes about one rule of one file.
pub(super) struct Reporter<'a> {
    pub(super) file: &'a str,
    pub(super) rule: String,
    pub(super) lines: &'a Lines,
    pub(super) errors: &'a mut Vec<RulesetError>,
}

impl Reporter<'_> {
    /// A mistake of the rule.
    pub(super) fn report(&mut self, what: impl Into<String>, mend: impl Into<String>) {
        self.report_at("", what, mend);
    }

    /// A mistake of one key of the rule.
    pub(super) fn report_at(&mut self, key: &str, what: impl Into<String>, mend: impl Into<String>) {
        self.errors.push(RulesetError {
            file: self.file.to_owned(),
            line: self.lines.of(key),
            rule: self.rule.clone(),
            what: what.into(),
            mend: mend.into(),
        });
    }
}
