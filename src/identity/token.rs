//! A compact JWS (RFC 7515 section 3.1), read strictly and verified: three parts in, the payload's JSON object out.
//!
//! SECURITY: nothing in a token decides how it is verified. Which algorithms count stands in the configuration, the key comes
//! from the issuer's key set, and a header that brings or names a key (`jwk`, `jku`, `x5c`, `x5u`), that asks for rules we do
//! not follow (`crit`, `b64`, `zip`) or that wraps another token (`cty`) is refused before any cryptography (RFC 8725 section 3).
//! Header and payload must be strict JSON: two parsers that read duplicate keys differently must not see two tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use serde_json::{Map, Value};

use crate::identity::keyset::VerifyingKey;
use crate::wire::json;

pub use jsonwebtoken::Algorithm;

/// LIMIT: 8 KiB a token: what an identity provider puts into one fits many times, and header lines end at 64 KiB.
pub const MAX_TOKEN_BYTES: usize = 8 << 10;
/// LIMIT: 256 bytes a key id.
pub const MAX_KID_BYTES: usize = 256;

/// The algorithms that can be configured (RFC 7518 section 3.1, RFC 8037 section 3.1): signatures alone. SECURITY: no `none`, and no
/// HMAC, for a key that verifies must not be one that signs.
pub const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// The algorithms where the configuration lists none: what OpenID providers sign with by default, and its elliptic sibling.
pub const DEFAULT_ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::ES256];

/// The algorithm's name in tokens and configuration.
#[must_use]
pub fn algorithm_name(algorithm: Algorithm) -> &'static str {
    ALGORITHMS.iter().find(|(_, known)| *known == algorithm).map_or("", |(name, _)| name)
}

/// Header parameters that no accepted token has.
const REFUSED_PARAMETERS: [&str; 9] = ["crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc", "cty"];
/// What `typ` may be, in any case (RFC 7519 section 5.1, RFC 9068 section 2.1). Other kinds of token are made for other readers.
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

/// Why a token was refused. Its text says nothing of the token but the name of a parameter or claim of the standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("is larger than {MAX_TOKEN_BYTES} bytes")]
    TooLarge,
    /// Not three parts of base64url without padding.
    #[error("is not a signed token: three parts of base64url, separated by dots")]
    Malformed,
    /// Header or payload is no strict JSON object.
    #[error("has a {0} that is not one strict JSON object")]
    Json(&'static str),
    /// A header parameter that is not accepted, or not in this form.
    #[error("has a header parameter that is not accepted: {0}")]
    Header(&'static str),
    /// An algorithm that the configuration does not list.
    #[error("is signed with an algorithm that is not on this deployment's list")]
    Algorithm,
    /// No key of the issuer fits.
    #[error("names no current key of the issuer")]
    UnknownKey,
    /// The signature is wrong.
    #[error("has a signature that does not verify")]
    Signature,
    /// A registered claim is absent.
    #[error("lacks the claim {0}")]
    Missing(&'static str),
    /// A registered claim has another form than RFC 7519 gives it.
    #[error("has a claim of the wrong form: {0}")]
    Form(&'static str),
    /// `exp` has passed.
    #[error("has expired")]
    Expired,
    /// `nbf` or `iat` lies ahead.
    #[error("is not valid yet")]
    NotYet,
    /// `iss` is another.
    #[error("comes from another issuer")]
    Issuer,
    /// `aud` does not name us.
    #[error("is meant for another audience")]
    Audience,
    /// The claims name no tenant that could be one.
    #[error("names no usable tenant")]
    Tenant,
    /// The claims name no principal that could be one.
    #[error("names no usable principal")]
    Principal,
    /// Roles or scopes are not lists of names.
    #[error("has roles or scopes that are not lists of names")]
    Names,
    /// A claim that is kept for policy is neither text, whole number, flag nor list of texts.
    #[error("has a claim for policy that is neither text, whole number, true or false, nor a list of texts")]
    Kept,
}

impl TokenError {
    /// Its word in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed | Self::Json(_) => "malformed",
            Self::Header(_) => "header",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Missing(_) | Self::Form(_) => "claims",
            Self::Expired => "expired",
            Self::NotYet => "not_yet_valid",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Tenant | Self::Principal | Self::Names | Self::Kept => "mapping",
        }
    }
}

/// True for what can only be meant as a token: the first part begins like `{"` in base64url, and a dot follows.
#[must_use]
pub fn looks_like_token(credential: &[u8]) -> bool {
    credential.starts_with(b"ey") && credential.contains(&b'.')
}

/// A token whose signature nobody has looked at yet.
#[derive(Debug, Clone)]
pub struct Unverified<'t> {
    algorithm: Algorithm,
    kid: Option<String>,
    signed: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Unverified<'t> {
    /// Takes a token apart and reads its header.
    ///
    /// # Errors
    /// [`TokenError`]: size, form, or a header that no accepted token has.
    pub fn parse(token: &'t [u8]) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLarge);
        }
        let token = std::str::from_utf8(token).map_err(|_not_text| TokenError::Malformed)?;
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        if [header, payload, signature].iter().any(|part| part.is_empty() || part.contains('.')) {
            return Err(TokenError::Malformed);
        }
        let header = object(header, "header")?;
        if let Some(name) = REFUSED_PARAMETERS.iter().find(|name| header.contains_key(**name)) {
            return Err(TokenError::Header(name));
        }
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(TokenError::Header("alg"))?;
        let known = ALGORITHMS.iter().find(|(name, _)| *name == algorithm);
        let (_, algorithm) = known.ok_or(TokenError::Algorithm)?;
        let typ_fits = |typ: &Value| typ.as_str().is_some_and(|typ| TYPES.contains(&&*typ.to_ascii_lowercase()));
        if !header.get("typ").is_none_or(typ_fits) {
            return Err(TokenError::Header("typ"));
        }
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if !kid.is_empty() && kid.len() <= MAX_KID_BYTES => Some(kid.clone()),
            Some(_) => return Err(TokenError::Header("kid")),
        };
        Ok(Self { algorithm: *algorithm, kid, signed, payload, signature })
    }

    /// What the header says it is signed with: one of [`ALGORITHMS`].
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that the header names, if it names one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The payload, as it is, if `key` made the signature.
    ///
    /// # Errors
    /// [`TokenError::Signature`] or [`TokenError::Malformed`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<Vec<u8>, TokenError> {
        // SECURITY: the key must be of the algorithm's family, curve included, else no signature is even looked at.
        if !key.fits(self.algorithm) {
            return Err(TokenError::Signature);
        }
        match crypto::verify(self.signature, self.signed.as_bytes(), key.key(), self.algorithm) {
            Ok(true) => decode(self.payload),
            Ok(false) | Err(_) => Err(TokenError::Signature),
        }
    }
}

/// The claims of a verified payload.
///
/// # Errors
/// [`TokenError::Json`].
pub fn claims(payload: &[u8]) -> Result<Map<String, Value>, TokenError> {
    strict(payload).ok_or(TokenError::Json("payload"))
}

fn object(part: &str, what: &'static str) -> Result<Map<String, Value>, TokenError> {
    strict(&decode(part)?).ok_or(TokenError::Json(what))
}

/// One JSON object, if every parser reads it the same.
pub(super) fn strict(bytes: &[u8]) -> Option<Map<String, Value>> {
    json::scan(bytes, &mut ()).ok()?;
    serde_json::from_slice(bytes).ok()
}

/// Base64url without padding, and without bits behind the last byte: one text for one value.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_not_base64url| TokenError::Malformed)
}
