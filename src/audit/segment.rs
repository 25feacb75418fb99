//! One segment that is being written: frames are sealed into a buffer, and a batch goes out with one write and one sync.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::audit::error::AuditError;
use crate::audit::frame::{self, BatchBody, COMMIT_LEN, CommitBody, FrameHeader, FrameType, GapBody, TAG_LEN};
use crate::audit::header::{HEADER_LEN, Header};
use crate::audit::log::Receipt;
use crate::audit::merkle::Tree;
use crate::audit::ratchet::{self, BatchKey, Chain};
use crate::audit::signer::Signer;
use crate::audit::storage::{SegmentFile, Storage};
use crate::keys::{PublicKey, SealError, random};

/// Bytes of zeros written ahead when a segment is made: enough for the first seconds, and quick.
const FIRST_STEP: u64 = 1 << 20;
/// Bytes of zeros written ahead later. A sync of a file whose blocks are already written needs no journal commit.
const STEP: u64 = 4 << 20;
/// When fewer bytes than this are left of the zeros, an idle writer writes the next step.
const LOW: u64 = 1 << 20;

/// Extension of a segment.
pub(crate) const SEGMENT: &str = ".seg";
/// Extension of a segment that is being made: holds no record yet.
pub(crate) const DRAFT: &str = ".new";

/// A record on its way: padded plaintext and to whom it is sealed.
pub(crate) struct Sealable<'a> {
    pub(crate) tenant: &'a Arc<str>,
    pub(crate) key: &'a PublicKey,
    pub(crate) text: &'a [u8],
}

/// A segment that is being written. After any error it must not be used again.
pub(crate) struct Segment {
    file: Box<dyn SegmentFile>,
    header: Header,
    header_hash: [u8; 32],
    /// Bytes on disk and committed.
    committed: u64,
    /// Bytes written since, void if the commit failed.
    pending: u64,
    allocated: u64,
    tree: Tree,
    /// Of what is committed.
    root: [u8; 32],
    /// With what is pending.
    pending_root: [u8; 32],
    batch: u64,
    tenants: HashMap<Arc<str>, Tenant>,
    created: Instant,
    buffer: Vec<u8>,
}

struct Tenant {
    number: u32,
    epoch: u32,
    sequence: u64,
    key_id: [u8; 32],
    chain: Chain,
}

impl Segment {
    /// Makes a segment, durable and with its first commit (which holds `gaps`).
    ///
    /// It is made under another name and renamed when it is whole: a `.seg` file without a valid first commit was damaged.
    pub(crate) fn create(
        storage: &dyn Storage,
        signer: &Signer,
        header: Header,
        gaps: &[GapBody],
    ) -> Result<Self, AuditError> {
        let name = file_name(&header);
        let draft = format!("{name}{DRAFT}");
        let failed = |error: io::Error| AuditError::storage(&error);
        let _ = storage.remove(&draft);
        let file = storage.create(&draft).map_err(failed)?;
        let header_hash = header.hash();
        let mut segment = Self {
            file,
            committed: 0,
            pending: 0,
            allocated: 0,
            tree: Tree::default(),
            root: [0; 32],
            pending_root: [0; 32],
            batch: 0,
            tenants: HashMap::new(),
            created: Instant::now(),
            buffer: header.encode().to_vec(),
            header,
            header_hash,
        };
        segment.allocate(FIRST_STEP).map_err(failed)?;
        segment.build(signer, gaps, &[])?;
        segment.flush().map_err(failed)?;
        storage.rename(&draft, &name).map_err(failed)?;
        Ok(segment)
    }

    /// Seals the records and makes them durable: one write, one sync.
    pub(crate) fn commit(&mut self, signer: &Signer, records: &[Sealable<'_>]) -> Result<Vec<Receipt>, AuditError> {
        let receipts = self.build(signer, &[], records)?;
        self.flush().map_err(|error| AuditError::storage(&error))?;
        Ok(receipts)
    }

    pub(crate) const fn number(&self) -> u64 {
        self.header.segment
    }
    pub(crate) fn name(&self) -> String {
        file_name(&self.header)
    }
    /// Committed size and root: what the next segment's header says of this one.
    pub(crate) const fn point(&self) -> (u64, [u8; 32]) {
        (self.committed, self.root)
    }
    /// The bytes that a failed commit left in an unknown state.
    pub(crate) const fn void(&self) -> (u64, u64) {
        (self.committed, self.committed + self.pending)
    }
    pub(crate) fn is_due(&self, size: u64, age: std::time::Duration) -> bool {
        self.batch > 1 && (self.committed >= size || self.created.elapsed() >= age)
    }

    /// Writes zeros ahead, if they are running out. To be called when nobody waits. A full disk is no error as long as
    /// nothing has to be written.
    pub(crate) fn prepare(&mut self) -> io::Result<()> {
        if self.allocated.saturating_sub(self.committed) >= LOW {
            return Ok(());
        }
        if let Err(error) = self.zero(self.allocated + STEP) {
            tracing::warn!(%error, "audit: no space could be prepared ahead");
        }
        self.file.sync()
    }

    /// Ends the log: a last, empty commit, so that damage to the batch before it cannot pass for a torn write.
    pub(crate) fn end(&mut self, signer: &Signer) -> Result<(), AuditError> {
        self.commit(signer, &[])?;
        self.finish().map_err(|error| AuditError::storage(&error))
    }

    /// Cuts the zeros off: nothing more will be written here.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.file.truncate(self.committed)?;
        self.file.sync()
    }

