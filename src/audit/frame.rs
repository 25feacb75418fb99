//! Frames: everything in a segment after its header. Layout in `docs/audit-format.md`.

use crate::audit::header::Cursor;

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
/// Length of a COMMIT, header and body, in bytes.
pub const COMMIT_FRAME_LEN: usize = FRAME_HEADER_LEN + COMMIT_LEN;
/// Length of a GAP's body in bytes.
pub const GAP_LEN: usize = 1 + 8 + 8 + 8 + 8 + 32;
/// Length of a SEAL's body in bytes.
pub const SEAL_LEN: usize = 8 + 8 + 8 + 32;
/// LIMIT: text of a CHECKPOINT in bytes; a note of ours has about 400.
pub const MAX_NOTE: usize = 4096;
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
    /// A C2SP signed note over the tree of the commit before.
    Checkpoint = 5,
    /// Declares what is not there.
    Gap = 6,
    /// The segment was finished: final size and root.
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

#[cfg(test)]
mod tests {
    use super::*;

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
