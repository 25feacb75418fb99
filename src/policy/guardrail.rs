//! Guardrails: kinds + where + threshold → action.

use std::sync::Arc;

use crate::policy::verdict::Action;
use crate::redact::Strategy;
use crate::text::{Part, Phase};

/// What the guardrails say of one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The strongest action asked for; `None`: no guardrail speaks of it (it is still recorded).
    pub action: Option<Action>,
    /// How to redact, if the action is `Redact`.
    pub strategy: Strategy,
    /// Name of the guardrail that decided; empty if none.
    pub guardrail: Arc<str>,
}

/// The guardrails in force, resolved for one tenant.
#[derive(Debug, Clone, Default)]
pub struct Guardrails {}

impl Guardrails {
    /// Judges a finding of `kind` with `confidence` (0–100) in `part`.
    #[must_use]
    pub fn judge(&self, _phase: Phase, _part: Part, _kind: &str, _confidence: u8) -> Judgement {
        Judgement { action: None, strategy: Strategy::Tokenize, guardrail: Arc::from("") }
    }
}
