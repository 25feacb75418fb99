//! What configuration may say of the audit log.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of the audit log. [`Settings::new`] gives every default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Folder of segments; made if absent. One process at a time writes there.
    pub dir: PathBuf,
    /// Folder of tenants' public keys.
    pub keys: PathBuf,
    /// What of an exchange's text a record holds.
    pub content: Content,
    /// Name of this pod in segment headers; at most 64 bytes, the rest is cut.
    pub pod: String,
    /// File of the Ed25519 key that signs commits; absent: `DIR/signer.key`, made at first start.
    pub signer: Option<PathBuf>,
    /// A segment that has reached this size in bytes is followed by a new one.
    pub segment_bytes: u64,
    /// A segment older than this is followed by a new one at the next record.
    pub segment_age: Duration,
    /// LIMIT: bytes of records that may wait for the disk. Beyond, `try_submit` refuses and `append` waits for room.
    pub queue_bytes: u32,
    /// How long `append` and a ticket wait before they answer [`AuditError::Deadline`](crate::audit::AuditError).
    pub deadline: Duration,
}

/// What of an exchange's text a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Content {
    /// Findings and facts, no text.
    Metadata,
    /// Also prompt and completion after redaction.
    #[default]
    Filtered,
}

impl Settings {
    /// The defaults, for a log in `dir` with keys in `keys`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, keys: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            keys: keys.into(),
            content: Content::Filtered,
            pod: String::new(),
            signer: None,
            segment_bytes: 64 << 20,
            segment_age: Duration::from_mins(15),
            queue_bytes: 64 << 20,
            deadline: Duration::from_secs(2),
        }
    }
}
