//! Policy: findings in, a verdict out. Guardrails are rows; a profile is a named set of rows.

pub mod guardrail;
pub mod profile;
pub mod verdict;

pub use crate::text::Glob;
pub use guardrail::{FailMode, Guardrail, GuardrailSet, Guardrails, Judgement};
pub use profile::Profile;
pub use verdict::{Action, Reason, Verdict};
