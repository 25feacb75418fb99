//! Provider APIs as values: one table each. Words of a provider's wire format stand in this room alone.

pub mod registry;

pub use registry::{Dialect, Endpoint, Route, render_error_event, render_refusal, route};

/// Every dialect's name, as `[[upstream]].dialects` lists them.
pub const NAMES: [&str; 3] = ["openai", "anthropic", "generic"];
