//! One segment that is being written: frames are sealed into a buffer, and a batch goes out with one write and one sync.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::audit::body::{BatchBody, CommitBody, GapBody, SealBody};
use crate::audit::error::AuditError;
use crate::audit::frame::{self, COMMIT_LEN, FrameHeader, FrameType, TAG_LEN};
use crate::audit::header::Header;
use crate::audit::log::Receipt;
use crate::audit::merkle::Tree;
use crate::audit::note::{Checkpoint, origin};
use crate::audit::ratchet::{self, BatchKey, Chain};
use crate::audit::signer::Signer;
use crate::audit::space::{DRAFT, Space};
use crate::audit::storage::Storage;
use crate::keys::{Recipients, SealError, random};

/// Extension of a segment.
pub(crate) const SEGMENT: &str = ".seg";
/// A segment younger than this takes a tenant's new key as a new epoch; an older one is followed by a new segment. So that a
/// thousand tenants whose keys change in one night do not make a thousand segments.
const YOUNG: Duration = Duration::from_mins(1);

/// A record on its way: padded plaintext and to whom it is sealed.
pub(crate) struct Sealable<'a> {
    pub(crate) tenant: &'a Arc<str>,
    pub(crate) recipients: &'a Recipients,
    pub(crate) text: &'a [u8],
}

/// A gap on its way, and whose it is.
#[derive(Clone)]
pub(crate) struct Gap {
    pub(crate) body: GapBody,
    pub(crate) tenant: Option<(Arc<str>, Arc<Recipients>)>,
}

/// A segment that is being written. After any error it must not be used again.
pub(crate) struct Segment {
    space: Space,
    header: Header,
    header_hash: [u8; 32],
    committed: Committed,
    /// Bytes written since, void if the commit failed.
    pending: u64,
    tree: Tree,
    batch: u64,
    records: u64,
    tenants: HashMap<Arc<str>, Tenant>,
    created: Instant,
    buffer: Vec<u8>,
    /// A checkpoint of the last commit, on its way into the next batch.
    checkpoint: Option<String>,
}

/// The state at the last commit that is on disk.
#[derive(Clone, Copy, Default)]
struct Committed {
    size: u64,
    leaves: u64,
    root: [u8; 32],
}

struct Tenant {
    number: u32,
    epoch: u32,
    sequence: u64,
    recipients: [u8; 32],
    chain: Chain,
}

impl Segment {
    /// Makes a segment, durable and with its first commit (which holds `gaps`). `space`: a draft of the same name.
    ///
    /// It is made under another name and renamed when it is whole: a `.seg` file without a valid first commit was damaged.
    pub(crate) fn begin(
        storage: &dyn Storage,
        space: Space,
        signer: &Signer,
        header: Header,
        gaps: &[Gap],
    ) -> Result<Self, AuditError> {
        let name = file_name(&header);
        let header_hash = header.hash();
        let mut segment = Self {
            space,
            committed: Committed::default(),
            pending: 0,
            tree: Tree::default(),
            batch: 0,
            records: 0,
            tenants: HashMap::new(),
            created: Instant::now(),
            buffer: header.encode().to_vec(),
            header,
            header_hash,
            checkpoint: None,
        };
        segment.write(signer, gaps, &[], false)?;
        storage.rename(&format!("{name}{DRAFT}"), &name).map_err(|error| AuditError::storage(&error))?;
        Ok(segment)
    }

