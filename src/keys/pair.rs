//! Key pairs, and sealing to them: HPKE base mode, HKDF-SHA256, AES-256-GCM (RFC 9180).

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::{DhP256HkdfSha256, X25519HkdfSha256};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

use crate::keys::Algorithm;
use crate::keys::random::{NoRandomness, Seeded};
use crate::secret::Sensitive;

/// Length of a key id in bytes.
pub const KEY_ID_LEN: usize = 32;

/// A tenant's public key: valid for its algorithm, by construction.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    bytes: Vec<u8>,
    id: [u8; KEY_ID_LEN],
}

/// A tenant's private key. Only reading commands hold one.
#[derive(Debug, Clone)]
pub struct PrivateKey {
    algorithm: Algorithm,
    bytes: Sensitive<Vec<u8>>,
    public: PublicKey,
}

/// Something sealed to a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The encapsulated key.
    pub enc: Vec<u8>,
    /// Ciphertext ‖ tag.
    pub ct: Vec<u8>,
}

/// Sealing or opening failed. Says nothing about why, so that it is no oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The bytes are no key of this algorithm.
    #[error("not a valid {0} key")]
    InvalidKey(&'static str),
    /// HPKE refused: another key, other context, or changed bytes.
    #[error("HPKE could not process it (another key, another context or changed bytes)")]
    Hpke,
}

/// Makes a key pair.
///
/// # Errors
/// [`SealError::Random`].
pub fn generate(algorithm: Algorithm) -> Result<PrivateKey, SealError> {
    fn with<K: Kem>() -> Result<Vec<u8>, SealError> {
        let (private, _public) = K::gen_keypair_with_rng(&mut Seeded::new()?);
        Ok(private.to_bytes().to_vec())
    }
    let bytes = match algorithm {
        Algorithm::P256 => with::<DhP256HkdfSha256>()?,
        Algorithm::X25519 => with::<X25519HkdfSha256>()?,
    };
    PrivateKey::new(algorithm, bytes)
}

impl PublicKey {
    /// Checks and takes a serialised public key (P-256: 65 bytes, uncompressed; X25519: 32 bytes).
    ///
    /// # Errors
    /// [`SealError::InvalidKey`].
    pub fn new(algorithm: Algorithm, bytes: Vec<u8>) -> Result<Self, SealError> {
        let row = algorithm.row();
        let valid = bytes.len() == row.public_len
            && match algorithm {
                Algorithm::P256 => <DhP256HkdfSha256 as Kem>::PublicKey::from_bytes(&bytes).is_ok(),
                Algorithm::X25519 => <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&bytes).is_ok(),
            };
        if !valid {
            return Err(SealError::InvalidKey(row.name));
        }
        let mut hash = Context::new(&SHA256);
        hash.update(&row.kem_id.to_be_bytes());
        hash.update(&bytes);
        let mut id = [0u8; KEY_ID_LEN];
        for (to, from) in id.iter_mut().zip(hash.finish().as_ref()) {
            *to = *from;
        }
        Ok(Self { algorithm, bytes, id })
    }

    /// SHA-256 of the KEM id (two bytes, big-endian) and the serialised key.
    #[must_use]
    pub const fn id(&self) -> &[u8; KEY_ID_LEN] {
        &self.id
    }
    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
    /// Its serialisation.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Seals `plaintext` so that only the private key opens it, and only with the same `info` and `aad`.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, info: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Sealed, SealError> {
        fn with<K: Kem>(key: &[u8], info: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Sealed, SealError> {
            let key = K::PublicKey::from_bytes(key).map_err(|_| SealError::Hpke)?;
            let mut rng = Seeded::new()?;
            let (enc, ct) = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, K>(
                &OpModeS::Base,
                &key,
                info,
                plaintext,
                aad,
                &mut rng,
            )
            .map_err(|_| SealError::Hpke)?;
            Ok(Sealed { enc: enc.to_bytes().to_vec(), ct })
        }
        match self.algorithm {
            Algorithm::P256 => with::<DhP256HkdfSha256>(&self.bytes, info, aad, plaintext),
            Algorithm::X25519 => with::<X25519HkdfSha256>(&self.bytes, info, aad, plaintext),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm.row().name, hex(&self.id))
    }
}

