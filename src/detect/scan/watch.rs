//! What a scan can tell somebody who watches it: `rules explain`. In production nobody does, and it costs nothing.

use std::sync::Arc;

use crate::detect::ruleset::Allowed;
use crate::text::TextSpan;

/// What became of a match of a rule's pattern.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It passed all checks: a candidate of this confidence, and whether a context word raised it.
    Candidate {
        /// 0–100.
        confidence: u8,
        /// A context word stands near.
        context: bool,
    },
    /// None of the rule's keywords stands in it or shortly before it.
    NoKeyword,
    /// It has fewer digits than the rule asks for.
    FewDigits,
    /// Its entropy, in bits a character, is below the rule's.
    LowEntropy(f64),
    /// The rule's validator says that it is none.
    Invalid,
    /// None of the context words that the rule demands stands near.
    NoContext,
    /// Its confidence is below the threshold that configuration sets for the rule.
    BelowThreshold(u8),
    /// An allow-list entry covers it.
    Allowed(Arc<Allowed>),
}

/// What was seen at one place.
#[derive(Debug, Clone)]
pub(crate) enum Sighting {
    /// A rule's pattern ran here.
    Searched { rule: u32 },
    /// It matched. `span`: what the finding would cover, in the scanned text.
    Matched { rule: u32, span: TextSpan, fate: Fate },
}
