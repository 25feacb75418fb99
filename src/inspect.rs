//! The inspection engine: one path for bodies and streams, requests and responses.

pub mod cleared;
pub mod engine;
pub mod refusal;
pub mod report;

pub use cleared::Cleared;
pub use engine::{Framing, Guards, InspectedRequest, ResponseInspector, inspect_request};
pub use refusal::{Refusal, RefusalCode};
pub use report::{Coverage, FilteredText, FindingNote, Report, ToolCallNote, Usage};
