//! The decision about an exchange: a small semilattice, so that joining is order-free.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a guardrail asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Record only.
    Observe,
    /// Edit the text.
    Redact,
    /// Refuse the exchange.
    Block,
}

/// Why an exchange is refused; holds no text of the caller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// Dotted kind of the finding that decided.
    pub kind: Arc<str>,
    /// Id of the rule that decided.
    pub rule: Arc<str>,
    /// Name of the guardrail that decided.
    pub guardrail: Arc<str>,
    /// Path of the field, such as `messages[2].content`.
    pub path: Arc<str>,
}

/// What happens to an exchange: `Allow < Redact < Block`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verdict {
    /// Passes unchanged.
    #[default]
    Allow,
    /// Passes with edits.
    Redact,
    /// Refused.
    Block(Reason),
}

impl Verdict {
    /// The stronger of the two. Between two blocks the lesser reason in `Ord` stands, so that the result
    /// does not depend on the order of joining.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Block(a), Self::Block(b)) => Self::Block(a.min(b)),
            (a, b) => a.max(b),
        }
    }

    /// The word of `x-sidewall-verdict`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Redact => "redact",
            Self::Block(_) => "block",
        }
    }
}
