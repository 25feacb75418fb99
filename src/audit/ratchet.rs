//! How records are encrypted: a data key per tenant and segment, a ratchet per batch.
//!
//! ```text
//! DEK ──"commit"──▶ commitment        chain₀ = Expand(DEK, "chain")
//! batch:  prk = Extract(salt = the batch's 16 random bytes, ikm = chainₙ)
//!         key, nonce = Expand(prk, "key"), Expand(prk, "nonce"); chainₙ₊₁ = Expand(prk, "chain")
//! record: AES-256-GCM(key, nonce XOR index, aad = header hash ‖ frame header ‖ batch number)
//! ```
//!
//! The ratchet steps in every batch in which the tenant has a record. No key is ever stored, and chain keys that have
//! stepped are gone: a running process cannot read its own past batches.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use zeroize::Zeroizing;

use crate::audit::body::{KeyBody, Stanza};
use crate::audit::error::AuditError;
use crate::audit::frame::{FRAME_HEADER_LEN, TAG_LEN};
use crate::keys::{Keyring, PublicKey, SealError, Sealed, random};

// Labels, fixed by the format.
const LABEL_COMMIT: &[u8] = b"sidewall audit v1 commit";
const LABEL_CHAIN: &[u8] = b"sidewall audit v1 chain";
const LABEL_KEY: &[u8] = b"sidewall audit v1 key";
const LABEL_NONCE: &[u8] = b"sidewall audit v1 nonce";
const LABEL_SEAL: &[u8] = b"sidewall audit v1 dek";

/// A tenant's chain key in one segment.
pub(crate) struct Chain(Zeroizing<[u8; 32]>);

/// The key of one tenant in one batch.
pub(crate) struct BatchKey {
    key: LessSafeKey,
    nonce: [u8; NONCE_LEN],
    index: u64,
}

/// What a ciphertext is bound to.
pub(crate) type RecordAad = [u8; 32 + FRAME_HEADER_LEN + 8];

/// The additional data of a record: header hash ‖ frame header ‖ batch number.
pub(crate) fn record_aad(header_hash: &[u8; 32], frame: &[u8; FRAME_HEADER_LEN], batch: u64) -> RecordAad {
    let mut out = [0u8; 32 + FRAME_HEADER_LEN + 8];
    let bytes = header_hash.iter().chain(frame).copied().chain(batch.to_be_bytes());
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = from;
    }
    out
}

/// HPKE `info` and `aad` of a sealed data key.
fn seal_context(header_hash: &[u8; 32], number: u32, epoch: u32, tenant: &str) -> (Vec<u8>, Vec<u8>) {
    let info = [LABEL_SEAL, header_hash].concat();
    let aad = [number.to_be_bytes().as_slice(), &epoch.to_be_bytes(), tenant.as_bytes()].concat();
    (info, aad)
}

/// Makes a tenant's data key for a segment: its chain, and the KEY body that seals it to the recipients.
pub(crate) fn new_data_key(
    header_hash: &[u8; 32],
    number: u32,
    epoch: u32,
    tenant: &str,
    recipients: &[Arc<PublicKey>],
) -> Result<(Chain, KeyBody), AuditError> {
    let dek = Zeroizing::new(random::bytes::<32>().map_err(SealError::from)?);
    let (info, aad) = seal_context(header_hash, number, epoch, tenant);
    let mut stanzas = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let Sealed { enc, ct } = recipient.seal(&info, &aad, dek.as_ref())?;
        stanzas.push(Stanza { kem: recipient.algorithm().row().kem_id, key_id: *recipient.id(), enc, ct });
    }
    let (chain, commitment) = start(&dek).map_err(crypto)?;
    Ok((chain, KeyBody { tenant: tenant.to_owned(), commitment, stanzas }))
}

/// Which data key is meant: header hash, tenant number, epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Which<'a> {
    pub(crate) header_hash: &'a [u8; 32],
    pub(crate) number: u32,
    pub(crate) epoch: u32,
}

