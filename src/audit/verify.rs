//! Verification without any decryption key: checksums, sequence, tree, signatures, the chain of segments, gaps, anchors, shredding.

mod anchored;
mod segment;
mod shredded;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::audit::error::AuditError;
use crate::audit::folder::{Entry, entries, is_live};
use crate::keys::pair::unhex;

use anchored::Anchored;
use segment::Checked;
use shredded::Shredded;

/// What is wrong, with the exit code of `audit verify`. In order of weight: the heaviest decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Intact, but records of a tenant can be read by nobody any more: their keys were shredded.
    Shredded,
    /// A gap is declared, or an unfinished write is about to be: nothing acknowledged is missing.
    Gap,
    /// Shorter than an anchor says.
    Truncated,
    /// A segment is missing.
    Missing,
    /// Signed by a key that is not trusted.
    UnknownSigner,
    /// Something was changed after it had been written.
    Tampered,
}

impl Code {
    /// The exit code (0: intact).
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Self::Truncated => 2,
            Self::Tampered => 3,
            Self::Missing => 4,
            Self::UnknownSigner => 5,
            Self::Shredded => 6,
            Self::Gap => 7,
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its class.
    pub code: Code,
    /// The segment's number.
    pub segment: u64,
    /// What, where.
    pub message: String,
}

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SegmentReport {
    /// File name.
    pub file: String,
    /// Number.
    pub segment: u64,
    /// Name of the pod that wrote it.
    pub pod: String,
    /// When it was made (milliseconds since 1970).
    pub created_ms: u64,
    /// When its last batch was committed.
    pub last_ms: u64,
    /// True if it was finished by a SEAL.
    pub sealed: bool,
    /// Committed size in bytes.
    pub bytes: u64,
    /// Batches.
    pub batches: u64,
    /// Records.
    pub records: u64,
    /// Records by tenant.
    pub tenants: BTreeMap<String, u64>,
    /// Tree size and root at the last commit, in hexadecimal.
    pub tree_size: u64,
    /// See `tree_size`.
    pub root: String,
    /// Public key of the signer, in hexadecimal.
    pub signer: String,
}

/// The result for a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Every segment with a readable header, in order.
    pub segments: Vec<SegmentReport>,
    /// Everything wrong, in order.
    pub problems: Vec<Problem>,
    /// A sidecar is writing here: the batch being written is not judged.
    pub live: bool,
}

impl Verification {
    /// The exit code: that of the heaviest problem, 0 if there is none.
    #[must_use]
    pub fn exit(&self) -> u8 {
        self.problems.iter().map(|problem| problem.code).max().map_or(0, Code::exit)
    }

    fn add(&mut self, code: Code, segment: u64, message: impl Into<String>) {
        self.problems.push(Problem { code, segment, message: message.into() });
    }
}

/// What the log is held against.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Trusted signers; if there are none, `DIR/signer.pub`, and without that file the first segment's signer.
    pub signers: Vec<[u8; 32]>,
    /// Texts of anchors: notes, one behind the other.
    pub anchors: Vec<String>,
    /// Folders with tombstones of shredded keys, beside the log's own.
    pub keys: Vec<PathBuf>,
    /// The log begins with this segment here: those before it were shipped and removed. 0, 1: with the first.
    pub from: u64,
}

/// Verifies the log in `dir`.
///
/// # Errors
/// [`AuditError::Open`] if a folder cannot be read. Whatever is in its files is a problem, not an error.
pub fn verify(dir: &Path, evidence: &Evidence) -> Result<Verification, AuditError> {
    let mut result = Verification { live: is_live(dir), ..Verification::default() };
    let mut shredded = Shredded::new(dir, &evidence.keys)?;
    let entries = entries(dir)?;
    let trusted = trusted(dir, &evidence.signers, &entries);
    let mut anchored = Anchored::new(&evidence.anchors, &trusted, &mut result);
    let mut expected = evidence.from.max(1);
    let mut checked: Option<Checked> = None;
    for (at, entry) in entries.iter().enumerate() {
        if entry.number < evidence.from {
            continue;
        }
        if entry.number < expected {
            result.add(Code::Tampered, entry.number, format!("{}: a second segment of this number", entry.name));
        }
        if entry.number > expected {
            let missing = format!("{} segment(s) before {} are missing", entry.number - expected, entry.name);
            result.add(Code::Missing, expected, missing);
        }
        expected = entry.number + 1;
        let is_last = at + 1 == entries.len();
        let current = segment::check(entry, &trusted, is_last, &mut anchored, &mut shredded, &mut result);
        if let Some(previous) = checked.take() {
            previous.judge_rest(current.as_ref(), &mut result);
        }
        checked = current;
    }
    anchored.judge_absent(expected, &mut result);
    shredded.judge(&mut result);
    Ok(result)
}

/// Parses a signer's public key: 64 hexadecimal digits, as in `signer.pub`.
#[must_use]
pub fn parse_signer(text: &str) -> Option<[u8; 32]> {
    unhex(text.trim())?.try_into().ok()
}

fn trusted(dir: &Path, signers: &[[u8; 32]], entries: &[Entry]) -> Vec<[u8; 32]> {
    if !signers.is_empty() {
        return signers.to_vec();
    }
    let file = std::fs::read_to_string(dir.join("signer.pub")).ok().and_then(|text| parse_signer(&text));
    let first = || entries.iter().find_map(|entry| entry.header.as_ref().ok()).map(|header| header.signer);
    file.or_else(first).into_iter().collect()
}
