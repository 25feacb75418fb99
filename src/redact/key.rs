//! Keys of placeholders: one for the deployment, from it one per tenant.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use thiserror::Error;

use crate::redact::placeholder;
use crate::secret::Sensitive;

/// Bytes of every key here: the output of SHA-256.
const KEY_BYTES: usize = 32;

/// HKDF salt: keeps placeholder keys apart from anything else that may be derived from the same secret.
const SALT: &[u8] = b"sidewall placeholder v1";

/// The deployment's key, `[redaction].key`. The same on all replicas, or placeholders differ between them.
#[derive(Clone, Debug)]
pub struct RedactionKey(Sensitive<Vec<u8>>);

/// A key that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Not base64.
    #[error("the redaction key is not base64: make one with `openssl rand -base64 32`")]
    Encoding,
    /// Too short to be a key.
    #[error(
        "the redaction key has {0} bytes, at least {KEY_BYTES} are needed: make one with `openssl rand -base64 32`"
    )]
    Short(usize),
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system: set `redaction.key` to a file")]
    Random,
}

impl RedactionKey {
    /// Reads a key file's content: standard base64 of 32 bytes or more, white space around it ignored.
    ///
    /// # Errors
    /// [`KeyError`], without any of the content.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = Sensitive::new(STANDARD.decode(text.trim()).map_err(|_| KeyError::Encoding)?);
        match bytes.expose().len() {
            short if short < KEY_BYTES => Err(KeyError::Short(short)),
            _ => Ok(Self(bytes)),
        }
    }

    /// A random key, for a deployment without one: placeholders last as long as the process.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = vec![0; KEY_BYTES];
        rand::fill(&mut bytes).map_err(|_| KeyError::Random)?;
        Ok(Self(Sensitive::new(bytes)))
    }

    /// The key of `tenant`: HKDF-SHA-256 (RFC 5869) with the tenant's name as info. One block of output is one
    /// HMAC, written out here because it cannot fail.
    #[must_use]
    pub fn tenant_key(&self, tenant: &str) -> TenantKey {
        let extracted = keyed(SALT).chain_update(self.0.expose()).finalize().into_bytes();
        let key: [u8; KEY_BYTES] =
            keyed(&extracted).chain_update(tenant).chain_update([1]).finalize().into_bytes().into();
        TenantKey::new(key)
    }
}

/// Keeps fingerprints apart from digests of values, which begin with a word's length: no word is so long.
const FINGERPRINT: &[u8] = b"\xfffingerprint v1";

/// What a tenant's text is remembered by. SECURITY: made only with the tenant's key, so that nobody who lacks it can tell anything of the
/// text, or find another that has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; KEY_BYTES]);

/// A tenant's keys of placeholders and, if its records are to hold them, of pseudonyms. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TenantKey {
    placeholders: Arc<Schedule>,
    pseudonyms: Option<Arc<Schedule>>,
}

impl TenantKey {
    /// Wraps derived key material. The key schedule is made here once, not for each value.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self { placeholders: schedule(bytes), pseudonyms: None }
    }

    /// The same, and records hold pseudonyms under this key: another one, so that a record's pseudonyms say nothing of what
    /// placeholders a provider saw.
    #[must_use]
    pub fn with_pseudonyms(self, bytes: [u8; KEY_BYTES]) -> Self {
        Self { pseudonyms: Some(schedule(bytes)), ..self }
    }

    /// What a record shows for `value` where records hold pseudonyms: `[WORD:XXXXXXXXXXXXXXXX]`, 80 bits of a keyed hash, so that records
    /// can be joined by a value that nobody sees.
    #[must_use]
    pub fn pseudonym(&self, word: &str, value: &str) -> Option<String> {
        let digest = digest(self.pseudonyms.as_ref()?, word, value, 0);
        Some(placeholder::write_pseudonym(word, &digest))
    }

    /// What a text is remembered by: HMAC-SHA-256 over `terms`, on which what is known of it depends, and the text.
    #[must_use]
    pub fn fingerprint(&self, terms: &[u8], text: &str) -> Fingerprint {
        let hmac =
            self.placeholders.0.clone().chain_update(FINGERPRINT).chain_update((terms.len() as u64).to_be_bytes());
        Fingerprint(hmac.chain_update(terms).chain_update(text).finalize().into_bytes().into())
    }

    /// HMAC-SHA-256 over the word (its length first, so that no other word and value read the same), the number of
    /// the attempt, and the value.
    pub(super) fn digest(&self, word: &str, value: &str, attempt: u32) -> Digest {
        digest(&self.placeholders, word, value, attempt)
    }
}

