//! Frames: everything in a segment after its header. Layout in `docs/audit-format.md`.

use crate::audit::header::Cursor;
use crate::keys::pair::KEY_ID_LEN;

/// Length of a frame's header in bytes.
pub const FRAME_HEADER_LEN: usize = 26;
/// Length of an AES-GCM tag in bytes.
pub const TAG_LEN: usize = 16;
/// Records are padded to a multiple of this many bytes, so that lengths tell little.
pub const PAD: usize = 64;
/// LIMIT: padded plaintext of one record in bytes. Four times the largest body that the proxy accepts by default: a
/// record holds texts of both directions, JSON escapes included.
pub const MAX_RECORD: usize = 64 << 20;
/// LIMIT: body of any frame in bytes.
pub const MAX_BODY: usize = MAX_RECORD + TAG_LEN;
/// Length of a COMMIT's body in bytes.
pub const COMMIT_LEN: usize = 8 + 4 + 8 + 8 + 32 + 64;
/// Length of a GAP's body in bytes.
pub const GAP_LEN: usize = 1 + 8 + 8 + 8 + 8 + 32;
/// Length of a BATCH's body in bytes.
pub const BATCH_LEN: usize = 8 + 16;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameType {
    /// A tenant's sealed data key.
    Key = 1,
    /// Opens a batch.
    Batch = 2,
    /// One sealed record.
    Record = 3,
    /// Closes a batch: tree root and signature.
    Commit = 4,
    /// Reserved: a C2SP signed note.
    Checkpoint = 5,
    /// Declares what is not there.
    Gap = 6,
    /// Reserved: final size and root.
    Seal = 7,
}

impl FrameType {
    /// Every type.
    pub const ALL: [Self; 7] =
        [Self::Key, Self::Batch, Self::Record, Self::Commit, Self::Checkpoint, Self::Gap, Self::Seal];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Length of the body in bytes.
    pub len: u32,
    /// What it is.
    pub kind: FrameType,
    /// The tenant's number in this segment, from 1; 0 where no tenant is meant.
    pub tenant: u32,
    /// How many data keys the tenant had in this segment before this one.
    pub epoch: u32,
    /// RECORD: the record's number among the tenant's in this segment, from 0. Else 0.
    pub sequence: u64,
}

impl FrameHeader {
    /// A header without tenant.
    #[must_use]
    pub const fn plain(kind: FrameType, len: u32) -> Self {
        Self { len, kind, tenant: 0, epoch: 0, sequence: 0 }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; FRAME_HEADER_LEN] {
        let fields = (self.len.to_be_bytes().into_iter())
            .chain([self.kind as u8, 0])
            .chain(self.tenant.to_be_bytes())
            .chain(self.epoch.to_be_bytes())
            .chain(self.sequence.to_be_bytes());
        let mut out = [0u8; FRAME_HEADER_LEN];
        for (to, from) in out.iter_mut().zip(fields) {
            *to = from;
        }
        if let Some((body, crc)) = out.split_last_chunk_mut::<4>() {
            *crc = crc32c::crc32c(body).to_be_bytes();
        }
        out
    }

    /// Reads a header; `None` if it is none (CRC, type, flags, length).
    #[must_use]
    pub fn decode(bytes: &[u8; FRAME_HEADER_LEN]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        let mut cursor = Cursor(body);
        let len = cursor.u32()?;
        let kind = FrameType::from_byte(cursor.u8()?)?;
        let flags = cursor.u8()?;
        if flags != 0 || usize::try_from(len).ok()? > MAX_BODY || crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
            return None;
        }
        Some(Self { len, kind, tenant: cursor.u32()?, epoch: cursor.u32()?, sequence: cursor.u64()? })
    }
}

