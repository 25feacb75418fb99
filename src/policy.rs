//! Policy: findings in, a verdict out. Guardrails are rows; a profile is a named set of rows.

pub mod guardrail;
pub mod verdict;

pub use guardrail::{Guardrails, Judgement};
pub use verdict::{Action, Reason, Verdict};