impl PrivateKey {
    /// Checks and takes a serialised private key (32 bytes for either algorithm).
    ///
    /// # Errors
    /// [`SealError::InvalidKey`].
    pub fn new(algorithm: Algorithm, bytes: Vec<u8>) -> Result<Self, SealError> {
        fn public<K: Kem>(bytes: &[u8]) -> Option<Vec<u8>> {
            let private = K::PrivateKey::from_bytes(bytes).ok()?;
            Some(K::sk_to_pk(&private).to_bytes().to_vec())
        }
        let row = algorithm.row();
        let bytes = Sensitive::new(bytes);
        if bytes.expose().len() != row.private_len {
            return Err(SealError::InvalidKey(row.name));
        }
        let public = match algorithm {
            Algorithm::P256 => public::<DhP256HkdfSha256>(bytes.expose()),
            Algorithm::X25519 => public::<X25519HkdfSha256>(bytes.expose()),
        };
        let public = PublicKey::new(algorithm, public.ok_or(SealError::InvalidKey(row.name))?)?;
        Ok(Self { algorithm, bytes, public })
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The serialised key, for writing it to its file.
    pub(crate) fn bytes(&self) -> &Sensitive<Vec<u8>> {
        &self.bytes
    }

    /// Opens what was sealed to the public half.
    ///
    /// # Errors
    /// [`SealError::Hpke`].
    pub fn open(&self, info: &[u8], aad: &[u8], sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        fn with<K: Kem>(key: &[u8], info: &[u8], aad: &[u8], sealed: &Sealed) -> Option<Vec<u8>> {
            let key = K::PrivateKey::from_bytes(key).ok()?;
            let enc = K::EncappedKey::from_bytes(&sealed.enc).ok()?;
            hpke::single_shot_open::<AesGcm256, HkdfSha256, K>(&OpModeR::Base, &key, &enc, info, &sealed.ct, aad).ok()
        }
        if sealed.enc.len() != self.algorithm.row().public_len {
            return Err(SealError::Hpke);
        }
        let opened = match self.algorithm {
            Algorithm::P256 => with::<DhP256HkdfSha256>(self.bytes.expose(), info, aad, sealed),
            Algorithm::X25519 => with::<X25519HkdfSha256>(self.bytes.expose(), info, aad, sealed),
        };
        opened.map(Zeroizing::new).ok_or(SealError::Hpke)
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The bytes of hexadecimal digits, of either case.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let pair = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    if rest.is_empty() { pairs.iter().map(pair).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_context() {
        for algorithm in Algorithm::ALL {
            let (ours, theirs) = (generate(algorithm).unwrap(), generate(algorithm).unwrap());
            let sealed = ours.public().seal(b"info", b"aad", b"thirty-two bytes of key material").unwrap();
            assert_eq!(ours.open(b"info", b"aad", &sealed).unwrap().as_slice(), b"thirty-two bytes of key material");
            assert_eq!(theirs.open(b"info", b"aad", &sealed), Err(SealError::Hpke));
            assert_eq!(ours.open(b"other", b"aad", &sealed), Err(SealError::Hpke));
            assert_eq!(ours.open(b"info", b"other", &sealed), Err(SealError::Hpke));
            for at in 0..sealed.enc.len() + sealed.ct.len() {
                let mut bad = sealed.clone();
                match at.checked_sub(bad.enc.len()) {
                    None => bad.enc[at] ^= 1,
                    Some(at) => bad.ct[at] ^= 1,
                }
                assert_eq!(ours.open(b"info", b"aad", &bad), Err(SealError::Hpke), "byte {at}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        for algorithm in Algorithm::ALL {
            let row = algorithm.row();
            for len in [0, 1, row.public_len - 1, row.public_len + 1, 64] {
                assert_eq!(PublicKey::new(algorithm, vec![4; len]).err(), Some(SealError::InvalidKey(row.name)));
            }
            assert_eq!(
                PrivateKey::new(algorithm, vec![0; 31]).map(|_| ()).err(),
                Some(SealError::InvalidKey(row.name))
            );
        }
        // Not on the curve.
        assert!(PublicKey::new(Algorithm::P256, vec![4; 65]).is_err());
        assert!(PrivateKey::new(Algorithm::P256, vec![0; 32]).is_err(), "zero is no scalar");
    }

    #[test]
    fn the_private_key_is_not_printed() {
        let key = generate(Algorithm::P256).unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains("Sensitive(..)") && !shown.contains(&hex(key.bytes().expose())), "{shown}");
    }
}
