//! Text as detectors see it: spans, the parts of an exchange, and the views (folded, decoded) of a
//! text with offset maps back to the raw one. Also the patterns by which rows name kinds, rules and tenants.

pub mod decode;
pub mod fold;
pub mod glob;
pub mod part;
pub mod span;
pub mod view;

pub use fold::{Oddities, fold};
pub use glob::Glob;
pub use part::{Part, Phase};
pub use span::{TextSpan, WireRange};
pub use view::{OffsetMap, Origin, View};
