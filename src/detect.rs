//! Detection: views in, findings out. Knows texts, never wire formats or dialects.

pub mod classifier;
pub mod compare;
pub mod explain;
pub mod finding;
pub mod injection;
mod open;
pub mod ruleset;
mod scan;
pub mod validate;
mod views;

pub use finding::{Finding, RuleInfo};
pub use injection::injection_score;
pub use ruleset::{Ruleset, ScanState, Scope};
pub use views::ViewState;
