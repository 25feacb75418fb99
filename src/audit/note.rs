//! Checkpoints: a segment's tree as a C2SP signed note, which anchors keep elsewhere.
//!
//! Text (<https://c2sp.org/tlog-checkpoint>): origin, tree size, root in base64, extension lines. Signature
//! (<https://c2sp.org/signed-note>): Ed25519, key type 1. Every segment is a log of its own: origin `NAME/BOOT/SEGMENT` (boot id in
//! hexadecimal), key name `NAME`, where NAME is the pod's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::audit::error::AuditError;
use crate::audit::frame::MAX_NOTE;
use crate::audit::header::{Header, sha256};
use crate::audit::signer::{SIGNATURE_LEN, Signer, verify_note};
use crate::keys::pair::hex;

/// Signature type of Ed25519 in key ids of signed notes.
const ED25519: u8 = 1;
/// How a signature line begins.
const SIGNATURE: &str = "— ";
/// The name of a pod that has none.
const NAMELESS: &str = "sidewall";

/// A state of a segment's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// `NAME/BOOT/SEGMENT`.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: [u8; 32],
}

/// A checkpoint that was read, with what its signature needs.
#[derive(Debug, Clone)]
pub struct Note<'t> {
    /// What it says.
    pub checkpoint: Checkpoint,
    text: &'t str,
    signatures: &'t str,
}

/// The origin of a segment's checkpoints.
pub(crate) fn origin(header: &Header) -> String {
    format!("{}/{}/{}", name(header), hex(&header.boot), header.segment)
}

/// The pod's name as notes may hold it: ASCII letters, digits, `.`, `_`, `-`; others become `_`.
fn name(header: &Header) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = header.pod_name().chars().map(plain).collect();
    if name.is_empty() { NAMELESS.to_owned() } else { name }
}

/// First four bytes of SHA-256(name ‖ line feed ‖ type ‖ public key).
fn key_hash(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let hash = sha256(&[name.as_bytes(), b"\n", &[ED25519], public].concat());
    hash.first_chunk().copied().unwrap_or_default()
}

impl Checkpoint {
    /// The signed note. `bytes`: size of the segment's file at that state.
    pub(crate) fn sign(&self, signer: &Signer, header: &Header, bytes: u64, time: &str) -> Result<String, AuditError> {
        let root = STANDARD.encode(self.root);
        let text = format!("{}\n{}\n{root}\nbytes {bytes}\ntime {time}\n", self.origin, self.size);
        let name = name(header);
        let signature = [key_hash(&name, signer.public()).as_slice(), &signer.sign_note(text.as_bytes())?].concat();
        Ok(format!("{text}\n{SIGNATURE}{name} {}\n", STANDARD.encode(signature)))
    }

    /// Boot id (hexadecimal) and segment number of the origin.
    #[must_use]
    pub fn place(&self) -> Option<(&str, u64)> {
        let (rest, segment) = self.origin.rsplit_once('/')?;
        let (_, boot) = rest.rsplit_once('/')?;
        Some((boot, segment.parse().ok()?))
    }
}

impl<'t> Note<'t> {
    /// Reads a note; `None` if it is none.
    #[must_use]
    pub fn parse(note: &'t str) -> Option<Self> {
        if note.len() > MAX_NOTE || note.chars().any(|c| c.is_control() && c != '\n') {
            return None;
        }
        let at = note.rfind("\n\n")? + 1;
        let (text, signatures) = (note.get(..at)?, note.get(at + 1..)?);
        let mut lines = text.lines();
        let origin = lines.next().filter(|line| !line.is_empty())?.to_owned();
        let size = lines.next()?;
        let size = size.parse().ok().filter(|number: &u64| number.to_string() == size)?;
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let whole = signatures.ends_with('\n') && signatures.lines().all(|line| line.starts_with(SIGNATURE));
        (whole && lines.all(|line| !line.is_empty())).then_some(Self {
            checkpoint: Checkpoint { origin, size, root },
            text,
            signatures,
        })
    }

    /// True if one of the signatures is `public`'s.
    #[must_use]
    pub fn is_signed_by(&self, public: &[u8; 32]) -> bool {
        self.signatures.lines().any(|line| {
            let Some((name, signature)) = line.strip_prefix(SIGNATURE).and_then(|line| line.split_once(' ')) else {
                return false;
            };
            let signature = STANDARD.decode(signature).unwrap_or_default();
            let Some((hash, signature)) = signature.split_first_chunk::<4>() else { return false };
            let signature = <[u8; SIGNATURE_LEN]>::try_from(signature);
            *hash == key_hash(name, public)
                && signature.is_ok_and(|signature| verify_note(public, self.text.as_bytes(), &signature))
        })
    }
}

/// The notes of a file of notes, one behind the other. What is no note comes out as it stands.
pub fn split(file: &str) -> impl Iterator<Item = &str> {
    let mut rest = file.trim_start_matches('\n');
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        let mut signed = false;
        for line in rest.split_inclusive('\n') {
            let is_signature = line.starts_with(SIGNATURE);
            if signed && !is_signature {
                break;
            }
            signed = is_signature;
            end += line.len();
        }
        let (note, behind) = rest.split_at_checked(end)?;
        rest = behind.trim_start_matches('\n');
        Some(note)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::header::POD_LEN;

    fn header(pod: &str, signer: &Signer) -> Header {
        let mut name = [0; POD_LEN];
        name[..pod.len()].copy_from_slice(pod.as_bytes());
        Header {
            segment: 7,
            previous_size: 0,
            previous_root: [0; 32],
            created_ms: 0,
            boot: [0xab; 16],
            signer: *signer.public(),
            pod: name,
        }
    }

    #[test]
    fn notes_read_back_and_every_changed_byte_shows() {
        let dir = tempfile::tempdir().unwrap();
        let signer = Signer::load_or_make(&dir.path().join("signer.key")).unwrap();
        let header = header("pod 1+x", &signer);
        let checkpoint = Checkpoint { origin: origin(&header), size: 5, root: [9; 32] };
        assert_eq!(checkpoint.origin, format!("pod_1_x/{}/7", "ab".repeat(16)));
        assert_eq!(checkpoint.place(), Some(("ab".repeat(16).as_str(), 7)));
        let note = checkpoint.sign(&signer, &header, 1234, "2026-01-01T00:00:00Z").unwrap();
        let read = Note::parse(&note).unwrap();
        assert_eq!(read.checkpoint, checkpoint);
        assert!(read.is_signed_by(signer.public()) && !read.is_signed_by(&[1; 32]));
        for at in 0..note.len() {
            let mut bad = note.clone().into_bytes();
            bad[at] ^= 1;
            let bad = String::from_utf8(bad).ok();
            let signed = bad.as_deref().and_then(Note::parse).is_some_and(|note| note.is_signed_by(signer.public()));
            assert!(!signed, "byte {at}");
        }
        let file = format!("{note}\n{note}{note}not a note\n");
        assert_eq!(split(&file).collect::<Vec<_>>(), [note.as_str(), &note, &note, "not a note\n"]);
        assert_eq!(split("").count(), 0);
    }
}
