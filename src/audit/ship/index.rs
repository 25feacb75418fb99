//! Which tenants have records in a segment. A segment holds all tenants of a pod; so that one tenant's can be found by prefix,
//! each gets a small object that names the segment.

use std::collections::BTreeMap;

use crate::audit::body::KeyBody;
use crate::audit::frame::FrameType;
use crate::audit::scan::{self, Scan};
use crate::keys::file_stem;

/// What the index says of one tenant and segment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Row {
    /// File name of the segment.
    segment: String,
    /// The tenant's records in it.
    records: u64,
    /// Time of its first and of its last commit, milliseconds since 1970.
    from_ms: u64,
    to_ms: u64,
}

/// Walks a segment: what it is, and a row for each tenant with records in it, by the tenant's name as in file names. `None`: the header is unusable.
pub(crate) fn index(segment: &str, bytes: &[u8]) -> Option<(Scan, BTreeMap<String, Row>)> {
    let mut names: BTreeMap<u32, String> = BTreeMap::new();
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    let walked = scan::scan(bytes, |_, _, batch| {
        for frame in &batch.frames {
            match frame.header.kind {
                FrameType::Key => {
                    let stem = KeyBody::decode(frame.body).and_then(|body| file_stem(&body.tenant).ok());
                    names.extend(stem.map(|stem| (frame.header.tenant, stem)));
                }
                FrameType::Record => *counts.entry(frame.header.tenant).or_default() += 1,
                _ => {}
            }
        }
    });
    let scan = walked.ok()?;
    let (from_ms, to_ms) = scan.commits.map_or((0, 0), |(first, last)| (first.commit.time_ms, last.commit.time_ms));
    let row = |(number, records): (u32, u64)| {
        Some((names.get(&number)?.clone(), Row { segment: segment.to_owned(), records, from_ms, to_ms }))
    };
    Some((scan, counts.into_iter().filter_map(row).collect()))
}