/// HMAC with its key taken in: where every digest under that key begins. Wiped when dropped.
struct Schedule(Hmac<Sha256>);

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schedule(..)")
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // Of any length (RFC 2104, section 2), so the other never comes.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default()))
}

fn schedule(bytes: [u8; KEY_BYTES]) -> Arc<Schedule> {
    Arc::new(Schedule(keyed(Sensitive::new(bytes).expose())))
}

fn digest(key: &Schedule, word: &str, value: &str, attempt: u32) -> Digest {
    let hmac = key.0.clone().chain_update((word.len() as u64).to_be_bytes()).chain_update(word);
    hmac.chain_update(attempt.to_be_bytes()).chain_update(value).finalize().into_bytes().into()
}

/// A keyed digest of a value: says nothing about it to who lacks the key.
pub(super) type Digest = [u8; KEY_BYTES];

#[cfg(test)]
mod tests {
    use aws_lc_rs::hkdf;

    use super::*;

    #[test]
    fn a_tenant_key_is_hkdf_of_rfc_5869() {
        let ikm = [7u8; 40];
        let key = RedactionKey::parse(&STANDARD.encode(ikm)).unwrap();
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(&ikm);
        let mut expected = [0; 32];
        prk.expand(&[b"acme"], hkdf::HKDF_SHA256).unwrap().fill(&mut expected).unwrap();
        let digest = |key: &TenantKey| key.digest("EMAIL", "jo@example.com", 0);
        assert_eq!(digest(&key.tenant_key("acme")), digest(&TenantKey::new(expected)));
        assert_ne!(digest(&key.tenant_key("acme2")), digest(&TenantKey::new(expected)));
    }

    #[test]
    fn pseudonyms_are_the_same_for_the_same_value_and_tenant_alone() {
        let key = |pseudonyms| TenantKey::new([1; 32]).with_pseudonyms([pseudonyms; 32]);
        let of = |key: TenantKey, value| key.pseudonym("EMAIL", value).unwrap();
        let first = of(key(2), "jo@example.com");
        assert_eq!((first.len(), first.starts_with("[EMAIL:")), ("[EMAIL:]".len() + 16, true), "{first}");
        assert_eq!(of(key(2), "jo@example.com"), first);
        assert_ne!(of(key(2), "jo@example.org"), first);
        assert_ne!(of(key(3), "jo@example.com"), first);
        assert_eq!(TenantKey::new([1; 32]).pseudonym("EMAIL", "jo@example.com"), None);
        let text = format!(
            "a [EMAIL] [[{}x {} ][AB:CD]",
            of(key(2), "x@y.example").trim_start_matches('['),
            of(key(2), "jo@example.com")
        );
        let found: Vec<String> = placeholder::pseudonyms(&text).map(|inner| format!("[{inner}]")).collect();
        assert_eq!(found, [of(key(2), "x@y.example"), of(key(2), "jo@example.com")], "{text}");
    }

    #[test]
    fn bad_keys_are_refused_without_quoting_them() {
        assert_eq!(RedactionKey::parse("not base64!").unwrap_err(), KeyError::Encoding);
        assert_eq!(RedactionKey::parse("c2hvcnQ=\n").unwrap_err(), KeyError::Short(5));
        assert!(!format!("{:?}", RedactionKey::random().unwrap()).contains('['));
    }
}
