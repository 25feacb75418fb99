//! HPKE's receiving half where the private key is elsewhere: from the shared point that a token computed to the plaintext
//! (RFC 9180, base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM).
//!
//! `hpke` opens with private keys in memory only. A token multiplies the point and hands out its x coordinate; what
//! follows is hashing and one AES-GCM. Held against `hpke` itself, and through it against the RFC's vectors, below.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::keys::pair::{PublicKey, SealError, Sealed};

/// Length of the x coordinate of a P-256 point in bytes.
pub(crate) const SHARED_LEN: usize = 32;
/// RFC 9180, section 4: the version label of every labelled operation.
const VERSION: &[u8] = b"HPKE-v1";
/// Section 7.1: `KEM` ‖ 0x0010.
const KEM_SUITE: &[u8] = b"KEM\x00\x10";
/// Sections 7.1 to 7.3: `HPKE` ‖ KEM 0x0010 ‖ KDF 0x0001 ‖ AEAD 0x0002.
const HPKE_SUITE: &[u8] = b"HPKE\x00\x10\x00\x01\x00\x02";
/// Section 5: base mode.
const MODE_BASE: u8 = 0;

/// Opens what was sealed to `recipient`, given the x coordinate of private key × `sealed.enc`.
///
/// # Errors
/// [`SealError::Hpke`].
pub(crate) fn open_with_shared(
    recipient: &PublicKey,
    shared: &Zeroizing<[u8; SHARED_LEN]>,
    info: &[u8],
    aad: &[u8],
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let kem_context = [sealed.enc.as_slice(), recipient.as_bytes()].concat();
    let eae = extract(KEM_SUITE, &[], b"eae_prk", shared.as_ref());
    let secret = expand::<32>(KEM_SUITE, &eae, b"shared_secret", &kem_context)?;
    // Section 5.1, KeySchedule with an empty PSK.
    let (psk, info) = (extract(HPKE_SUITE, &[], b"psk_id_hash", &[]), extract(HPKE_SUITE, &[], b"info_hash", info));
    let context: Vec<u8> = [MODE_BASE].into_iter().chain(*psk).chain(*info).collect();
    let secret = extract(HPKE_SUITE, secret.as_ref(), b"secret", &[]);
    let key = expand::<32>(HPKE_SUITE, &secret, b"key", &context)?;
    // The first message's nonce is the base nonce itself.
    let nonce = expand::<NONCE_LEN>(HPKE_SUITE, &secret, b"base_nonce", &context)?;
    let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| SealError::Hpke)?;
    let mut text = Zeroizing::new(sealed.ct.clone());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let opened = LessSafeKey::new(key).open_in_place(nonce, Aad::from(aad), &mut text);
    let len = opened.map_err(|_| SealError::Hpke)?.len();
    text.truncate(len);
    Ok(text)
}

/// LabeledExtract. HKDF's extract is an HMAC, whose output is needed as bytes here (RFC 5869, section 2.2).
fn extract(suite: &[u8], salt: &[u8], label: &[u8], ikm: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, salt));
    for part in [VERSION, suite, label, ikm] {
        mac.update(part);
    }
    let mut out = Zeroizing::new([0; 32]);
    out.iter_mut().zip(mac.sign().as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// LabeledExpand.
fn expand<const N: usize>(
    suite: &[u8],
    prk: &Zeroizing<[u8; 32]>,
    label: &[u8],
    info: &[u8],
) -> Result<Zeroizing<[u8; N]>, SealError> {
    struct Len(usize);
    impl KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    let len = u16::try_from(N).map_err(|_| SealError::Hpke)?.to_be_bytes();
    let mut out = Zeroizing::new([0; N]);
    let prk = Prk::new_less_safe(HKDF_SHA256, prk.as_ref());
    let parts = [&len, VERSION, suite, label, info];
    prk.expand(&parts, Len(N)).and_then(|okm| okm.fill(out.as_mut())).map_err(|_| SealError::Hpke)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Algorithm, PrivateKey, generate};

    /// What a token does: ECDH1_DERIVE with the null key derivation function.
    fn derive(key: &PrivateKey, enc: &[u8]) -> Zeroizing<[u8; SHARED_LEN]> {
        use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
        let key = PrivateKey::from_private_key(&ECDH_P256, key.bytes().expose()).unwrap();
        let peer = UnparsedPublicKey::new(&ECDH_P256, enc);
        agree(&key, peer, SealError::Hpke, |shared| Ok(Zeroizing::new(shared.try_into().unwrap()))).unwrap()
    }

    #[test]
    fn it_opens_what_hpke_seals_and_nothing_else() {
        let key = generate(Algorithm::P256).unwrap();
        for (info, aad, text) in
            [(&b""[..], &b""[..], &b""[..]), (b"info", b"aad", b"thirty-two bytes of key material")]
        {
            let sealed = key.public().seal(info, aad, text).unwrap();
            let shared = derive(&key, &sealed.enc);
            let open = |recipient: &PublicKey, info: &[u8], aad: &[u8], sealed: &Sealed| {
                open_with_shared(recipient, &shared, info, aad, sealed).map(|text| text.to_vec())
            };
            assert_eq!(open(key.public(), info, aad, &sealed), Ok(text.to_vec()));
            assert_eq!(open(key.public(), b"other", aad, &sealed), Err(SealError::Hpke));
            assert_eq!(open(key.public(), info, b"other", &sealed), Err(SealError::Hpke));
            let other = generate(Algorithm::P256).unwrap();
            assert_eq!(open(other.public(), info, aad, &sealed), Err(SealError::Hpke));
            for at in 0..sealed.ct.len() {
                let mut bad = sealed.clone();
                bad.ct[at] ^= 1;
                assert_eq!(open(key.public(), info, aad, &bad), Err(SealError::Hpke), "byte {at}");
            }
            let short = Sealed { ct: vec![0; 3], ..sealed.clone() };
            assert_eq!(open(key.public(), info, aad, &short), Err(SealError::Hpke));
        }
    }
}
