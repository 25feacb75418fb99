//! What can go wrong when a record is to be written. Each is an answer "no": the exchange must not go on.

use std::io;
use std::path::PathBuf;

use crate::keys::{KeyError, SealError};

/// Why a record is not (known to be) on disk, or the log could not be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The tenant has no usable public key.
    #[error("no usable public key for this tenant in the audit keys folder: {0} (make one with `sidewall keys new`)")]
    NoKey(String),
    /// Too many bytes wait for the disk.
    #[error("the audit queue is full: the disk does not keep up")]
    QueueFull,
    /// The disk did not answer in time. The record may still be written later.
    #[error("the audit log did not confirm the record in time: the disk is slow or hangs")]
    Deadline,
    /// The record is larger than a frame may be.
    #[error("the audit record has {0} bytes, more than a frame may hold ({max})", max = crate::audit::frame::MAX_RECORD)]
    TooLarge(usize),
    /// Writing or syncing failed, in the segment and then in its successor.
    #[error("the audit log cannot be written: {0}")]
    Storage(String),
    /// A file or folder of the log cannot be used.
    #[error("{path}: {problem}")]
    Open {
        /// Which.
        path: PathBuf,
        /// Why, and how to mend it.
        problem: String,
    },
    /// Copies elsewhere are too far behind, and configuration wants no new exchanges then.
    #[error("copies of the audit log elsewhere are behind: what ships segments or keeps checkpoints does not answer")]
    Behind,
    /// The log has been closed.
    #[error("the audit log is closed")]
    Closed,
    /// Encryption, randomness or serialisation failed.
    #[error("the audit record could not be sealed: {0}")]
    Seal(String),
}

impl AuditError {
    pub(crate) fn storage(error: &io::Error) -> Self {
        Self::Storage(error.to_string())
    }
    pub(crate) fn open(path: impl Into<PathBuf>, problem: impl std::fmt::Display) -> Self {
        Self::Open { path: path.into(), problem: problem.to_string() }
    }
    /// A short word for metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoKey(_) => "no_key",
            Self::QueueFull => "queue_full",
            Self::Deadline => "deadline",
            Self::TooLarge(_) => "too_large",
            Self::Storage(_) => "storage",
            Self::Open { .. } => "open",
            Self::Behind => "behind",
            Self::Closed => "closed",
            Self::Seal(_) => "seal",
        }
    }
}

impl From<KeyError> for AuditError {
    fn from(error: KeyError) -> Self {
        Self::NoKey(error.to_string())
    }
}

impl From<SealError> for AuditError {
    fn from(error: SealError) -> Self {
        Self::Seal(error.to_string())
    }
}
