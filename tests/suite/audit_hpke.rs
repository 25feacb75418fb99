//! RFC 9180's own vectors against the HPKE that data keys are sealed with.

use hpke::aead::{Aead, AesGcm128, AesGcm256};
use hpke::kdf::{HkdfSha256, Kdf};
use hpke::kem::{DhP256HkdfSha256, X25519HkdfSha256};
use hpke::{Deserializable, Kem, OpModeR, setup_receiver};
use serde_json::Value;
use sidewall::keys::{Algorithm, PrivateKey};

fn bytes(value: &Value, key: &str) -> Vec<u8> {
    let text = value[key].as_str().unwrap_or_default();
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn opens<A: Aead, F: Kdf, K: Kem>(setup: &Value, params: &Value) -> usize {
    let private = K::PrivateKey::from_bytes(&bytes(params, "skRm")).unwrap();
    let enc = K::EncappedKey::from_bytes(&bytes(params, "enc")).unwrap();
    let mut context = setup_receiver::<A, F, K>(&OpModeR::Base, &private, &enc, &bytes(params, "info")).unwrap();
    // The context counts up by itself: the vectors' first three are numbers 0, 1 and 2.
    let encryptions = setup["encryptions"].as_array().unwrap();
    let first = encryptions.iter().zip(0_u64..3);
    first
        .map(|(encryption, number)| {
            assert_eq!(encryption["sequence number"], number.to_string());
            let opened = context.open(&bytes(encryption, "ct"), &bytes(encryption, "aad")).unwrap();
            assert_eq!(opened, bytes(encryption, "pt"));
        })
        .count()
}

#[test]
fn rfc_9180_vectors_open() {
    let root = std::env::var("SIDEWALL_DATA").unwrap_or_else(|_| "../shared/data".to_owned());
    let path = std::path::Path::new(&root).join("reliability/hpke-rfc9180/vectors.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no RFC 9180 vectors at {} (set SIDEWALL_DATA)", path.display());
        return;
    };
    let setups: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut checked = 0;
    for setup in setups.iter().filter(|setup| setup["mode_name"] == "Base") {
        let params = if setup["skRm"].is_string() { setup } else { &setup["setup"] };
        let algorithm = match setup["suite"].as_str().unwrap() {
            "DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM" => {
                checked += opens::<AesGcm128, HkdfSha256, DhP256HkdfSha256>(setup, params);
                Algorithm::P256
            }
            "DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM" => {
                checked += opens::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(setup, params);
                Algorithm::P256
            }
            "DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM" => {
                checked += opens::<AesGcm128, HkdfSha256, X25519HkdfSha256>(setup, params);
                Algorithm::X25519
            }
            _ => continue,
        };
        let ours = PrivateKey::new(algorithm, bytes(params, "skRm")).unwrap();
        assert_eq!(ours.public().as_bytes(), bytes(params, "pkRm"), "public key of the vector");
    }
    assert!(checked >= 6, "only {checked} encryptions checked");
}
