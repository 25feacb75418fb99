//! Reading with a private key: one segment in memory at a time, records in the order in which they were written.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use crate::audit::body::KeyBody;
use crate::audit::error::AuditError;
use crate::audit::folder::entries;
use crate::audit::frame::{FRAME_HEADER_LEN, Frame, FrameType};
use crate::audit::log::Receipt;
use crate::audit::ratchet::{BatchKey, Chain, open_data_key, record_aad};
use crate::audit::record;
use crate::audit::scan::{self, Batch, Tail};
use crate::keys::PrivateKey;

/// What was and was not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records given out.
    pub records: u64,
    /// Records of this key's tenant that did not decrypt: damaged, or written by somebody else.
    pub unreadable: u64,
    /// Segments with damage (what stands before it was read).
    pub damaged: Vec<String>,
}

/// Shows every record that `key` opens to `visit` (place and JSON) until it breaks.
///
/// # Errors
/// [`AuditError::Open`] if the folder cannot be read. Damage inside files is told in the summary.
pub fn read(
    dir: &Path,
    key: &PrivateKey,
    mut visit: impl FnMut(Receipt, &[u8]) -> ControlFlow<()>,
) -> Result<Summary, AuditError> {
    let mut summary = Summary::default();
    for entry in entries(dir)? {
        let Ok((bytes, _)) = entry.read() else {
            summary.damaged.push(entry.name);
            continue;
        };
        let mut reader = Reader { key, tenants: HashMap::new(), summary: &mut summary, stop: false };
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

struct Reader<'k, 's> {
    key: &'k PrivateKey,
    /// Chains of the tenants that the key opens, by number.
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
        visit: &mut impl FnMut(Receipt, &[u8]) -> ControlFlow<()>,
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
                    let receipt = Receipt { segment, batch: batch.open.number, sequence: frame.header.sequence };
                    match open(key, hash, batch.open.number, frame, |json| visit(receipt, json)) {
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
        if let Some(chain) = open_data_key(hash, number, frame.header.epoch, &body, self.key) {
            self.tenants.insert(number, chain);
        } else if body.stanzas.iter().any(|stanza| stanza.key_id == *self.key.public().id()) {
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
            let summary = read(&settings.dir, &keys[0], |_, json| {
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
            let stopped = read(&settings.dir, &keys[0], |_, _| ControlFlow::Break(())).unwrap();
            assert_eq!(stopped.records, 1);
        }
    }
}
