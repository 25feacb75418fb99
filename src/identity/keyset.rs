//! An issuer's public keys: a JSON Web Key Set (RFC 7517 section 5).
//!
//! Keys that are not for verifying signatures, or of a kind we do not know, are left aside, as the RFC asks. SECURITY: a set that
//! holds a private or symmetric key, or one key id twice, is refused whole: the first is a leak, the second an ambiguity.

use std::fmt;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use serde_json::{Map, Value};

use crate::identity::token::{ALGORITHMS, Algorithm, strict};

/// LIMIT: 256 KiB a key set: a hundred RSA keys with their certificates.
pub const MAX_SET_BYTES: usize = 256 << 10;
/// LIMIT: 100 keys: providers publish two to ten.
const MAX_KEYS: usize = 100;
/// LIMIT: RSA from 2,048 bits (NIST SP 800-131A) to 8,192, in bytes of the modulus.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Members that only private or symmetric keys have (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1; RFC 8037 section 2).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a key set cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Too large.
    #[error("is larger than {MAX_SET_BYTES} bytes, or holds more than {MAX_KEYS} keys")]
    TooLarge,
    /// Not a JSON object with `keys`.
    #[error("is no JSON Web Key Set: one strict JSON object with a list of objects under \"keys\"")]
    Form,
    /// A private or symmetric key.
    #[error("holds a private or symmetric key: publish public keys only, and replace this one")]
    Secret,
    /// One key id twice.
    #[error("holds two keys with the same kid, so a token's key would be a matter of luck")]
    Duplicate,
    /// Nothing that could verify a token.
    #[error("holds no key that could verify a token (RSA of 2048 bits or more, P-256, P-384, Ed25519; use \"sig\")")]
    Empty,
}

/// The keys that an issuer signs with.
#[derive(Debug, Default)]
pub struct KeySet(Vec<VerifyingKey>);

/// One of them.
pub struct VerifyingKey {
    kid: Option<String>,
    kind: Kind,
    /// What `alg` says; the key is for nothing else then.
    only: Option<Algorithm>,
    key: DecodingKey,
}

/// The kinds of key, and the algorithms that each is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    const fn fits(self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        match self {
            Self::Rsa => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
            Self::P256 => matches!(algorithm, ES256),
            Self::P384 => matches!(algorithm, ES384),
            Self::Ed25519 => matches!(algorithm, EdDSA),
        }
    }
}

impl VerifyingKey {
    /// True if signatures of this algorithm may be verified with it.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.kind.fits(algorithm) && self.only.is_none_or(|only| only == algorithm)
    }

    pub(super) const fn key(&self) -> &DecodingKey {
        &self.key
    }

    /// The key of this member of a set; `None` if it is none that verifies tokens.
    fn read(member: &Map<String, Value>) -> Option<Self> {
        let only = match member.get("alg") {
            None => None,
            Some(alg) => Some(ALGORITHMS.iter().find(|(name, _)| alg.as_str() == Some(name))?.1),
        };
        let jwk: Jwk = serde_json::from_value(Value::Object(member.clone())).ok()?;
        if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            return None;
        }
        if jwk.common.key_operations.as_ref().is_some_and(|allowed| !allowed.contains(&KeyOperations::Verify)) {
            return None;
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        let kind = kind(&jwk.algorithm)?;
        let fits = only.is_none_or(|only| kind.fits(only));
        fits.then_some(Self { kid: jwk.common.key_id, kind, only, key })
    }
}

fn kind(parameters: &AlgorithmParameters) -> Option<Kind> {
    match parameters {
        AlgorithmParameters::RSA(rsa) => {
            let bytes =
                |text: &str| base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text).ok();
            let (modulus, exponent) = (bytes(&rsa.n)?, bytes(&rsa.e)?);
            let length = modulus.iter().skip_while(|byte| **byte == 0).count();
            // An exponent of 1 makes every message its own signature; even ones belong to no RSA key.
            let odd = exponent.last().is_some_and(|last| last % 2 == 1);
            let fine = RSA_BYTES.contains(&length) && odd && exponent != [1];
            fine.then_some(Kind::Rsa)
        }
        AlgorithmParameters::EllipticCurve(point) => match point.curve {
            EllipticCurve::P256 => Some(Kind::P256),
            EllipticCurve::P384 => Some(Kind::P384),
            _ => None,
        },
        AlgorithmParameters::OctetKeyPair(point) => (point.curve == EllipticCurve::Ed25519).then_some(Kind::Ed25519),
        _ => None,
    }
}

impl KeySet {
    /// Reads a key set.
    ///
    /// # Errors
    /// [`KeySetError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        if bytes.len() > MAX_SET_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let document = strict(bytes).ok_or(KeySetError::Form)?;
        let members = document.get("keys").and_then(Value::as_array).ok_or(KeySetError::Form)?;
        if members.len() > MAX_KEYS {
            return Err(KeySetError::TooLarge);
        }
        let mut keys: Vec<VerifyingKey> = Vec::new();
        for member in members {
            let member = member.as_object().ok_or(KeySetError::Form)?;
            if SECRET_MEMBERS.iter().any(|name| member.contains_key(*name)) {
                return Err(KeySetError::Secret);
            }
            let Some(key) = VerifyingKey::read(member) else { continue };
            if key.kid.is_some() && keys.iter().any(|earlier| earlier.kid == key.kid) {
                return Err(KeySetError::Duplicate);
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    /// The key for a token: the one that it names, or, if it names none, the only one that there is for its algorithm.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&VerifyingKey> {
        let Some(kid) = kid else {
            let mut fitting = self.0.iter().filter(|key| key.fits(algorithm));
            return match (fitting.next(), fitting.next()) {
                (Some(only), None) => Some(only),
                _ => None,
            };
        };
        self.0.iter().find(|key| key.kid.as_deref() == Some(kid))
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("kid", &self.kid).field("kind", &self.kind).finish_non_exhaustive()
    }
}
