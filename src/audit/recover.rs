//! What a start finds: keep up to the last valid commit, move a torn tail aside, alarm at tampering. Never refuse.

use std::io;

use crate::audit::body::{GapBody, GapReason};
use crate::audit::header::{HEADER_LEN, sha256};
use crate::audit::scan::{self, MAX_SEGMENT, Scan, Tail};
use crate::audit::segment::number_in;
use crate::audit::space::DRAFT;
use crate::audit::storage::Storage;

/// Extension of a torn tail that was moved aside, after the segment's whole name.
pub(crate) const TORN: &str = ".torn";

/// Where a new segment goes on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Continuation {
    /// Number of the next segment.
    pub(crate) number: u64,
    /// Committed size of the previous one.
    pub(crate) previous_size: u64,
    /// Root of its last commit.
    pub(crate) previous_root: [u8; 32],
    /// What the next segment has to declare.
    pub(crate) gaps: Vec<GapBody>,
    /// Set if the previous one was tampered with: what is wrong.
    pub(crate) tampered: Option<String>,
}

/// Repairs the last segment, so that every segment but the one to come ends at a commit.
///
/// Only the last segment can be torn: the one before it was finished before it was made. The order of steps makes any
/// crash in between harmless: the torn bytes are safe in their own file before the segment is cut, and as long as that
/// file belongs to the *last* segment, no successor has declared it yet.
pub(crate) fn recover(storage: &dyn Storage) -> io::Result<Continuation> {
    let names = storage.list()?;
    for draft in names.iter().filter(|name| name.ends_with(DRAFT) && number_in(name.trim_end_matches(DRAFT)).is_some())
    {
        storage.remove(draft)?;
    }
    let last = names.iter().filter_map(|name| Some((number_in(name)?, name))).max();
    let Some((number, name)) = last else {
        return Ok(Continuation { number: 1, ..Continuation::default() });
    };
    let mut next = Continuation { number: number + 1, ..Continuation::default() };
    let bytes = match storage.read(name, MAX_SEGMENT) {
        Ok(bytes) => bytes,
        Err(error) => {
            next.tampered = Some(format!("{name} cannot be read: {error}"));
            return Ok(next);
        }
    };
    match scan::scan(&bytes, |_, _, _| ()) {
        Err(problem) => next.tampered = Some(format!("{name}: {problem}")),
        Ok(Scan { commits: None, .. }) => {
            next.tampered = Some(format!("{name}: the first commit is damaged (byte {HEADER_LEN})"));
        }
        Ok(Scan { tail: Tail::Tampered { at, problem, later }, .. }) => {
            (next.previous_size, next.previous_root) = (later.end, later.commit.root);
            next.tampered = Some(format!("{name}, byte {at}: {problem}, though a later commit is signed"));
        }
        Ok(Scan { commits: Some((_, last)), tail, .. }) => {
            (next.previous_size, next.previous_root) = (last.end, last.commit.root);
            let torn_name = format!("{name}{TORN}");
            let rest = usize::try_from(last.end).ok().and_then(|end| bytes.get(end..)).unwrap_or_default();
            if let Tail::Torn { .. } = tail {
                move_aside(storage, &torn_name, rest)?;
            }
            if !rest.is_empty() {
                let mut file = storage.open(name)?;
                file.truncate(last.end)?;
                file.sync()?;
            }
            if matches!(tail, Tail::Torn { .. }) || names.contains(&torn_name) {
                let torn = storage.read(&torn_name, MAX_SEGMENT)?;
                next.gaps.push(gap(number, last.end, &torn));
            }
        }
    }
    Ok(next)
}

fn gap(segment: u64, from: u64, torn: &[u8]) -> GapBody {
    let count = scan::count_records(torn);
    GapBody { reason: GapReason::Torn, segment, count, from, to: from + torn.len() as u64, hash: sha256(torn) }
}

/// Writes the torn bytes, without the zeros at their end, to their own file.
fn move_aside(storage: &dyn Storage, name: &str, rest: &[u8]) -> io::Result<()> {
    let len = rest.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    let draft = format!("{name}.tmp");
    let _ = storage.remove(&draft);
    let mut file = storage.create(&draft)?;
    file.write_at(0, rest.get(..len).unwrap_or(rest))?;
    file.sync()?;
    storage.rename(&draft, name)
}
