//! What is wrong with a ruleset: everything at once, each with file, rule, what and how to mend.

use std::fmt;

/// One mistake in a ruleset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesetError {
    /// File (or the embedded file's name).
    pub file: String,
    /// The rule's id, or its place in the file where it has none; empty if the file as a whole is meant.
    pub rule: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl fmt::Display for RulesetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
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

/// Collects mistakes about one rule of one file.
pub(super) struct Reporter<'a> {
    pub(super) file: &'a str,
    pub(super) rule: String,
    pub(super) errors: &'a mut Vec<RulesetError>,
}

impl Reporter<'_> {
    pub(super) fn report(&mut self, what: impl Into<String>, mend: impl Into<String>) {
        self.errors.push(RulesetError {
            file: self.file.to_owned(),
            rule: self.rule.clone(),
            what: what.into(),
            mend: mend.into(),
        });
    }
}
