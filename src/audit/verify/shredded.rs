//! Which records nobody can read any more: every key that they were sealed to has a tombstone.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::audit::body::KeyBody;
use crate::audit::error::AuditError;
use crate::audit::rewrap;
use crate::audit::scan::Scan;
use crate::audit::verify::{Code, Verification};
use crate::keys::pair::hex;
use crate::keys::tombstone::{Tombstone, tombstones};

pub(super) struct Shredded {
    tombstones: HashMap<String, Tombstone>,
    /// Key ids that a data key was sealed to later, by commitment in hexadecimal.
    rewrapped: HashMap<String, Vec<String>>,
    /// By tenant: first segment, segments, records, when.
    found: BTreeMap<String, (u64, u64, u64, String)>,
}

impl Shredded {
    pub(super) fn new(dir: &Path, folders: &[PathBuf]) -> Result<Self, AuditError> {
        let mut all = HashMap::new();
        for folder in folders.iter().map(PathBuf::as_path).chain([dir]) {
            for tombstone in tombstones(folder).map_err(|error| AuditError::open(folder, error))? {
                all.insert(tombstone.id.clone(), tombstone);
            }
        }
        let mut rewrapped: HashMap<String, Vec<String>> = HashMap::new();
        if !all.is_empty() {
            for stanza in rewrap::load(dir)? {
                rewrapped.entry(stanza.commitment.clone()).or_default().push(stanza.key_id);
            }
        }
        Ok(Self { tombstones: all, rewrapped, found: BTreeMap::new() })
    }

    /// A data key of a segment and the records under it.
    pub(super) fn see(&mut self, scan: &Scan, key: &KeyBody, records: u64) {
        if records == 0 || self.tombstones.is_empty() {
            return;
        }
        let sealed = key.stanzas.iter().map(|stanza| hex(&stanza.key_id));
        let later = self.rewrapped.get(&hex(&key.commitment)).into_iter().flatten().cloned();
        let mut when = String::new();
        for id in sealed.chain(later) {
            match self.tombstones.get(&id) {
                Some(tombstone) => when = when.max(tombstone.time.clone()),
                None => return,
            }
        }
        let found = self.found.entry(key.tenant.clone()).or_insert((scan.header.segment, 0, 0, String::new()));
        found.1 += 1;
        found.2 += records;
        found.3 = std::mem::take(&mut found.3).max(when);
    }

    pub(super) fn judge(self, result: &mut Verification) {
        for (tenant, (segment, keys, records, when)) in self.found {
            let message = format!(
                "tenant {tenant}: {records} record(s) under {keys} data key(s), from segment {segment} on, can be read by nobody: \
                 their keys were shredded (last at {when})"
            );
            result.add(Code::Shredded, segment, message);
        }
    }
}
