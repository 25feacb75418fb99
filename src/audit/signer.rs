//! The sidecar's own signing key: every commit carries its signature.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::audit::error::AuditError;
use crate::audit::frame::FRAME_HEADER_LEN;
use crate::keys::{pair::hex, random};

/// First word of the signer's key file.
const WORD: &str = "sidewall-signer-key-v1";
/// What every signature of a commit starts with.
const LABEL_COMMIT: &[u8] = b"sidewall audit v1 signature\0";
/// Length of a signature in bytes.
pub const SIGNATURE_LEN: usize = 64;

/// Signs commits.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl Signer {
    /// Reads the key of `path`; makes one (mode 0600, and `.pub` with the public key in hexadecimal) if there is none.
    ///
    /// The file: `sidewall-signer-key-v1 ed25519`, line end, base64 of the 32-byte seed (RFC 8032).
    pub(crate) fn load_or_make(path: &Path) -> Result<Self, AuditError> {
        match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => Self::parse(&text).ok_or_else(|| {
                AuditError::open(path, "not a signer key file; restore it, or move it away to sign with a new key")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(path),
            Err(error) => Err(AuditError::open(path, error)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(&format!("{WORD} ed25519")) {
            return None;
        }
        let seed = Zeroizing::new(STANDARD.decode(lines.next()?).ok()?);
        Self::from_seed(&Zeroizing::new(<[u8; 32]>::try_from(seed.as_slice()).ok()?))
    }

    fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).ok()?;
        let public = <[u8; 32]>::try_from(pair.public_key().as_ref()).ok()?;
        Some(Self { pair, public })
    }

    fn make(path: &Path) -> Result<Self, AuditError> {
        let seed = random::bytes::<32>().map_err(|error| AuditError::open(path, error))?;
        let seed = Zeroizing::new(seed);
        let signer = Self::from_seed(&seed).ok_or_else(|| AuditError::open(path, "no key could be made"))?;
        let text = Zeroizing::new(format!("{WORD} ed25519\n{}\n", STANDARD.encode(seed.as_ref())));
        let write = |path: &Path, text: &str, mode: u32| -> io::Result<()> {
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        // Whole or not at all: a key cut off by a crash would keep the next start from opening the log.
        let draft = path.with_extension("key.new");
        let _ = fs::remove_file(&draft);
        write(&draft, &text, 0o600).map_err(|error| AuditError::open(&draft, error))?;
        fs::rename(&draft, path).map_err(|error| AuditError::open(path, error))?;
        let public = path.with_extension("pub");
        let line = format!("{}\n", hex(&signer.public));
        write(&public, &line, 0o644).map_err(|error| AuditError::open(&public, error))?;
        Ok(signer)
    }

    pub(crate) const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Signs the text of a note. No message of [`sign`](Self::sign) is such a text: those hold a zero byte.
    pub(crate) fn sign_note(&self, text: &[u8]) -> Result<[u8; SIGNATURE_LEN], AuditError> {
        self.sign_bytes(text)
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], AuditError> {
        let failed = || AuditError::Seal("signing failed".to_owned());
        let signature = self.pair.try_sign(message).map_err(|_| failed())?;
        <[u8; SIGNATURE_LEN]>::try_from(signature.as_ref()).map_err(|_| failed())
    }

    pub(crate) fn sign(
        &self,
        header_hash: &[u8; 32],
        frame: &[u8; FRAME_HEADER_LEN],
        commit: &[u8],
    ) -> Result<[u8; SIGNATURE_LEN], AuditError> {
        self.sign_bytes(&message(header_hash, frame, commit))
    }
}

/// What is signed: label ‖ header hash ‖ COMMIT's frame header ‖ its body up to the signature.
fn message(header_hash: &[u8; 32], frame: &[u8; FRAME_HEADER_LEN], commit: &[u8]) -> Vec<u8> {
    [LABEL_COMMIT, header_hash, frame, commit].concat()
}

/// True if `signature` is `public`'s over this commit.
pub(crate) fn verify(
    public: &[u8; 32],
    header_hash: &[u8; 32],
    frame: &[u8; FRAME_HEADER_LEN],
    commit: &[u8],
    signature: &[u8; SIGNATURE_LEN],
) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(&message(header_hash, frame, commit), signature).is_ok()
}

/// True if `signature` is `public`'s over the text of a note.
pub(crate) fn verify_note(public: &[u8; 32], text: &[u8], signature: &[u8; SIGNATURE_LEN]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(text, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_same_key_signs_after_a_restart_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signer.key");
        let first = Signer::load_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let second = Signer::load_or_make(&path).unwrap();
        assert_eq!(first.public(), second.public());
        let signature = first.sign(&[1; 32], &[2; FRAME_HEADER_LEN], b"commit").unwrap();
        assert!(verify(second.public(), &[1; 32], &[2; FRAME_HEADER_LEN], b"commit", &signature));
        assert!(!verify(second.public(), &[0; 32], &[2; FRAME_HEADER_LEN], b"commit", &signature));
        assert!(!verify(second.public(), &[1; 32], &[2; FRAME_HEADER_LEN], b"c0mmit", &signature));
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(Signer::load_or_make(&path), Err(AuditError::Open { .. })));
    }
}