/// A data key that agrees with its commitment.
pub(crate) struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// Opens the data key of a KEY frame, by one of its own stanzas or one of `more` (rewrapped later); `None` if none is sealed to a
    /// key of the ring, or something was changed.
    pub(crate) fn open(which: Which<'_>, body: &KeyBody, more: &[Stanza], keys: &Keyring) -> Option<Self> {
        let (info, aad) = seal_context(which.header_hash, which.number, which.epoch, &body.tenant);
        body.stanzas.iter().chain(more).find_map(|stanza| {
            let sealed = Sealed { enc: stanza.enc.clone(), ct: stanza.ct.clone() };
            let dek = keys.get(&stanza.key_id)?.open(&info, &aad, &sealed).ok()?;
            let dek = Self(Zeroizing::new(<[u8; 32]>::try_from(dek.as_slice()).ok()?));
            let (_, commitment) = start(&dek.0).ok()?;
            (commitment == body.commitment).then_some(dek)
        })
    }

    /// The chain that it starts.
    pub(crate) fn chain(&self) -> Option<Chain> {
        start(&self.0).ok().map(|(chain, _)| chain)
    }

    /// Seals it to one more recipient.
    pub(crate) fn rewrap(&self, which: Which<'_>, tenant: &str, to: &PublicKey) -> Result<Stanza, AuditError> {
        let (info, aad) = seal_context(which.header_hash, which.number, which.epoch, tenant);
        let Sealed { enc, ct } = to.seal(&info, &aad, self.0.as_ref())?;
        Ok(Stanza { kem: to.algorithm().row().kem_id, key_id: *to.id(), enc, ct })
    }
}

fn start(dek: &Zeroizing<[u8; 32]>) -> Result<(Chain, [u8; 32]), Unspecified> {
    let prk = Prk::new_less_safe(HKDF_SHA256, dek.as_ref());
    Ok((Chain(Zeroizing::new(expand(&prk, LABEL_CHAIN)?)), expand(&prk, LABEL_COMMIT)?))
}

impl Chain {
    /// Steps: the key for the batch with these random bytes; the chain key before is gone.
    pub(crate) fn step(&mut self, random: &[u8; 16]) -> Result<BatchKey, AuditError> {
        let prk = Salt::new(HKDF_SHA256, random).extract(self.0.as_ref());
        let key = Zeroizing::new(expand::<32>(&prk, LABEL_KEY).map_err(crypto)?);
        let nonce = expand::<NONCE_LEN>(&prk, LABEL_NONCE).map_err(crypto)?;
        self.0 = Zeroizing::new(expand(&prk, LABEL_CHAIN).map_err(crypto)?);
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).map_err(crypto)?);
        Ok(BatchKey { key, nonce, index: 0 })
    }
}

impl BatchKey {
    /// INVARIANT: every call gives another nonce; a batch key never outlives its batch.
    fn next_nonce(&mut self) -> Nonce {
        let mut nonce = self.nonce;
        for (to, from) in nonce.iter_mut().rev().zip(self.index.to_be_bytes().iter().rev()) {
            *to ^= from;
        }
        self.index += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    /// Encrypts the tenant's next record of the batch in place.
    pub(crate) fn seal(&mut self, aad: &RecordAad, text: &mut [u8]) -> Result<[u8; TAG_LEN], AuditError> {
        let nonce = self.next_nonce();
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(aad), text).map_err(crypto)?;
        <[u8; TAG_LEN]>::try_from(tag.as_ref()).map_err(|_| AuditError::Seal("tag length".to_owned()))
    }

    /// Decrypts the tenant's next record of the batch.
    pub(crate) fn open<'a>(&mut self, aad: &RecordAad, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let nonce = self.next_nonce();
        self.key.open_in_place(nonce, Aad::from(aad), sealed).ok().map(|text| &*text)
    }
}

struct Len(usize);

impl KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(prk: &Prk, label: &[u8]) -> Result<[u8; N], Unspecified> {
    let mut out = [0u8; N];
    prk.expand(&[label], Len(N))?.fill(&mut out)?;
    Ok(out)
}

