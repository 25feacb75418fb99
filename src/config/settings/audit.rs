//! `[audit]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Durability, Ship};
use crate::config::settings::{BaseUrl, Credential};

/// What a record holds beside metadata and findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditContent {
    /// Nothing.
    Metadata,
    /// Prompt and completion after redaction.
    Filtered,
    /// The same, with a pseudonym of its own for every value that was found, not only for those that were replaced.
    Pseudonyms,
}

/// `[audit]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// Folder of segments.
    pub dir: PathBuf,
    /// Folder of tenants' public keys, as `keys new` makes it.
    pub keys: PathBuf,
    /// For every tenant that `tenants` does not name.
    pub defaults: AuditTenant,
    /// `[[audit.tenant]]`, by name.
    pub tenants: BTreeMap<Arc<str>, AuditTenant>,
    /// A larger segment is followed by a new one.
    pub segment_bytes: u64,
    /// An older one too.
    pub segment_age: Duration,
    /// Files that checkpoints are appended to.
    pub anchors: Vec<PathBuf>,
    /// Endpoints that checkpoints are posted to.
    pub endpoints: Vec<AuditAnchor>,
    /// Where closed segments are copied to.
    pub ship: Option<Ship>,
    /// Shortest time between two checkpoints.
    pub checkpoint_interval: Duration,
}

/// `[[audit.anchor]]`: an endpoint that keeps checkpoints.
#[derive(Debug, Clone)]
pub struct AuditAnchor {
    /// Where to post.
    pub url: BaseUrl,
    /// The certificate authority of its server, in place of the public roots.
    pub ca: Option<PathBuf>,
    /// Sent as a bearer token.
    pub credential: Option<Credential>,
    /// It must answer within this.
    pub deadline: Duration,
    /// New exchanges are refused when it has kept nothing for longer than `patience`.
    pub refuse: bool,
    /// See `refuse`.
    pub patience: Duration,
}

/// Of a credential only where it was read is compared.
impl PartialEq for AuditAnchor {
    fn eq(&self, other: &Self) -> bool {
        let of = |anchor: &Self| anchor.credential.as_ref().map(|credential| credential.source.clone());
        (&self.url, &self.ca, of(self), self.deadline, self.refuse, self.patience)
            == (&other.url, &other.ca, of(other), other.deadline, other.refuse, other.patience)
    }
}

impl Eq for AuditAnchor {}

/// What is kept of a tenant's exchanges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditTenant {
    /// When a record counts as written.
    pub durability: Durability,
    /// What it holds.
    pub content: AuditContent,
    /// Public keys that open it beside the tenant's own.
    pub auditors: Vec<PathBuf>,
}

/// 64 MiB a segment: a day of a busy pod in some dozens of files.
pub const DEFAULT_SEGMENT_BYTES: u64 = 64 << 20;
/// LIMIT: readers hold one segment in memory, at most 256 MiB; a segment may pass its size by one batch with the largest records.
pub const MAX_SEGMENT_BYTES: u64 = 128 << 20;
/// 15 minutes a segment: so much is not shipped yet when a pod is lost with its disk.
pub const DEFAULT_SEGMENT_AGE: Duration = Duration::from_mins(15);
/// 2 s for an endpoint's answer, as for every other place that the log waits for.
pub const DEFAULT_ANCHOR_DEADLINE: Duration = Duration::from_secs(2);
/// 5 minutes: an endpoint that is restarted or moved stops nobody.
pub const DEFAULT_ANCHOR_PATIENCE: Duration = Duration::from_mins(5);
/// 4 GiB: an hour of an object store that cannot be reached, for a pod that writes a megabyte a second.
pub const DEFAULT_SPOOL_BYTES: u64 = 4 << 30;
/// How often closed segments are looked for; they come once in minutes.
pub const SHIP_LOOK: Duration = Duration::from_secs(2);
/// 60 s between checkpoints: so much can be cut off unseen by who holds the pod and its key.
pub const DEFAULT_CHECKPOINT_INTERVAL: Duration = Duration::from_mins(1);
