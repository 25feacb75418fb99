//! What a pattern cannot say: check digits, number ranges, decoded headers, and whether what stands
//! beside a match makes it something else.

/// What a validator may look at.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// The matched span, in the folded view.
    pub text: &'a str,
    /// Up to 64 bytes before it.
    pub before: &'a str,
    /// Up to 32 bytes after it in requests; empty in responses, so that no verdict depends on text to come.
    pub after: &'a str,
}

/// What a validator says of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not what the rule looks for.
    Reject,
    /// As sure as the rule says.
    Accept,
    /// As sure as this (0–100), whatever the rule says.
    Confidence(u8),
}

/// A check of one candidate. Must not panic, must be linear in the candidate's length.
pub type Validator = fn(&Candidate<'_>) -> Outcome;

/// Every validator by the name that rules use, sorted.
const TABLE: &[(&str, Validator)] = &[];

/// The validator of this name.
#[must_use]
pub fn lookup(name: &str) -> Option<Validator> {
    TABLE.iter().find(|(known, _)| *known == name).map(|(_, validator)| *validator)
}

/// The names of all validators, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}
