//! The inspection engine: one path for bodies and streams, requests and responses.

mod assembly;
mod calls;
mod channel;
mod cleared;
mod context;
mod decide;
mod history;
mod joints;
mod memory;
mod onlooker;
mod opaque;
mod questions;
mod refusal;
mod report;
mod request;
mod response;
mod told;

pub use cleared::Cleared;
pub use context::Guards;
pub use history::{Found, History, Past, TenantHistory};
pub use memory::Memory;
pub use onlooker::Onlooker;
pub use questions::Judge;
pub use refusal::{Refusal, RefusalCode};
pub use report::{Coverage, FilteredText, FindingNote, Report, StateNote, ToolCallNote, Usage};
pub use request::{InspectedRequest, PendingRequest, begin_request, inspect_request};
pub use response::{Framing, ResponseInspector};
