//! Virtual keys, found by the hash of what was presented.

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::digest;
use subtle::ConstantTimeEq;

use crate::identity::settings::VirtualKey;

/// All virtual keys, in buckets by the first eight bytes of their digest.
///
/// SECURITY: a caller learns nothing from how long a search takes. What is compared are SHA-256 digests, and a caller cannot
/// choose the digest's bytes without choosing a key by brute force; the bucket reveals at most that eight bytes agree, and
/// within it every digest is compared whole, in constant time.
pub(super) struct Keyring {
    buckets: HashMap<[u8; 8], Vec<VirtualKey>>,
}

impl Keyring {
    pub(super) fn new(keys: &[VirtualKey]) -> Self {
        let mut buckets: HashMap<_, Vec<_>> = HashMap::with_capacity(keys.len());
        for key in keys {
            buckets.entry(bucket(&key.sha256)).or_default().push(key.clone());
        }
        Self { buckets }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The entry whose key was presented.
    pub(super) fn find(&self, presented: &[u8]) -> Option<&VirtualKey> {
        let digest = sha256(presented);
        let mut found = None;
        for key in self.buckets.get(&bucket(&digest))? {
            if bool::from(key.sha256.ct_eq(&digest)) {
                found = Some(key);
            }
        }
        found
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} buckets)", self.buckets.len())
    }
}

/// SHA-256 (FIPS 180-4): virtual keys are random, not passwords, so a fast hash is enough.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    for (to, from) in digest.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()) {
        *to = *from;
    }
    digest
}

fn bucket(digest: &[u8; 32]) -> [u8; 8] {
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_of_abc() {
        // FIPS 180-4's example, as NIST prints it.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let found: String = sha256(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, expected);
    }
}
