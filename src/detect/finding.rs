//! What a detector says: where, what kind, how sure. Never the text itself.

use std::sync::Arc;

use crate::text::TextSpan;

/// The identity of a rule, shared by all its findings.
#[derive(Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// The rule's id, as in the ruleset file.
    pub id: Box<str>,
    /// Dotted kind: `pci.pan`, `pii.email`, `secret.aws_access_key`, `injection.override` …
    pub kind: Box<str>,
    /// The word that placeholders of this kind carry (`EMAIL`, `PAN` …): `[A-Z][A-Z0-9]*(_[A-Z0-9]+)*`, at most 20 bytes.
    pub word: Box<str>,
    /// `injection` rules: the weight (0–100) that this rule adds to a channel's score. 0 for others.
    pub weight: u8,
}

/// One finding in one channel.
///
/// INVARIANT: holds no text of the caller, so it may be logged, counted and audited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: Arc<RuleInfo>,
    /// Where, in raw channel text; both ends on character boundaries.
    pub span: TextSpan,
    /// How sure, 0–100.
    pub confidence: u8,
}
