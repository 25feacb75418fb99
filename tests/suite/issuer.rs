//! An identity provider in a test: keys, a key set, tokens signed with the provider of cryptography itself, not with the crate that
//! the program verifies with.

use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://idp.example.com/";
pub(crate) const AUDIENCE: &str = "sidewall";

/// Keys that sign.
pub(crate) struct Keys {
    pub(crate) rsa: RsaKeyPair,
    pub(crate) ec: EcdsaKeyPair,
    pub(crate) ed: Ed25519KeyPair,
}

impl Keys {
    fn generate() -> Self {
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            ed: Ed25519KeyPair::generate().unwrap(),
        }
    }

    /// The issuer's, made once for all tests.
    pub(crate) fn own() -> &'static Self {
        static OWN: OnceLock<Keys> = OnceLock::new();
        OWN.get_or_init(Self::generate)
    }

    /// Somebody else's.
    pub(crate) fn foreign() -> &'static Self {
        static FOREIGN: OnceLock<Keys> = OnceLock::new();
        FOREIGN.get_or_init(Self::generate)
    }

    fn rsa_numbers(&self) -> RsaPublicKeyComponents<Vec<u8>> {
        RsaPublicKeyComponents::from(self.rsa.public_key())
    }

    /// The RSA public key as SPKI in DER: what an attacker knows.
    pub(crate) fn rsa_der(&self) -> Vec<u8> {
        AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(self.rsa.public_key()).unwrap().as_ref().to_vec()
    }

    /// The key set with ids that begin with `prefix`.
    pub(crate) fn jwks(&self, prefix: &str) -> Value {
        let rsa = self.rsa_numbers();
        let point = self.ec.public_key().as_ref().to_vec();
        json!({"keys": [
            {"kty": "RSA", "use": "sig", "kid": format!("{prefix}rsa"), "n": encode(&rsa.n), "e": encode(&rsa.e)},
            {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": format!("{prefix}ec"), "x": encode(&point[1..33]), "y": encode(&point[33..])},
            {"kty": "OKP", "crv": "Ed25519", "kid": format!("{prefix}ed"), "x": encode(self.ed.public_key().as_ref())},
            {"kty": "RSA", "use": "enc", "kid": format!("{prefix}enc"), "n": encode(&rsa.n), "e": encode(&rsa.e)},
            {"kty": "new-kind", "kid": "future"},
        ]})
    }

    /// A signature of the algorithm called `alg`.
    pub(crate) fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match alg {
            "RS256" | "PS256" => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                let padding: &dyn aws_lc_rs::signature::RsaEncoding =
                    if alg == "RS256" { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
                self.rsa.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            "ES256" => self.ec.sign(&random, message).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed.sign(message).as_ref().to_vec(),
            other => panic!("no signer for {other}"),
        }
    }

    /// A token of this header and payload, as written, signed with `alg`.
    pub(crate) fn seal(&self, alg: &str, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
        let signature = encode(&self.sign(alg, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// A good token.
    pub(crate) fn token(&self) -> String {
        self.with(&json!({}))
    }

    /// A token whose claims differ from a good one's; null takes a claim away.
    pub(crate) fn with(&self, changes: &Value) -> String {
        self.seal("RS256", r#"{"alg":"RS256","typ":"JWT","kid":"rsa"}"#, &claims(changes).to_string())
    }
}

/// The claims of a good token, changed.
pub(crate) fn claims(changes: &Value) -> Value {
    let now = jiff::Timestamp::now().as_second();
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "jane", "org_id": "acme", "exp": now + 300, "nbf": now - 10, "iat": now - 10,
        "roles": ["support"], "scope": "refunds:read", "acr": "urn:mfa", "amr": ["otp"],
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
