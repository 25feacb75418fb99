//! What configuration may say of the audit log.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::audit::ship::Ship;

/// Settings of the audit log. [`Settings::new`] gives every default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Folder of segments; made if absent. One process at a time writes there.
    pub dir: PathBuf,
    /// Folder of tenants' public keys.
    pub keys: PathBuf,
    /// For every tenant that `tenants` does not name.
    pub defaults: TenantSettings,
    /// By tenant.
    pub tenants: HashMap<Arc<str>, TenantSettings>,
    /// Name of this pod in segment headers; at most 64 bytes, the rest is cut.
    pub pod: String,
    /// File of the Ed25519 key that signs commits; absent: `DIR/signer.key`, made at first start.
    pub signer: Option<PathBuf>,
    /// A segment that has reached this size in bytes is followed by a new one.
    pub segment_bytes: u64,
    /// A segment with records that is older than this is followed by a new one.
    pub segment_age: Duration,
    /// Files that checkpoints are appended to, on another disk than `dir`.
    pub anchors: Vec<PathBuf>,
    /// Where closed segments are copied to.
    pub ship: Option<Ship>,
    /// Shortest time between two checkpoints of a segment; none is made while there is nothing new.
    pub checkpoint_interval: Duration,
    /// LIMIT: bytes of records that may wait for the disk. Beyond, `try_submit` refuses and `append` waits for room.
    pub queue_bytes: u32,
    /// How long `append` and a ticket wait before they answer [`AuditError::Deadline`](crate::audit::AuditError).
    pub deadline: Duration,
}

/// What is kept of one tenant's exchanges, for whom, and how surely.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantSettings {
    /// What of an exchange's text a record holds.
    pub content: Content,
    /// What an exchange waits for.
    pub durability: Durability,
    /// Files of public keys that can open the records beside the tenant's own.
    pub auditors: Vec<PathBuf>,
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

/// What an exchange waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// No byte of model output leaves before the admission record is on disk, the last one not before the completion record.
    #[default]
    Strict,
    /// Records must be taken by the log and are on disk milliseconds later; a crash or a failing disk may lose them.
    Batched,
    /// As `Batched`, and an exchange goes on even if the log takes no record. What is not written is declared by a GAP.
    BestEffort,
}

impl Settings {
    /// The defaults, for a log in `dir` with keys in `keys`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, keys: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            keys: keys.into(),
            defaults: TenantSettings::default(),
            tenants: HashMap::new(),
            pod: String::new(),
            signer: None,
            segment_bytes: 64 << 20,
            segment_age: Duration::from_mins(15),
            anchors: Vec::new(),
            ship: None,
            checkpoint_interval: Duration::from_mins(1),
            queue_bytes: 64 << 20,
            deadline: Duration::from_secs(2),
        }
    }

    /// What holds for this tenant.
    #[must_use]
    pub fn of(&self, tenant: &str) -> &TenantSettings {
        self.tenants.get(tenant).unwrap_or(&self.defaults)
    }
}