fn crypto(_: Unspecified) -> AuditError {
    AuditError::Seal("the cryptographic provider failed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Algorithm, PrivateKey, generate};

    fn open_data_key(hash: &[u8; 32], number: u32, epoch: u32, body: &KeyBody, key: &PrivateKey) -> Option<Chain> {
        let which = Which { header_hash: hash, number, epoch };
        DataKey::open(which, body, &[], &Keyring::from(key.clone()))?.chain()
    }

    #[test]
    fn a_rewrapped_key_opens_for_its_new_recipient() {
        let (tenant, auditor) = (generate(Algorithm::P256).unwrap(), generate(Algorithm::X25519).unwrap());
        let (_, body) = new_data_key(&[1; 32], 2, 0, "acme", &[Arc::new(tenant.public().clone())]).unwrap();
        let which = Which { header_hash: &[1; 32], number: 2, epoch: 0 };
        let dek = DataKey::open(which, &body, &[], &Keyring::from(tenant)).unwrap();
        let stanza = dek.rewrap(which, "acme", auditor.public()).unwrap();
        let ring = Keyring::from(auditor);
        assert!(DataKey::open(which, &body, std::slice::from_ref(&stanza), &ring).is_some());
        assert!(DataKey::open(which, &body, &[], &ring).is_none());
        let other = KeyBody { commitment: [7; 32], ..body };
        assert!(DataKey::open(which, &other, &[stanza], &ring).is_none(), "not the key that was committed to");
    }

    #[test]
    fn the_reader_follows_the_writer_and_nobody_else_does() {
        let (tenant, other) = (generate(Algorithm::P256).unwrap(), generate(Algorithm::P256).unwrap());
        let (mut writer, body) = new_data_key(&[1; 32], 2, 0, "acme", &[Arc::new(tenant.public().clone())]).unwrap();
        let mut reader = open_data_key(&[1; 32], 2, 0, &body, &tenant).unwrap();
        for batch in 0..3_u8 {
            let (mut seal, mut open) = (writer.step(&[batch; 16]).unwrap(), reader.step(&[batch; 16]).unwrap());
            for index in 0..3_u8 {
                let aad = record_aad(&[1; 32], &[index; FRAME_HEADER_LEN], u64::from(batch));
                let mut text = vec![index; 64];
                let tag = seal.seal(&aad, &mut text).unwrap();
                text.extend_from_slice(&tag);
                assert_eq!(open.open(&aad, &mut text).unwrap(), vec![index; 64]);
            }
        }
        assert!(open_data_key(&[1; 32], 2, 0, &body, &other).is_none());
        assert!(open_data_key(&[2; 32], 2, 0, &body, &tenant).is_none(), "another segment");
        assert!(open_data_key(&[1; 32], 3, 0, &body, &tenant).is_none(), "another number");
        assert!(open_data_key(&[1; 32], 2, 1, &body, &tenant).is_none(), "another epoch");
        let moved = KeyBody { tenant: "other".into(), ..body.clone() };
        assert!(open_data_key(&[1; 32], 2, 0, &moved, &tenant).is_none(), "another tenant");
        let uncommitted = KeyBody { commitment: [0; 32], ..body };
        assert!(open_data_key(&[1; 32], 2, 0, &uncommitted, &tenant).is_none(), "another key");
    }

    #[test]
    fn another_place_does_not_open() {
        let tenant = generate(Algorithm::X25519).unwrap();
        let (mut writer, body) = new_data_key(&[1; 32], 1, 0, "acme", &[Arc::new(tenant.public().clone())]).unwrap();
        let aad = record_aad(&[1; 32], &[0; FRAME_HEADER_LEN], 0);
        let mut text = vec![7; 64];
        let tag = writer.step(&[0; 16]).unwrap().seal(&aad, &mut text).unwrap();
        text.extend_from_slice(&tag);
        let open = |random: u8, batch: u64, skip: bool| {
            let mut key = open_data_key(&[1; 32], 1, 0, &body, &tenant).unwrap().step(&[random; 16]).unwrap();
            if skip {
                key.next_nonce();
            }
            key.open(&record_aad(&[1; 32], &[0; FRAME_HEADER_LEN], batch), &mut text.clone()).is_some()
        };
        assert!(open(0, 0, false));
        assert!(!open(1, 0, false) && !open(0, 1, false) && !open(0, 0, true));
    }
}
