//! Walks a segment without any key: structure, sequence, tree, signatures. Recovery, verification and reading all
//! stand on this one walk, so they cannot disagree about what a segment holds.

use crate::audit::body::{BatchBody, CommitBody, GapBody, KeyBody, SealBody};
use crate::audit::frame::{COMMIT_LEN, FRAME_HEADER_LEN, Frame, FrameType, PAD, TAG_LEN};
use crate::audit::header::{HEADER_LEN, Header, HeaderError};
use crate::audit::merkle::Tree;
use crate::audit::note::{Checkpoint, Note, origin};
use crate::audit::signer;

/// LIMIT: bytes of a segment file that are read into memory: the default rotation size, one batch and one largest record.
pub const MAX_SEGMENT: u64 = 256 << 20;

/// A batch that its COMMIT covers.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Number and random bytes.
    pub open: BatchBody,
    /// The BATCH frame, header and body: a leaf.
    pub raw: &'a [u8],
    /// Every frame between BATCH and COMMIT.
    pub frames: Vec<Frame<'a>>,
    /// What closes it.
    pub commit: CommitBody,
}

/// The state of a segment at a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// One past the COMMIT's last byte.
    pub end: u64,
    /// What the COMMIT says.
    pub commit: CommitBody,
}

/// What stands behind the last commit that can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing, or preallocated zeros.
    Clean,
    /// A write that was never completed: no acknowledged record can be in it.
    Torn {
        /// RECORD frames that can be made out.
        records: u64,
    },
    /// Damage, and behind it a signed commit of a later batch: so this was once whole on disk. Or bytes behind a SEAL.
    Tampered {
        /// Where the walk ended.
        at: u64,
        /// Why.
        problem: &'static str,
        /// The last signed commit behind it; of a sealed segment, its last.
        later: Point,
    },
}

/// A walked segment.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Its header.
    pub header: Header,
    /// SHA-256 of the header.
    pub header_hash: [u8; 32],
    /// The first commit and the last that can be reached.
    pub commits: Option<(Point, Point)>,
    /// True if it was finished: the last commit is that of a SEAL.
    pub sealed: bool,
    /// What follows.
    pub tail: Tail,
}

impl Scan {
    /// End of the committed part in bytes; 0 if there is none.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.commits.map_or(0, |(_, last)| last.end)
    }
}

/// Walks `bytes` and shows every committed batch to `visit`, in order.
///
/// # Errors
/// [`HeaderError`] if the header is unusable.
pub fn scan<'a>(bytes: &'a [u8], mut visit: impl FnMut(&Header, &[u8; 32], &Batch<'a>)) -> Result<Scan, HeaderError> {
    let header = Header::decode(bytes)?;
    let header_hash = header.hash();
    let mut walk = Walk {
        bytes,
        at: HEADER_LEN,
        header: &header,
        hash: &header_hash,
        tree: Tree::default(),
        batch: 0,
        tenants: Vec::new(),
        records: 0,
        before: None,
        sealed: false,
    };
    let mut commits: Option<(Point, Point)> = None;
    let tail = loop {
        let end = walk.at;
        if is_zero(walk.rest()) {
            break Tail::Clean;
        }
        if let (true, Some(later)) = (walk.sealed, walk.before) {
            break Tail::Tampered { at: end as u64, problem: "bytes behind the SEAL", later };
        }
        match walk.batch() {
            Ok(batch) => {
                let point = Point { end: walk.at as u64, commit: batch.commit };
                walk.before = Some(point);
                commits = Some((commits.map_or(point, |(first, _)| first), point));
                visit(&header, &header_hash, &batch);
            }
            Err(problem) => {
                let at = walk.at as u64;
                let later = last_signed(bytes, end, &header, &header_hash, walk.batch);
                break match later {
                    Some(later) => Tail::Tampered { at, problem, later },
                    None => Tail::Torn { records: count_records(bytes.get(end..).unwrap_or_default()) },
                };
            }
        }
    };
    let sealed = walk.sealed;
    Ok(Scan { header, header_hash, commits, sealed, tail })
}

