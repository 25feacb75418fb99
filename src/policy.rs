//! Policy: findings in, a verdict out. Guardrails are rows; a profile is a named set of rows.

pub mod approvals;
pub mod authoriser;
pub mod cedar;
pub mod denial;
pub mod guardrail;
pub mod profile;
pub mod settings;
pub mod state;
pub mod verdict;

pub use crate::text::Glob;
pub use approvals::{ApprovalSettings, Approvals, Ticket};
pub use authoriser::{Authoriser, Circumstances, Conditional, Permit, Ruled};
pub use denial::{Denial, DenialKind};
pub use guardrail::{FailMode, Guardrail, GuardrailSet, Guardrails, Judgement};
pub use profile::Profile;
pub use settings::{Check, Mode, Provenance, Rejection, ToolSettings};
pub use state::{AllowedState, StateCheck, StateGate, StateSettings, StateVerdict, Unseen};
pub use verdict::{Action, Reason, Verdict};