    /// Seals the records and makes them durable, with `gaps` in front: one write, one sync.
    pub(crate) fn commit(
        &mut self,
        signer: &Signer,
        gaps: &[Gap],
        records: &[Sealable<'_>],
    ) -> Result<Vec<Receipt>, AuditError> {
        self.write(signer, gaps, records, false)
    }

    /// Writes the last batch: nothing may follow it, so damage to the batch before it cannot pass for a torn write.
    pub(crate) fn seal(&mut self, signer: &Signer, gaps: &[Gap]) -> Result<(), AuditError> {
        self.write(signer, gaps, &[], true).map(|_none| ())
    }

    /// The signed note of the last commit. It also goes into the next batch, so that the log itself says what was anchored.
    pub(crate) fn checkpoint(&mut self, signer: &Signer) -> Result<String, AuditError> {
        let Committed { size, leaves, root } = self.committed;
        let checkpoint = Checkpoint { origin: origin(&self.header), size: leaves, root };
        let time = jiff::Timestamp::now();
        let note = checkpoint.sign(signer, &self.header, size, &format!("{time:.3}"))?;
        self.checkpoint = Some(note.clone());
        Ok(note)
    }

    pub(crate) const fn number(&self) -> u64 {
        self.header.segment
    }
    pub(crate) fn name(&self) -> String {
        file_name(&self.header)
    }
    /// Committed size and root: what the next segment's header says of this one.
    pub(crate) const fn point(&self) -> (u64, [u8; 32]) {
        (self.committed.size, self.committed.root)
    }
    /// Leaves of the committed tree.
    pub(crate) const fn leaves(&self) -> u64 {
        self.committed.leaves
    }
    /// The bytes that a failed commit left in an unknown state.
    pub(crate) const fn void(&self) -> (u64, u64) {
        (self.committed.size, self.committed.size + self.pending)
    }
    /// When its age ends it; a segment without a record does not age.
    pub(crate) fn ends(&self, age: Duration) -> Option<Instant> {
        (self.records > 0).then(|| self.created + age)
    }
    pub(crate) fn is_due(&self, size: u64, age: Duration) -> bool {
        self.records > 0 && (self.committed.size >= size || self.created.elapsed() >= age)
    }
    /// True if one of the records is for a tenant whose keys have changed since the segment began.
    pub(crate) fn is_outdated(&self, records: &[Sealable<'_>]) -> bool {
        let changed = |record: &Sealable<'_>| {
            self.tenants.get(record.tenant).is_some_and(|tenant| tenant.recipients != *record.recipients.id())
        };
        self.created.elapsed() >= YOUNG && records.iter().any(changed)
    }

    /// As [`Space::prepare`].
    pub(crate) fn prepare(&mut self) -> io::Result<()> {
        self.space.prepare(self.committed.size)
    }

    /// Cuts the zeros off: nothing more will be written here.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.space.finish(self.committed.size)
    }

    fn write(
        &mut self,
        signer: &Signer,
        gaps: &[Gap],
        records: &[Sealable<'_>],
        seal: bool,
    ) -> Result<Vec<Receipt>, AuditError> {
        let (receipts, root) = self.build(signer, gaps, records, seal)?;
        self.pending = self.buffer.len() as u64;
        self.space.write(self.committed.size, &self.buffer).map_err(|error| AuditError::storage(&error))?;
        self.committed = Committed { size: self.committed.size + self.pending, leaves: self.tree.size(), root };
        self.pending = 0;
        self.buffer.clear();
        Ok(receipts)
    }

    /// Appends a batch to the buffer.
    fn build(
        &mut self,
        signer: &Signer,
        gaps: &[Gap],
        records: &[Sealable<'_>],
        seal: bool,
    ) -> Result<(Vec<Receipt>, [u8; 32]), AuditError> {
        let batch = BatchBody { number: self.batch, random: random::bytes().map_err(SealError::from)? };
        self.batch += 1;
        self.push_plain(FrameType::Batch, &batch.encode());
        if let Some(note) = self.checkpoint.take() {
            self.push_plain(FrameType::Checkpoint, note.as_bytes());
        }
        let mut keys: HashMap<u32, BatchKey> = HashMap::new();
        for gap in gaps {
            self.gap(gap, &mut keys)?;
        }
        let mut receipts = Vec::with_capacity(records.len());
        for record in records {
            receipts.push(self.record(&batch, record, &mut keys)?);
        }
        self.records += records.len() as u64;
        if seal {
            let Committed { size, leaves, root } = self.committed;
            let body = SealBody { size, records: self.records, tree_size: leaves, root };
            self.push_plain(FrameType::Seal, &body.encode());
        }
        let root = self.close(signer, batch.number, records.len())?;
        Ok((receipts, root))
    }

    fn push_plain(&mut self, kind: FrameType, body: &[u8]) {
        self.push(&FrameHeader::plain(kind, frame::body_len(body.len())), body);
    }

    fn gap(&mut self, gap: &Gap, keys: &mut HashMap<u32, BatchKey>) -> Result<(), AuditError> {
        let body = gap.body.encode();
        let mut header = FrameHeader::plain(FrameType::Gap, frame::body_len(body.len()));
        if let Some((tenant, recipients)) = &gap.tenant {
            self.introduce(tenant, recipients, keys)?;
            if let Some(tenant) = self.tenants.get(tenant) {
                (header.tenant, header.epoch) = (tenant.number, tenant.epoch);
            }
        }
        self.push(&header, &body);
        Ok(())
    }

    fn push(&mut self, header: &FrameHeader, body: &[u8]) {
        let start = self.buffer.len();
        frame::push(&mut self.buffer, header, body);
        self.tree.push(self.buffer.get(start..).unwrap_or_default());
    }

    fn record(
        &mut self,
        batch: &BatchBody,
        record: &Sealable<'_>,
        keys: &mut HashMap<u32, BatchKey>,
    ) -> Result<Receipt, AuditError> {
        self.introduce(record.tenant, record.recipients, keys)?;
        let unknown = || AuditError::Seal("no data key".to_owned());
        let tenant = self.tenants.get_mut(record.tenant).ok_or_else(unknown)?;
        let key = match keys.entry(tenant.number) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(tenant.chain.step(&batch.random)?),
        };
        let header = FrameHeader {
            len: frame::body_len(record.text.len() + TAG_LEN),
            kind: FrameType::Record,
            tenant: tenant.number,
            epoch: tenant.epoch,
            sequence: tenant.sequence,
        };
        tenant.sequence += 1;
        let head = header.encode();
        let aad = ratchet::record_aad(&self.header_hash, &head, batch.number);
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&head);
        let body = self.buffer.len();
        self.buffer.extend_from_slice(record.text);
        let tag = key.seal(&aad, self.buffer.get_mut(body..).unwrap_or_default())?;
        self.buffer.extend_from_slice(&tag);
        self.tree.push(self.buffer.get(start..).unwrap_or_default());
        Ok(Receipt { segment: self.header.segment, batch: batch.number, sequence: header.sequence })
    }

