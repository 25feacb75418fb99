//! Bodies of frames. Layout in `docs/audit-format.md`.

use crate::audit::frame::COMMIT_LEN;
use crate::audit::header::Cursor;
use crate::keys::pair::KEY_ID_LEN;

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
    /// Records of exchanges that went on were not written: by configuration (`best_effort`, or `batched` on a failing disk), or
    /// because nobody was left to be told.
    Shed = 3,
}

/// Body of GAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapBody {
    /// Why.
    pub reason: GapReason,
    /// The segment it speaks of. `Shed`: 0.
    pub segment: u64,
    /// RECORD frames that can still be made out in the void bytes; none was acknowledged. `Shed`: records not written.
    pub count: u64,
    /// First void byte in that segment. `Shed`: when the first was not written, milliseconds since 1970.
    pub from: u64,
    /// One past the last void byte. `Shed`: when the last was not written.
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

/// Body of SEAL: the last frame before the last COMMIT of a segment that was finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealBody {
    /// Bytes of the segment before the sealing batch.
    pub size: u64,
    /// Records in the segment.
    pub records: u64,
    /// Leaves before the sealing batch.
    pub tree_size: u64,
    /// Root over them.
    pub root: [u8; 32],
}

impl SealBody {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let numbers = [self.size, self.records, self.tree_size].map(u64::to_be_bytes).concat();
        [numbers.as_slice(), &self.root].concat()
    }
    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(body);
        let seal =
            Self { size: cursor.u64()?, records: cursor.u64()?, tree_size: cursor.u64()?, root: cursor.array()? };
        cursor.is_empty().then_some(seal)
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
    use crate::audit::frame::{BATCH_LEN, GAP_LEN, SEAL_LEN};

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
        let seal = SealBody { size: 1, records: 2, tree_size: 3, root: [4; 32] };
        assert_eq!((seal.encode().len(), SealBody::decode(&seal.encode())), (SEAL_LEN, Some(seal)));
        let stanza = Stanza { kem: 16, key_id: [1; 32], enc: vec![2; 65], ct: vec![3; 48] };
        let key = KeyBody { tenant: "acme".into(), commitment: [7; 32], stanzas: vec![stanza.clone(), stanza] };
        assert_eq!(KeyBody::decode(&key.encode()), Some(key.clone()));
        for bytes in [batch.encode(), body, gap.encode(), seal.encode(), key.encode()] {
            let short = &bytes[..bytes.len() - 1];
            let long = [bytes.as_slice(), &[0]].concat();
            for bad in [short, &long] {
                assert!(BatchBody::decode(bad).is_none() && CommitBody::decode(bad).is_none());
                assert!(GapBody::decode(bad).is_none() && KeyBody::decode(bad).is_none());
                assert!(SealBody::decode(bad).is_none());
            }
        }
    }
}