struct Walk<'a, 'h> {
    bytes: &'a [u8],
    at: usize,
    header: &'h Header,
    hash: &'h [u8; 32],
    tree: Tree,
    /// Number of the next batch.
    batch: u64,
    /// Epoch and next sequence number, by tenant number − 1.
    tenants: Vec<Tenant>,
    records: u64,
    /// The last commit.
    before: Option<Point>,
    sealed: bool,
}

struct Tenant {
    name: String,
    epoch: u32,
    sequence: u64,
}

impl<'a> Walk<'a, '_> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Result<Frame<'a>, &'static str> {
        let frame = Frame::parse(self.rest()).ok_or("no whole frame")?;
        self.at += frame.raw.len();
        Ok(frame)
    }

    fn batch(&mut self) -> Result<Batch<'a>, &'static str> {
        let first = self.next()?;
        if first.header.kind != FrameType::Batch || !is_plain(&first) {
            return Err("a batch should begin here");
        }
        let open = BatchBody::decode(first.body).ok_or("malformed BATCH")?;
        if open.number != self.batch {
            return Err("batch number out of sequence");
        }
        self.tree.push(first.raw);
        let mut frames = Vec::new();
        let mut records = 0_u32;
        let mut sealed = false;
        loop {
            let frame = self.next()?;
            if sealed && frame.header.kind != FrameType::Commit {
                return Err("a frame behind the SEAL");
            }
            match frame.header.kind {
                FrameType::Commit => {
                    let commit = self.commit(&frame, records)?;
                    self.batch += 1;
                    self.sealed = sealed;
                    return Ok(Batch { open, raw: first.raw, frames, commit });
                }
                FrameType::Batch => return Err("BATCH inside a batch"),
                FrameType::Key => self.key(&frame)?,
                FrameType::Record => {
                    self.record(&frame)?;
                    records += 1;
                }
                FrameType::Gap => self.gap(&frame)?,
                FrameType::Checkpoint => self.checkpoint(&frame)?,
                FrameType::Seal => {
                    self.seal(&frame)?;
                    sealed = true;
                }
            }
            self.tree.push(frame.raw);
            frames.push(frame);
        }
    }

    fn commit(&self, frame: &Frame<'_>, records: u32) -> Result<CommitBody, &'static str> {
        if !is_plain(frame) {
            return Err("malformed COMMIT");
        }
        let commit = signed_commit(frame, self.header, self.hash).ok_or("COMMIT without a valid signature")?;
        if commit.batch != self.batch || commit.records != records {
            return Err("COMMIT of another batch");
        }
        if commit.tree_size != self.tree.size() || commit.root != self.tree.root() {
            return Err("tree root differs: a frame was changed");
        }
        Ok(commit)
    }

    fn key(&mut self, frame: &Frame<'_>) -> Result<(), &'static str> {
        let body = KeyBody::decode(frame.body).ok_or("malformed KEY")?;
        let index = usize::try_from(frame.header.tenant).unwrap_or(usize::MAX).checked_sub(1);
        let index = index.ok_or("KEY of tenant 0")?;
        if frame.header.sequence != 0 {
            return Err("malformed KEY");
        }
        let known = self.tenants.len();
        match self.tenants.get_mut(index) {
            Some(tenant) if tenant.name == body.tenant && frame.header.epoch == tenant.epoch + 1 => {
                tenant.epoch += 1;
                Ok(())
            }
            None if index == known && frame.header.epoch == 0 => {
                if self.tenants.iter().any(|tenant| tenant.name == body.tenant) {
                    return Err("tenant has two numbers");
                }
                self.tenants.push(Tenant { name: body.tenant, epoch: 0, sequence: 0 });
                Ok(())
            }
            _ => Err("KEY out of sequence"),
        }
    }

    fn record(&mut self, frame: &Frame<'_>) -> Result<(), &'static str> {
        let index = usize::try_from(frame.header.tenant).unwrap_or(usize::MAX).checked_sub(1);
        let tenant = index.and_then(|index| self.tenants.get_mut(index)).ok_or("RECORD of an unknown tenant")?;
        if tenant.epoch != frame.header.epoch || tenant.sequence != frame.header.sequence {
            return Err("RECORD out of sequence");
        }
        tenant.sequence += 1;
        self.records += 1;
        match frame.body.len().checked_sub(TAG_LEN) {
            Some(len) if len > 0 && len.is_multiple_of(PAD) => Ok(()),
            _ => Err("malformed RECORD"),
        }
    }

    fn gap(&self, frame: &Frame<'_>) -> Result<(), &'static str> {
        GapBody::decode(frame.body).ok_or("malformed GAP")?;
        let index = usize::try_from(frame.header.tenant).unwrap_or(usize::MAX);
        let known = match index.checked_sub(1) {
            None => frame.header.epoch == 0,
            Some(index) => self.tenants.get(index).is_some_and(|tenant| tenant.epoch == frame.header.epoch),
        };
        if known && frame.header.sequence == 0 { Ok(()) } else { Err("GAP of an unknown tenant") }
    }

    fn checkpoint(&self, frame: &Frame<'_>) -> Result<(), &'static str> {
        let note = std::str::from_utf8(frame.body).ok().and_then(Note::parse).ok_or("malformed CHECKPOINT")?;
        let Point { commit, .. } = self.before.ok_or("CHECKPOINT of nothing")?;
        let expected = Checkpoint { origin: origin(self.header), size: commit.tree_size, root: commit.root };
        if !is_plain(frame) || note.checkpoint != expected || !note.is_signed_by(&self.header.signer) {
            return Err("CHECKPOINT of another tree");
        }
        Ok(())
    }

    fn seal(&self, frame: &Frame<'_>) -> Result<(), &'static str> {
        let seal = SealBody::decode(frame.body).filter(|_| is_plain(frame)).ok_or("malformed SEAL")?;
        let Point { end, commit } = self.before.ok_or("SEAL of nothing")?;
        let CommitBody { tree_size, root, .. } = commit;
        if seal != (SealBody { size: end, records: self.records, tree_size, root }) {
            return Err("SEAL of another tree");
        }
        Ok(())
    }
}

fn is_plain(frame: &Frame<'_>) -> bool {
    (frame.header.tenant, frame.header.epoch, frame.header.sequence) == (0, 0, 0)
}

/// What a COMMIT frame says, if the signer has signed it.
pub(crate) fn signed_commit(frame: &Frame<'_>, header: &Header, hash: &[u8; 32]) -> Option<CommitBody> {
    let (commit, signature) = CommitBody::decode(frame.body)?;
    let head = frame.raw.first_chunk::<FRAME_HEADER_LEN>()?;
    signer::verify(&header.signer, hash, head, &commit.encode(), &signature).then_some(commit)
}

/// The last commit behind `from` that the signer signed for a batch after `batch`.
///
/// A batch is written only when the one before it is on disk: so such a commit proves that `batch` was.
fn last_signed(bytes: &[u8], from: usize, header: &Header, hash: &[u8; 32], batch: u64) -> Option<Point> {
    let start = crate::audit::frame::body_len(COMMIT_LEN).to_be_bytes();
    let needle: Vec<u8> = start.into_iter().chain([FrameType::Commit as u8, 0]).collect();
    let rest = bytes.get(from..)?;
    memchr::memmem::rfind_iter(rest, &needle).find_map(|at| {
        let frame = Frame::parse(rest.get(at..)?)?;
        let commit = signed_commit(&frame, header, hash)?;
        (commit.batch > batch).then(|| Point { end: (from + at + frame.raw.len()) as u64, commit })
    })
}

/// True if there is nothing but zeros. Block by block: this looks at megabytes of preallocated space.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    const BLOCK: &[u8; 256] = &[0; 256];
    bytes.chunks(BLOCK.len()).all(|chunk| BLOCK.get(..chunk.len()) == Some(chunk))
}

pub(crate) fn count_records(mut tail: &[u8]) -> u64 {
    let mut records = 0;
    while let Some(frame) = Frame::parse(tail) {
        records += u64::from(frame.header.kind == FrameType::Record);
        tail = tail.get(frame.raw.len()..).unwrap_or_default();
    }
    records
}