/// A frame in the bytes of its segment.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Its header.
    pub header: FrameHeader,
    /// Header and body: the Merkle leaf.
    pub raw: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the start of `bytes`, if a whole one stands there.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<FRAME_HEADER_LEN>()?;
        let header = FrameHeader::decode(head)?;
        let len = usize::try_from(header.len).ok()?;
        Some(Self { header, raw: bytes.get(..FRAME_HEADER_LEN + len)?, body: rest.get(..len)? })
    }
}

/// Appends a frame and says where its body starts.
pub(crate) fn push(out: &mut Vec<u8>, header: &FrameHeader, body: &[u8]) {
    out.extend_from_slice(&header.encode());
    out.extend_from_slice(body);
}

/// A body's length as the header holds it; bodies are bounded by [`MAX_BODY`].
pub(crate) fn body_len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Body of BATCH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchBody {
    /// Number in the segment, from 0.
    pub number: u64,
    /// Fresh random bytes for the ratchet.
    pub random: [u8; 16],
}

impl BatchBody {
    pub(crate) fn encode(&self) -> Vec<u8> {
        [self.number.to_be_bytes().as_slice(), &self.random].concat()
    }
    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(body);
        let batch = Self { number: cursor.u64()?, random: cursor.array()? };
        cursor.is_empty().then_some(batch)
    }
}

/// Body of COMMIT, without the signature at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitBody {
    /// The batch it closes.
    pub batch: u64,
    /// RECORD frames in the batch.
    pub records: u32,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// Leaves in the segment's tree: every frame so far but the commits.
    pub tree_size: u64,
    /// RFC 6962 root over them.
    pub root: [u8; 32],
}

impl CommitBody {
    /// The fields before the signature.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(COMMIT_LEN);
        out.extend_from_slice(&self.batch.to_be_bytes());
        out.extend_from_slice(&self.records.to_be_bytes());
        out.extend_from_slice(&self.time_ms.to_be_bytes());
        out.extend_from_slice(&self.tree_size.to_be_bytes());
        out.extend_from_slice(&self.root);
        out
    }
    pub(crate) fn decode(body: &[u8]) -> Option<(Self, [u8; 64])> {
        let mut cursor = Cursor(body);
        let commit = Self {
            batch: cursor.u64()?,
            records: cursor.u32()?,
            time_ms: cursor.u64()?,
            tree_size: cursor.u64()?,
            root: cursor.array()?,
        };
        let signature = cursor.array()?;
        cursor.is_empty().then_some((commit, signature))
    }
}

/// Why a gap is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum GapReason {
    /// The process ended in the middle of a write; what stood behind the last commit was moved to a `.torn` file.
    Torn = 1,
    /// A write or sync failed; the records went to the next segment, the bytes of the failed one are void.
    Poisoned = 2,
    /// Records were shed by configuration.
    Shed = 3,
}

/// Body of GAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapBody {
    /// Why.
    pub reason: GapReason,
    /// The segment it speaks of.
    pub segment: u64,
    /// RECORD frames that can still be made out in the void bytes; none was acknowledged. `Shed`: records not written.
    pub count: u64,
    /// First void byte in that segment. `Shed`: the tenant's first missing sequence number.
    pub from: u64,
    /// One past the last.
    pub to: u64,
    /// SHA-256 of the bytes moved aside; zeros where there are none.
    pub hash: [u8; 32],
}

impl GapBody {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.reason as u8];
        for field in [self.segment, self.count, self.from, self.to] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        out.extend_from_slice(&self.hash);
        out
    }
    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(body);
        let byte = cursor.u8()?;
        let reason = [GapReason::Torn, GapReason::Poisoned, GapReason::Shed].into_iter().find(|r| *r as u8 == byte)?;
        let gap = Self {
            reason,
            segment: cursor.u64()?,
            count: cursor.u64()?,
            from: cursor.u64()?,
            to: cursor.u64()?,
            hash: cursor.array()?,
        };
        cursor.is_empty().then_some(gap)
    }
}

