//! Reading with private keys: one segment in memory at a time, records in the order in which they were written.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use crate::audit::body::{KeyBody, Stanza};
use crate::audit::error::AuditError;
use crate::audit::folder::entries;
use crate::audit::frame::{FRAME_HEADER_LEN, Frame, FrameType};
use crate::audit::ratchet::{BatchKey, Chain, DataKey, Which, record_aad};
use crate::audit::record;
use crate::audit::rewrap::{self, Rewrapped};
use crate::audit::scan::{self, Batch, Tail};
use crate::keys::Keyring;
use crate::keys::pair::hex;

/// What was and was not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records given out.
    pub records: u64,
    /// Records sealed to these keys that did not decrypt: damaged, or written by somebody else.
    pub unreadable: u64,
    /// Segments with damage (what stands before it was read).
    pub damaged: Vec<String>,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Segment number.
    pub segment: u64,
    /// Batch in the segment.
    pub batch: u64,
    /// The tenant's number in the segment.
    pub tenant: u32,
    /// Number among the tenant's records in the segment.
    pub sequence: u64,
}

/// Shows every record that one of `keys` opens to `visit` (place and JSON) until it breaks.
///
/// # Errors
/// [`AuditError::Open`] if the folder cannot be read. Damage inside files is told in the summary.
pub fn read(
    dir: &Path,
    keys: &Keyring,
    visit: impl FnMut(Place, &[u8]) -> ControlFlow<()>,
) -> Result<Summary, AuditError> {
    read_from(dir, keys, 0, visit)
}

/// As [`read`], from a segment on.
///
/// # Errors
/// As `read`.
pub fn read_from(
    dir: &Path,
    keys: &Keyring,
    from: u64,
    mut visit: impl FnMut(Place, &[u8]) -> ControlFlow<()>,
) -> Result<Summary, AuditError> {
    let mut summary = Summary::default();
    let mut rewrapped: HashMap<String, Vec<Stanza>> = HashMap::new();
    for row in rewrap::load(dir)? {
        if let Some(stanza) = row.stanza() {
            rewrapped.entry(row.commitment).or_default().push(stanza);
        }
    }
    for entry in entries(dir)?.into_iter().filter(|entry| entry.number >= from) {
        let Ok((bytes, _)) = entry.read() else {
            summary.damaged.push(entry.name);
            continue;
        };
        let (tenants, summary_here) = (HashMap::new(), &mut summary);
        let mut reader = Reader { keys, rewrapped: &rewrapped, tenants, summary: summary_here, stop: false };
        let scanned = scan::scan(&bytes, |header, hash, batch| {
            if !reader.stop {
                reader.batch(header.segment, hash, batch, &mut visit);
            }
        });
        let stop = reader.stop;
        if !matches!(scanned, Ok(scan::Scan { tail: Tail::Clean | Tail::Torn { .. }, commits: Some(_), .. })) {
            summary.damaged.push(entry.name);
        }
        if stop {
            break;
        }
    }
    Ok(summary)
}

/// Seals every data key of the log that one of `keys` opens to one more recipient.
///
/// # Errors
/// [`AuditError::Open`] if the folder cannot be read; [`AuditError::Seal`].
pub fn rewrap_all(dir: &Path, keys: &Keyring, to: &crate::keys::PublicKey) -> Result<Vec<Rewrapped>, AuditError> {
    let mut rows = Vec::new();
    let mut failed = None;
    for entry in entries(dir)? {
        let (bytes, _) = entry.read().map_err(|error| AuditError::open(&entry.path, error))?;
        // What the walk cannot reach is told by `verify`; here it only stays as it is.
        let _ = scan::scan(&bytes, |header, hash, batch| {
            for frame in batch.frames.iter().filter(|frame| frame.header.kind == FrameType::Key) {
                let Some(body) = KeyBody::decode(frame.body) else { continue };
                let (number, epoch) = (frame.header.tenant, frame.header.epoch);
                let which = Which { header_hash: hash, number, epoch };
                let Some(dek) = DataKey::open(which, &body, &[], keys) else { continue };
                match dek.rewrap(which, &body.tenant, to) {
                    Ok(stanza) => rows.push(Rewrapped::new(header.segment, hash, number, epoch, &body, &stanza)),
                    Err(error) => failed = Some(error),
                }
            }
        });
    }
    failed.map_or(Ok(rows), Err)
}

struct Reader<'k, 's> {
    keys: &'k Keyring,
    /// By commitment in hexadecimal.
    rewrapped: &'k HashMap<String, Vec<Stanza>>,
    /// Chains of the tenants that the keys open, by number.
    tenants: HashMap<u32, Chain>,
    summary: &'s mut Summary,
    stop: bool,
}