    /// Gives the tenant a data key if it has none in this segment, or if its recipients have changed.
    fn introduce(
        &mut self,
        name: &Arc<str>,
        recipients: &Recipients,
        keys: &mut HashMap<u32, BatchKey>,
    ) -> Result<(), AuditError> {
        let next = frame::body_len(self.tenants.len()) + 1;
        let (number, epoch, sequence) = match self.tenants.get(name) {
            Some(tenant) if tenant.recipients == *recipients.id() => return Ok(()),
            Some(tenant) => (tenant.number, tenant.epoch + 1, tenant.sequence),
            None => (next, 0, 0),
        };
        let (chain, body) = ratchet::new_data_key(&self.header_hash, number, epoch, name, recipients.keys())?;
        let body = body.encode();
        let len = frame::body_len(body.len());
        self.push(&FrameHeader { len, kind: FrameType::Key, tenant: number, epoch, sequence: 0 }, &body);
        keys.remove(&number);
        let tenant = Tenant { number, epoch, sequence, recipients: *recipients.id(), chain };
        self.tenants.insert(Arc::clone(name), tenant);
        Ok(())
    }

    fn close(&mut self, signer: &Signer, batch: u64, records: usize) -> Result<[u8; 32], AuditError> {
        let root = self.tree.root();
        let commit = CommitBody {
            batch,
            records: frame::body_len(records),
            time_ms: now_ms(),
            tree_size: self.tree.size(),
            root,
        };
        let body = commit.encode();
        let head = FrameHeader::plain(FrameType::Commit, frame::body_len(COMMIT_LEN)).encode();
        let signature = signer.sign(&self.header_hash, &head, &body)?;
        self.buffer.extend_from_slice(&head);
        self.buffer.extend_from_slice(&body);
        self.buffer.extend_from_slice(&signature);
        Ok(root)
    }
}

/// `000000000001-0123456789abcdef.seg`: number, first eight bytes of the boot id.
pub(crate) fn file_name(header: &Header) -> String {
    let boot = crate::keys::pair::hex(header.boot.first_chunk::<8>().map_or(&[], |boot| boot));
    format!("{:012}-{boot}{SEGMENT}", header.segment)
}

/// The segment number in a file's name, if it is a segment's.
pub(crate) fn number_in(name: &str) -> Option<u64> {
    let (number, boot) = name.strip_suffix(SEGMENT)?.split_once('-')?;
    (boot.len() == 16 && number.len() >= 12 && number.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| number.parse().ok())
        .flatten()
}

/// Milliseconds since 1970; 0 before.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default()
}