    fn allocate(&mut self, to: u64) -> io::Result<()> {
        self.zero(to)?;
        self.file.sync()
    }

    fn zero(&mut self, to: u64) -> io::Result<()> {
        const ZEROS: &[u8] = &[0; 1 << 16];
        while self.allocated < to {
            let len = usize::try_from(to - self.allocated).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.file.write_at(self.allocated, ZEROS.get(..len).unwrap_or(ZEROS))?;
            self.allocated += len as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let len = self.buffer.len() as u64;
        self.pending = len;
        if self.committed + len > self.allocated {
            self.allocate((self.committed + len).next_multiple_of(STEP))?;
        }
        self.file.write_at(self.committed, &self.buffer)?;
        self.file.sync()?;
        self.committed += len;
        self.pending = 0;
        self.root = self.pending_root;
        self.buffer.clear();
        Ok(())
    }

    /// Appends a batch to the buffer.
    fn build(
        &mut self,
        signer: &Signer,
        gaps: &[GapBody],
        records: &[Sealable<'_>],
    ) -> Result<Vec<Receipt>, AuditError> {
        let batch = BatchBody { number: self.batch, random: random::bytes().map_err(SealError::from)? };
        self.batch += 1;
        self.push(&FrameHeader::plain(FrameType::Batch, frame::body_len(frame::BATCH_LEN)), &batch.encode());
        for gap in gaps {
            self.push(&FrameHeader::plain(FrameType::Gap, frame::body_len(frame::GAP_LEN)), &gap.encode());
        }
        let mut keys: HashMap<u32, BatchKey> = HashMap::new();
        let mut receipts = Vec::with_capacity(records.len());
        for record in records {
            receipts.push(self.record(&batch, record, &mut keys)?);
        }
        self.close(signer, batch.number, records.len())?;
        Ok(receipts)
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
        self.introduce(record, keys)?;
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

    /// Gives the tenant a data key if it has none in this segment, or if its public key has changed.
    fn introduce(&mut self, record: &Sealable<'_>, keys: &mut HashMap<u32, BatchKey>) -> Result<(), AuditError> {
        let next = frame::body_len(self.tenants.len()) + 1;
        let (number, epoch, sequence) = match self.tenants.get(record.tenant) {
            Some(tenant) if tenant.key_id == *record.key.id() => return Ok(()),
            Some(tenant) => (tenant.number, tenant.epoch + 1, tenant.sequence),
            None => (next, 0, 0),
        };
        let (chain, body) = ratchet::new_data_key(&self.header_hash, number, epoch, record.tenant, &[record.key])?;
        let body = body.encode();
        let len = frame::body_len(body.len());
        self.push(&FrameHeader { len, kind: FrameType::Key, tenant: number, epoch, sequence: 0 }, &body);
        keys.remove(&number);
        let tenant = Tenant { number, epoch, sequence, key_id: *record.key.id(), chain };
        self.tenants.insert(Arc::clone(record.tenant), tenant);
        Ok(())
    }

    fn close(&mut self, signer: &Signer, batch: u64, records: usize) -> Result<(), AuditError> {
        self.pending_root = self.tree.root();
        let commit = CommitBody {
            batch,
            records: frame::body_len(records),
            time_ms: now_ms(),
            tree_size: self.tree.size(),
            root: self.pending_root,
        };
        let body = commit.encode();
        let head = FrameHeader::plain(FrameType::Commit, frame::body_len(COMMIT_LEN)).encode();
        let signature = signer.sign(&self.header_hash, &head, &body)?;
        self.buffer.extend_from_slice(&head);
        self.buffer.extend_from_slice(&body);
        self.buffer.extend_from_slice(&signature);
        debug_assert!(self.buffer.len() >= HEADER_LEN || self.committed > 0, "the header goes out with batch 0");
        Ok(())
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
