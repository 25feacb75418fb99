//! Provider APIs as values: one table each. Words of a provider's wire format stand in this room alone.

pub mod anthropic;
pub mod coverage;
pub mod gemini;
pub mod headers;
pub mod ollama;
pub mod openai;
pub mod refuse;
pub mod registry;
pub mod table;
pub mod trie;
pub mod walk;
pub mod withdraw;

pub use refuse::{Separator, render_error_event, render_refusal};
pub use registry::{ARGUMENTS, DECISIONS, Dialect, Endpoint, NAMES, Named, Route, Table, endpoints, route};
pub use table::ToolShape;
