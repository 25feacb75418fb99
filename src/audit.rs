//! The audit log: what happened in each exchange, sealed to the tenant, signed, durable before anything leaves.
//!
//! ```text
//! Record (filtered by type) → JSON, padded       on the caller's thread
//!   → one writer thread: HPKE-sealed data key per tenant and segment → ratchet → AES-256-GCM → Merkle leaf
//!   → COMMIT (root, signature) → one write, one fdatasync → every waiting caller answered
//! ```
//!
//! The format is described byte by byte in `docs/audit-format.md`. Reading and verifying live beside writing, in
//! [`verify`] and [`read`]; only reading needs a private key.

pub mod anchor;
mod behind;
pub mod body;
pub mod error;
mod folder;
pub mod frame;
pub mod header;
mod json;
pub mod log;
pub mod merkle;
pub mod note;
pub mod proof;
mod queue;
mod ratchet;
pub mod read;
pub mod record;
mod recover;
pub mod rewrap;
pub mod scan;
mod segment;
pub mod settings;
mod shed;
pub mod ship;
pub mod signer;
mod space;
pub mod storage;
#[cfg(test)]
mod testing;
pub mod verify;
mod writer;

pub use anchor::{Anchor, FileAnchor};
pub use error::AuditError;
pub use log::{AuditLog, Receipt, Ticket};
pub use record::{Event, Outcome, Record, RefusalNote, Timings};
pub use settings::{Content, Durability, Settings, TenantSettings};
pub use ship::Ship;
pub use storage::{Disk, SegmentFile, Storage};