/// One recipient of a data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stanza {
    /// HPKE's id of the KEM.
    pub kem: u16,
    /// Id of the recipient's key.
    pub key_id: [u8; KEY_ID_LEN],
    /// Encapsulated key.
    pub enc: Vec<u8>,
    /// Sealed data key.
    pub ct: Vec<u8>,
}

/// Body of KEY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBody {
    /// The tenant's name.
    pub tenant: String,
    /// Key commitment: AES-GCM alone does not commit to its key.
    pub commitment: [u8; 32],
    /// Recipients.
    pub stanzas: Vec<Stanza>,
}

impl KeyBody {
    pub(crate) fn encode(&self) -> Vec<u8> {
        fn bytes16(out: &mut Vec<u8>, bytes: &[u8]) {
            let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend(bytes.iter().take(usize::from(len)));
        }
        let mut out = Vec::new();
        bytes16(&mut out, self.tenant.as_bytes());
        out.extend_from_slice(&self.commitment);
        out.push(u8::try_from(self.stanzas.len()).unwrap_or(u8::MAX));
        for stanza in self.stanzas.iter().take(usize::from(u8::MAX)) {
            out.extend_from_slice(&stanza.kem.to_be_bytes());
            out.extend_from_slice(&stanza.key_id);
            bytes16(&mut out, &stanza.enc);
            bytes16(&mut out, &stanza.ct);
        }
        out
    }
    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(body);
        let tenant = std::str::from_utf8(cursor.bytes16()?).ok()?.to_owned();
        let commitment = cursor.array()?;
        let count = cursor.u8()?;
        let mut stanzas = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            stanzas.push(Stanza {
                kem: cursor.u16()?,
                key_id: cursor.array()?,
                enc: cursor.bytes16()?.to_vec(),
                ct: cursor.bytes16()?.to_vec(),
            });
        }
        (cursor.is_empty() && !tenant.is_empty()).then_some(Self { tenant, commitment, stanzas })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_read_back_and_refuse_other_lengths() {
        let batch = BatchBody { number: 3, random: [4; 16] };
        assert_eq!(BatchBody::decode(&batch.encode()), Some(batch));
        assert_eq!(batch.encode().len(), BATCH_LEN);
        let commit = CommitBody { batch: 1, records: 2, time_ms: 3, tree_size: 4, root: [5; 32] };
        let body = [commit.encode(), vec![6; 64]].concat();
        assert_eq!((body.len(), CommitBody::decode(&body)), (COMMIT_LEN, Some((commit, [6; 64]))));
        let gap = GapBody { reason: GapReason::Torn, segment: 1, count: 2, from: 3, to: 4, hash: [5; 32] };
        assert_eq!((gap.encode().len(), GapBody::decode(&gap.encode())), (GAP_LEN, Some(gap)));
        let stanza = Stanza { kem: 16, key_id: [1; 32], enc: vec![2; 65], ct: vec![3; 48] };
        let key = KeyBody { tenant: "acme".into(), commitment: [7; 32], stanzas: vec![stanza.clone(), stanza] };
        assert_eq!(KeyBody::decode(&key.encode()), Some(key.clone()));
        for bytes in [batch.encode(), body, gap.encode(), key.encode()] {
            let short = &bytes[..bytes.len() - 1];
            let long = [bytes.as_slice(), &[0]].concat();
            for bad in [short, &long] {
                assert!(BatchBody::decode(bad).is_none() && CommitBody::decode(bad).is_none());
                assert!(GapBody::decode(bad).is_none() && KeyBody::decode(bad).is_none());
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_frame_header_shows() {
        let header = FrameHeader { len: 80, kind: FrameType::Record, tenant: 2, epoch: 1, sequence: 9 };
        let bytes = header.encode();
        assert_eq!(FrameHeader::decode(&bytes), Some(header));
        for bit in 0..FRAME_HEADER_LEN * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameHeader::decode(&bad), None, "bit {bit}");
        }
    }
}