impl Reader<'_, '_> {
    fn batch(
        &mut self,
        segment: u64,
        hash: &[u8; 32],
        batch: &Batch<'_>,
        visit: &mut impl FnMut(Place, &[u8]) -> ControlFlow<()>,
    ) {
        let mut keys: HashMap<u32, BatchKey> = HashMap::new();
        for frame in &batch.frames {
            let number = frame.header.tenant;
            match frame.header.kind {
                FrameType::Key => {
                    keys.remove(&number);
                    self.introduce(hash, frame);
                }
                FrameType::Record => {
                    let Some(chain) = self.tenants.get_mut(&number) else {
                        continue;
                    };
                    let Some(key) = batch_key(&mut keys, number, chain, &batch.open.random) else {
                        self.summary.unreadable += 1;
                        continue;
                    };
                    let sequence = frame.header.sequence;
                    let place = Place { segment, batch: batch.open.number, tenant: number, sequence };
                    match open(key, hash, batch.open.number, frame, |json| visit(place, json)) {
                        Some(flow) => {
                            self.summary.records += 1;
                            self.stop = flow.is_break();
                        }
                        None => self.summary.unreadable += 1,
                    }
                    if self.stop {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    fn introduce(&mut self, hash: &[u8; 32], frame: &Frame<'_>) {
        let number = frame.header.tenant;
        self.tenants.remove(&number);
        let Some(body) = KeyBody::decode(frame.body) else {
            return;
        };
        let more = self.rewrapped.get(&hex(&body.commitment)).map_or(&[][..], Vec::as_slice);
        let which = Which { header_hash: hash, number, epoch: frame.header.epoch };
        if let Some(chain) = DataKey::open(which, &body, more, self.keys).and_then(|dek| dek.chain()) {
            self.tenants.insert(number, chain);
        } else if body.stanzas.iter().any(|stanza| self.keys.get(&stanza.key_id).is_some()) {
            self.summary.unreadable += 1;
        }
    }
}

fn batch_key<'m>(
    keys: &'m mut HashMap<u32, BatchKey>,
    number: u32,
    chain: &mut Chain,
    random: &[u8; 16],
) -> Option<&'m mut BatchKey> {
    use std::collections::hash_map::Entry;
    match keys.entry(number) {
        Entry::Occupied(entry) => Some(entry.into_mut()),
        Entry::Vacant(entry) => Some(entry.insert(chain.step(random).ok()?)),
    }
}

fn open<T>(
    key: &mut BatchKey,
    hash: &[u8; 32],
    batch: u64,
    frame: &Frame<'_>,
    visit: impl FnOnce(&[u8]) -> T,
) -> Option<T> {
    let aad = record_aad(hash, frame.raw.first_chunk::<FRAME_HEADER_LEN>()?, batch);
    let mut sealed = frame.body.to_vec();
    let text = key.open(&aad, &mut sealed)?;
    record::decode(text).map(visit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{completion, record, settings};
    use crate::audit::{AuditLog, Content};

    #[tokio::test]
    async fn what_was_written_is_read_with_texts_only_where_configured() {
        for content in [Content::Filtered, Content::Metadata] {
            let dir = tempfile::tempdir().unwrap();
            let (mut settings, keys) = settings(dir.path(), &["acme", "other"]);
            settings.defaults.content = content;
            let log = AuditLog::open(&settings).unwrap();
            for record in [record("acme", "e1"), record("other", "e2"), completion("acme", "e1")] {
                log.append(record).await.unwrap();
            }
            let mut records: Vec<serde_json::Value> = Vec::new();
            let summary = read(&settings.dir, &keys[0].clone().into(), |_, json| {
                records.push(serde_json::from_str(std::str::from_utf8(json).unwrap()).unwrap());
                ControlFlow::Continue(())
            });
            assert_eq!(summary.unwrap(), Summary { records: 2, ..Summary::default() });
            let text = &records[0]["request"]["texts"][0]["text"];
            match content {
                Content::Filtered => assert_eq!(text, "hello [EMAIL_7KQ2MX] in e1"),
                Content::Metadata => assert!(text.is_null()),
            }
            assert_eq!(
                (&records[0]["event"], &records[0]["time"]),
                (&"admission".into(), &"1970-01-01T00:00:00Z".into())
            );
            assert_eq!((&records[1]["event"], &records[1]["outcome"]), (&"completion".into(), &"completed".into()));
            let stopped = read(&settings.dir, &keys[0].clone().into(), |_, _| ControlFlow::Break(())).unwrap();
            assert_eq!(stopped.records, 1);
        }
    }
}
