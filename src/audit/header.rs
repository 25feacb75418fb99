//! A segment's header: 192 bytes, big-endian. Layout in `docs/audit-format.md`.

use aws_lc_rs::digest::{SHA256, digest};

/// First bytes of every segment.
pub const MAGIC: &[u8; 8] = b"SIDEWALL";
/// The version of the format.
pub const VERSION: u16 = 1;
/// Suite 1: HPKE base mode (KEM named per stanza) with HKDF-SHA256 and AES-256-GCM; records AES-256-GCM with HKDF-SHA256;
/// tree SHA-256 (RFC 6962); signatures Ed25519 (RFC 8032).
pub const SUITE: u16 = 1;
/// Length of a header in bytes.
pub const HEADER_LEN: usize = 192;
/// The same, as the header states it.
const HEADER_LEN_FIELD: u16 = 192;
/// Length of the pod's name in bytes, padded with zeros.
pub const POD_LEN: usize = 64;

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Number of the segment in its folder, from 1, without holes.
    pub segment: u64,
    /// Committed size of the previous segment in bytes; 0 for the first.
    pub previous_size: u64,
    /// Tree root of the previous segment's last commit; zeros for the first.
    pub previous_root: [u8; 32],
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// Random, one per start of the process.
    pub boot: [u8; 16],
    /// Ed25519 public key of the signer.
    pub signer: [u8; 32],
    /// Name of the pod, padded with zeros.
    pub pod: [u8; POD_LEN],
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Shorter than a header.
    #[error("shorter than a segment header")]
    Short,
    /// Other magic.
    #[error("not an audit segment")]
    Magic,
    /// The checksum is wrong.
    #[error("segment header damaged (CRC)")]
    Crc,
    /// Another version, suite or flags.
    #[error("made by another version of the format")]
    Version,
}

impl Header {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&(HEADER_LEN_FIELD).to_be_bytes());
        bytes.extend_from_slice(&0_u32.to_be_bytes()); // flags
        bytes.extend_from_slice(&SUITE.to_be_bytes());
        bytes.extend_from_slice(&0_u16.to_be_bytes()); // reserved
        bytes.extend_from_slice(&self.segment.to_be_bytes());
        bytes.extend_from_slice(&self.previous_size.to_be_bytes());
        bytes.extend_from_slice(&self.previous_root);
        bytes.extend_from_slice(&self.created_ms.to_be_bytes());
        bytes.extend_from_slice(&self.boot);
        bytes.extend_from_slice(&self.signer);
        bytes.extend_from_slice(&self.pod);
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        let mut out = [0u8; HEADER_LEN];
        for (to, from) in out.iter_mut().zip(bytes) {
            *to = from;
        }
        out
    }

    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let head = bytes.first_chunk::<HEADER_LEN>().ok_or(HeaderError::Short)?;
        let (body, crc) = head.split_last_chunk::<4>().ok_or(HeaderError::Short)?;
        let mut cursor = Cursor(body);
        if cursor.array::<8>() != Some(*MAGIC) {
            return Err(HeaderError::Magic);
        }
        if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
            return Err(HeaderError::Crc);
        }
        let known = [VERSION, HEADER_LEN_FIELD, 0, 0, SUITE, 0];
        for expected in known {
            if cursor.u16() != Some(expected) {
                return Err(HeaderError::Version);
            }
        }
        let read = |cursor: &mut Cursor<'_>| {
            Some(Self {
                segment: cursor.u64()?,
                previous_size: cursor.u64()?,
                previous_root: cursor.array()?,
                created_ms: cursor.u64()?,
                boot: cursor.array()?,
                signer: cursor.array()?,
                pod: cursor.array()?,
            })
        };
        read(&mut cursor).ok_or(HeaderError::Short)
    }

    /// SHA-256 of the encoded header: what signatures, seals and ciphertexts are bound to.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.encode())
    }

    /// The pod's name.
    #[must_use]
    pub fn pod_name(&self) -> String {
        String::from_utf8_lossy(&self.pod).trim_end_matches('\0').to_owned()
    }
}

/// SHA-256 as an array.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0u8; 32];
    for (to, from) in out.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    out
}

/// Reads big-endian fields; `None` at the end, never a panic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(u8::from_be_bytes)
    }
    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
    /// A length (u16) and that many bytes.
    pub(crate) fn bytes16(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.u16()?);
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_every_flipped_bit_shows() {
        let header = Header {
            segment: 7,
            previous_size: 8,
            previous_root: [9; 32],
            created_ms: 10,
            boot: [11; 16],
            signer: [12; 32],
            pod: [b'p'; POD_LEN],
        };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Ok(header.clone()));
        assert_eq!(Header::decode(&bytes[..HEADER_LEN - 1]), Err(HeaderError::Short));
        for bit in 0..HEADER_LEN * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&bad).is_err(), "bit {bit}");
        }
    }
}
