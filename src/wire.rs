//! Bytes as they stand on the wire: frames cut out of a byte stream, JSON scanned without being parsed, string
//! literals decoded with a map back to their bytes, and edits spliced in so that all else stays the very same bytes.
//!
//! Nothing here does I/O, knows a provider's words, or builds a tree.

pub mod bytescan;
pub mod escape;
pub mod frame;
pub mod json;
pub mod media;
pub mod pieces;
pub mod splice;
pub mod sse;
pub mod tree;

pub use escape::{EscapeMap, escape_into, unescape, unescape_mapped};
pub use frame::{Frame, FrameError, Framer, Payload, WholeFramer};
pub use json::{ScanError, ScanErrorKind, Str, Visitor, scan};
pub use splice::{SpliceError, WireEdit, splice};
pub use sse::SseFramer;
