//! One segment: its own bytes, and what its neighbours say of it.

use std::collections::BTreeMap;

use crate::audit::body::{GapBody, GapReason, KeyBody};
use crate::audit::folder::Entry;
use crate::audit::frame::FrameType;
use crate::audit::header::Header;
use crate::audit::scan::{self, Scan, Tail};
use crate::audit::verify::anchored::Anchored;
use crate::audit::verify::shredded::Shredded;
use crate::audit::verify::{Code, SegmentReport, Verification};
use crate::keys::pair::hex;

/// What the check of the next segment needs of the one before.
pub(super) struct Checked {
    number: u64,
    name: String,
    /// Where the bytes begin that the successor does not vouch for, if any of them is not zero.
    void_from: Option<u64>,
    gaps: Vec<GapBody>,
}

impl Checked {
    /// Bytes behind the vouched end must be declared void by the successor.
    pub(super) fn judge_rest(&self, successor: Option<&Self>, result: &mut Verification) {
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

/// Checks one segment; what it holds goes to `result`, and to who asks after anchors and shredded keys.
pub(super) fn check(
    entry: &Entry,
    trusted: &[[u8; 32]],
    is_last: bool,
    anchored: &mut Anchored,
    shredded: &mut Shredded,
    result: &mut Verification,
) -> Option<Checked> {
    let (number, name) = (entry.number, &entry.name);
    let (bytes, rest) = match entry.read() {
        Ok(read) => read,
        Err(error) => {
            result.add(Code::Tampered, number, format!("{name}: {error}"));
            return None;
        }
    };
    let mut contents = Contents::default();
    let seen = |_: &Header, _: &[u8; 32], batch: &scan::Batch<'_>| {
        contents.add(batch);
        anchored.see(number, &batch.commit);
    };
    let scan = match scan::scan(&bytes, seen) {
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
    anchored.judge(number, &scan, result);
    for (key, records) in contents.keys() {
        shredded.see(&scan, key, records);
    }
    for gap in &contents.gaps {
        result.add(Code::Gap, number, format!("{name}: {}", describe(gap)));
    }
    result.segments.push(contents.report(name, &scan.header, &scan));
    let void_from = (!scan::is_zero(&rest)).then_some(bytes.len() as u64);
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
        GapReason::Shed => {
            format!(
                "gap: {count} record(s) of exchanges that went on were not written, from {} to {}",
                at(*from),
                at(*to)
            )
        }
    }
}

fn at(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "(no time)".to_owned(), |time| format!("{time:.3}"))
}

/// What was seen in the committed batches.
#[derive(Default)]
struct Contents {
    gaps: Vec<GapBody>,
    /// By tenant number − 1: its data keys, each with the records under it.
    tenants: Vec<Vec<(KeyBody, u64)>>,
    records: u64,
    batches: u64,
}

impl Contents {
    fn add(&mut self, batch: &scan::Batch<'_>) {
        self.batches += 1;
        self.records += u64::from(batch.commit.records);
        for frame in &batch.frames {
            let index = usize::try_from(frame.header.tenant).unwrap_or_default().wrapping_sub(1);
            match frame.header.kind {
                FrameType::Gap => self.gaps.extend(GapBody::decode(frame.body)),
                FrameType::Key => {
                    let Some(key) = KeyBody::decode(frame.body) else { continue };
                    match self.tenants.get_mut(index) {
                        Some(tenant) => tenant.push((key, 0)),
                        None => self.tenants.push(vec![(key, 0)]),
                    }
                }
                FrameType::Record => {
                    if let Some((_, records)) = self.tenants.get_mut(index).and_then(|tenant| tenant.last_mut()) {
                        *records += 1;
                    }
                }
                _ => {}
            }
        }
    }

    /// Every data key and the records under it.
    fn keys(&self) -> impl Iterator<Item = (&KeyBody, u64)> {
        self.tenants.iter().flatten().map(|(key, records)| (key, *records))
    }

    fn report(&self, file: &str, header: &Header, scan: &Scan) -> SegmentReport {
        let last = scan.commits.map(|(_, last)| last.commit);
        let mut tenants = BTreeMap::new();
        for (key, records) in self.keys() {
            *tenants.entry(key.tenant.clone()).or_insert(0) += records;
        }
        SegmentReport {
            file: file.to_owned(),
            segment: header.segment,
            pod: header.pod_name(),
            created_ms: header.created_ms,
            last_ms: last.map_or(header.created_ms, |commit| commit.time_ms),
            sealed: scan.sealed,
            bytes: scan.end(),
            batches: self.batches,
            records: self.records,
            tenants,
            tree_size: last.map_or(0, |commit| commit.tree_size),
            root: last.map_or_else(String::new, |commit| hex(&commit.root)),
            signer: hex(&header.signer),
        }
    }
}
