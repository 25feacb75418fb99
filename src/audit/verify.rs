//! Verification without any decryption key: checksums, sequence, tree, signatures, the chain of segments, gaps.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::audit::error::AuditError;
use crate::audit::folder::{Entry, entries, is_live};
use crate::audit::frame::{FrameType, GapBody, GapReason, KeyBody};
use crate::audit::header::Header;
use crate::audit::scan::{self, Scan, Tail};
use crate::keys::pair::hex;

/// What is wrong, with the exit code of `audit verify`. In order of weight: the heaviest decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A gap is declared, or an unfinished write is about to be: nothing acknowledged is missing.
    Gap,
    /// A segment is missing.
    Missing,
    /// Signed by a key that is not trusted.
    UnknownSigner,
    /// Something was changed after it had been written.
    Tampered,
}

impl Code {
    /// The exit code (0: intact; 2: truncated behind an anchor and 6: shredded come with anchors and shredding).
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Self::Tampered => 3,
            Self::Missing => 4,
            Self::UnknownSigner => 5,
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

/// Verifies the log in `dir`. `signers` are the trusted public keys; if there are none, `DIR/signer.pub`, and without
/// that file the first segment's signer.
///
/// # Errors
/// [`AuditError::Open`] if the folder cannot be read. Whatever is in its files is a problem, not an error.
pub fn verify(dir: &Path, signers: &[[u8; 32]]) -> Result<Verification, AuditError> {
    let mut result = Verification { live: is_live(dir), ..Verification::default() };
    let entries = entries(dir)?;
    let trusted = trusted(dir, signers, &entries);
    let mut expected = 1;
    let mut checked: Option<Checked> = None;
    for (at, entry) in entries.iter().enumerate() {
        if entry.number < expected {
            result.add(Code::Tampered, entry.number, format!("{}: a second segment of this number", entry.name));
        }
        if entry.number > expected {
            let missing = format!("{} segment(s) before {} are missing", entry.number - expected, entry.name);
            result.add(Code::Missing, expected, missing);
        }
        expected = entry.number + 1;
        let current = check(entry, &trusted, at + 1 == entries.len(), &mut result);
        if let Some(previous) = checked.take() {
            previous.judge_rest(current.as_ref(), &mut result);
        }
        checked = current;
    }
    Ok(result)
}

/// Parses a signer's public key: 64 hexadecimal digits, as in `signer.pub`.
#[must_use]
pub fn parse_signer(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut out = [0; 32];
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(out)
}

fn trusted(dir: &Path, signers: &[[u8; 32]], entries: &[Entry]) -> Vec<[u8; 32]> {
    if !signers.is_empty() {
        return signers.to_vec();
    }
    let file = std::fs::read_to_string(dir.join("signer.pub")).ok().and_then(|text| parse_signer(&text));
    let first = || entries.iter().find_map(|entry| entry.header.as_ref().ok()).map(|header| header.signer);
    file.or_else(first).into_iter().collect()
}

/// What the check of the next segment needs of the one before.
struct Checked {
    number: u64,
    name: String,
    /// Where the bytes begin that the successor does not vouch for, if any of them is not zero.
    void_from: Option<u64>,
    gaps: Vec<GapBody>,
}

impl Checked {
    /// Bytes behind the vouched end must be declared void by the successor.
    fn judge_rest(&self, successor: Option<&Self>, result: &mut Verification) {
        let Some(from) = self.void_from else {
            return;
        };
        let declares = |gap: &GapBody| gap.segment == self.number && gap.from == from;
        if !successor.is_some_and(|next| next.gaps.iter().any(declares)) {
            let message = format!("{}: bytes from {from} on belong to no declared gap", self.name);
            result.add(Code::Tampered, self.number, message);
        }
    }
}

fn check(entry: &Entry, trusted: &[[u8; 32]], is_last: bool, result: &mut Verification) -> Option<Checked> {
    let (number, name) = (entry.number, &entry.name);
    let (bytes, rest) = match entry.read() {
        Ok(read) => read,
        Err(error) => {
            result.add(Code::Tampered, number, format!("{name}: {error}"));
            return None;
        }
    };
    let mut contents = Contents::default();
    let scan = match scan::scan(&bytes, |_, _, batch| contents.add(batch)) {
        Ok(scan) => scan,
        Err(problem) => {
            result.add(Code::Tampered, number, format!("{name}: {problem}"));
            return None;
        }
    };
    if scan.header.segment != number {
        let message = format!("{name}: the header says segment {}", scan.header.segment);
        result.add(Code::Tampered, number, message);
    }
    if !trusted.contains(&scan.header.signer) {
        let message = format!("{name}: signed by unknown key {}", hex(&scan.header.signer));
        result.add(Code::UnknownSigner, number, message);
    }
    if number == 1 && (scan.header.previous_size, scan.header.previous_root) != (0, [0; 32]) {
        result.add(Code::Tampered, number, format!("{name}: the first segment names a predecessor"));
    }
    check_tail(entry, &scan, is_last, result);
    for gap in &contents.gaps {
        result.add(Code::Gap, number, format!("{name}: {}", describe(gap)));
    }
    result.segments.push(contents.report(name, &scan.header, &scan));
    let void_from = rest.iter().any(|byte| *byte != 0).then_some(bytes.len() as u64);
    Some(Checked { number, name: name.clone(), void_from, gaps: contents.gaps })
}

fn check_tail(entry: &Entry, scan: &Scan, is_last: bool, result: &mut Verification) {
    let (number, name) = (entry.number, &entry.name);
    let Some((_, last)) = scan.commits else {
        result.add(Code::Tampered, number, format!("{name}: no valid first commit"));
        return;
    };
    match scan.tail {
        Tail::Clean => {}
        Tail::Tampered { at, problem, .. } => {
            let message = format!("{name}, byte {at}: {problem} (a later commit is signed, so this was whole once)");
            result.add(Code::Tampered, number, message);
            return;
        }
        Tail::Torn { .. } if is_last && result.live => {}
        Tail::Torn { records } if is_last => {
            let message = format!(
                "{name}: {records} record(s) behind the last commit (byte {}) were never committed; \
                 the next start will move them aside and declare a gap",
                last.end
            );
            result.add(Code::Gap, number, message);
        }
        Tail::Torn { .. } => {
            let message = format!("{name}, byte {}: damaged in a part that its successor vouches for", last.end);
            result.add(Code::Tampered, number, message);
            return;
        }
    }
    if let Some((size, root)) = entry.vouched
        && (size, root) != (last.end, last.commit.root)
    {
        let message = format!("{name}: ends at byte {} with another root than its successor says ({size})", last.end);
        result.add(Code::Tampered, number, message);
    }
}

fn describe(gap: &GapBody) -> String {
    let GapBody { segment, count, from, to, .. } = gap;
    match gap.reason {
        GapReason::Torn => format!(
            "gap: segment {segment}, bytes {from} to {to} were torn by a crash ({count} unacknowledged record(s) seen)"
        ),
        GapReason::Poisoned => {
            format!(
                "gap: segment {segment}, bytes {from} to {to} are void after a failed sync; the records follow here"
            )
        }
        GapReason::Shed => format!("gap: {count} record(s) were shed by configuration"),
    }
}

/// What was seen in the committed batches.
#[derive(Default)]
struct Contents {
    gaps: Vec<GapBody>,
    /// By tenant number − 1: name and records.
    tenants: Vec<(String, u64)>,
    records: u64,
    batches: u64,
}

impl Contents {
    fn add(&mut self, batch: &scan::Batch<'_>) {
        self.batches += 1;
        self.records += u64::from(batch.commit.records);
        for frame in &batch.frames {
            match frame.header.kind {
                FrameType::Gap => self.gaps.extend(GapBody::decode(frame.body)),
                FrameType::Key if frame.header.epoch == 0 => {
                    self.tenants.extend(KeyBody::decode(frame.body).map(|key| (key.tenant, 0)));
                }
                FrameType::Record => {
                    let index = usize::try_from(frame.header.tenant).unwrap_or_default().wrapping_sub(1);
                    if let Some((_, records)) = self.tenants.get_mut(index) {
                        *records += 1;
                    }
                }
                _ => {}
            }
        }
    }

    fn report(&self, file: &str, header: &Header, scan: &Scan) -> SegmentReport {
        let last = scan.commits.map(|(_, last)| last.commit);
        SegmentReport {
            file: file.to_owned(),
            segment: header.segment,
            pod: header.pod_name(),
            created_ms: header.created_ms,
            last_ms: last.map_or(header.created_ms, |commit| commit.time_ms),
            bytes: scan.end(),
            batches: self.batches,
            records: self.records,
            tenants: self.tenants.iter().cloned().collect(),
            tree_size: last.map_or(0, |commit| commit.tree_size),
            root: last.map_or_else(String::new, |commit| hex(&commit.root)),
            signer: hex(&header.signer),
        }
    }
}
