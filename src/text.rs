//! Text as detectors see it: spans, the parts of an exchange, and the views (folded, decoded) of a
//! text with offset maps back to the raw one.

pub mod part;
pub mod span;

pub use part::{Part, Phase};
pub use span::{TextSpan, WireRange};
