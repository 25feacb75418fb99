//! Private keys on a PKCS#11 token (an HSM, a smart card, SoftHSM2): how one is named, and what is asked of it.
//!
//! A key is named by a URI (RFC 7512) of path attributes: `pkcs11:token=audit;object=acme;id=%01%02`. A `.key` file may hold such a
//! URI instead of a key ([`crate::keys::holder`]). Which module to load and which PIN to give is never taken from a URI or a file of
//! keys, since whoever could write those would choose code that the reader runs: `SIDEWALL_PKCS11_MODULE` names the module's shared library,
//! `SIDEWALL_PKCS11_PIN_FILE` a file with the user's PIN (or `SIDEWALL_PKCS11_PIN` holds it).
//!
//! Talking to tokens is a feature of its own (`pkcs11`): the sidecar has no use for it.

#[cfg(feature = "pkcs11")]
mod pkcs11;

use std::fmt;
use std::str::FromStr;

use crate::keys::file::KeyError;
use crate::keys::keyring::Opener;
use crate::keys::pair::PublicKey;

#[cfg(feature = "pkcs11")]
pub use pkcs11::{Located, locate, make, openers};

/// How a URI of a token begins.
pub const SCHEME: &str = "pkcs11:";

/// A key on a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKey {
    /// Its public half.
    pub public: PublicKey,
    /// Where the private half is.
    pub uri: TokenUri,
}

/// Which token, and which of its keys. What is absent fits all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenUri {
    /// Label of the token.
    pub token: Option<String>,
    /// Serial number of the token.
    pub serial: Option<String>,
    /// Label of the key (CKA_LABEL).
    pub object: Option<String>,
    /// Id of the key (CKA_ID).
    pub id: Option<Vec<u8>>,
}

impl TokenUri {
    /// True if it names a key and not only a token.
    #[must_use]
    pub const fn names_key(&self) -> bool {
        self.object.is_some() || self.id.is_some()
    }

    /// Only its token.
    #[must_use]
    pub fn only_token(&self) -> Self {
        Self { token: self.token.clone(), serial: self.serial.clone(), object: None, id: None }
    }
}

impl FromStr for TokenUri {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix(SCHEME).ok_or("a token's URI begins with pkcs11: (RFC 7512)")?;
        if path.contains('?') {
            return Err(
                "no query in a token's URI: SIDEWALL_PKCS11_MODULE names the module, SIDEWALL_PKCS11_PIN_FILE the PIN"
                    .to_owned(),
            );
        }
        let mut uri = Self::default();
        for attribute in path.split(';').filter(|attribute| !attribute.is_empty()) {
            let (name, value) = attribute.split_once('=').ok_or("write attributes as name=value")?;
            let bytes = percent_decode(value).ok_or_else(|| format!("{name}: not percent-encoded text"))?;
            let text = || String::from_utf8(bytes.clone()).map_err(|_| format!("{name}: not UTF-8"));
            match name {
                "token" => uri.token = Some(text()?),
                "serial" => uri.serial = Some(text()?),
                "object" => uri.object = Some(text()?),
                "id" => uri.id = Some(bytes),
                "type" if value == "private" => {}
                _ => return Err(format!("{name}: not one of token, serial, object, id, type=private")),
            }
        }
        if uri.token.is_none() && uri.serial.is_none() {
            return Err("say which token: pkcs11:token=LABEL or pkcs11:serial=NUMBER".to_owned());
        }
        Ok(uri)
    }
}

impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        let texts = [("token", &self.token), ("serial", &self.serial), ("object", &self.object)];
        let mut rows: Vec<String> = texts
            .iter()
            .filter_map(|(name, text)| Some(format!("{name}={}", percent_encode(text.as_ref()?.as_bytes(), true))))
            .collect();
        rows.extend(self.id.iter().map(|id| format!("id={}", percent_encode(id, false))));
        f.write_str(&rows.join(";"))
    }
}

/// Bytes as `%XX`; with `plain`, RFC 3986's unreserved characters stay as they are.
fn percent_encode(bytes: &[u8], plain: bool) -> String {
    let one = |byte: &u8| match byte {
        b'-' | b'.' | b'_' | b'~' if plain => char::from(*byte).to_string(),
        byte if plain && byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    bytes.iter().map(one).collect()
}

fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    while let Some(byte) = bytes.next() {
        out.push(if byte == b'%' { digit(bytes.next()?)? << 4 | digit(bytes.next()?)? } else { byte });
    }
    Some(out)
}

/// What opens with this key, on its token.
///
/// # Errors
/// [`KeyError::Token`].
pub fn opener(key: &TokenKey) -> Result<Box<dyn Opener>, KeyError> {
    let found = openers(&key.uri)?.into_iter().find(|opener| *opener.public() == key.public);
    found.ok_or_else(|| KeyError::token(&key.uri, "the token holds no such key any more"))
}

#[cfg(not(feature = "pkcs11"))]
mod absent {
    use super::{KeyError, Opener, TokenKey, TokenUri};

    const PROBLEM: &str = "this program was built without PKCS#11 (cargo build --release --features pkcs11)";

    /// A private key found on its token.
    #[derive(Debug)]
    pub enum Located {}

    impl Located {
        /// Destroys it, and its public half on the token.
        ///
        /// # Errors
        /// [`KeyError::Token`].
        pub fn destroy(self) -> Result<(), KeyError> {
            match self {}
        }
    }

    /// Every P-256 key of the token that fits and may derive.
    ///
    /// # Errors
    /// [`KeyError::Token`]: without the feature `pkcs11`, always.
    pub fn openers(uri: &TokenUri) -> Result<Vec<Box<dyn Opener>>, KeyError> {
        Err(KeyError::token(uri, PROBLEM))
    }

    /// Makes a key pair on the token, or takes the one that `uri` names.
    ///
    /// # Errors
    /// As [`openers`].
    pub fn make(uri: &TokenUri, _tenant: &str) -> Result<TokenKey, KeyError> {
        Err(KeyError::token(uri, PROBLEM))
    }

    /// The private key on its token; `None` if it is not there.
    ///
    /// # Errors
    /// As [`openers`].
    pub fn locate(key: &TokenKey) -> Result<Option<Located>, KeyError> {
        Err(KeyError::token(&key.uri, PROBLEM))
    }
}

#[cfg(not(feature = "pkcs11"))]
pub use absent::{Located, locate, make, openers};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_reads_back_and_what_it_may_not_say_is_refused() {
        for text in [
            "pkcs11:token=audit",
            "pkcs11:serial=0a1b",
            "pkcs11:token=my%20token%3B;object=org%2F1%20%C3%BC;id=%01%FF%3D",
        ] {
            assert_eq!(text.parse::<TokenUri>().unwrap().to_string(), text);
        }
        let uri: TokenUri = "pkcs11:id=%00ab;token=t;type=private".parse().unwrap();
        assert_eq!((uri.id.as_deref(), uri.names_key()), (Some(&b"\0ab"[..]), true));
        assert_eq!(uri.only_token().to_string(), "pkcs11:token=t");
        for (bad, said) in [
            ("/tmp/x.key", "begins with pkcs11:"),
            ("pkcs11:", "which token"),
            ("pkcs11:object=a", "which token"),
            ("pkcs11:token=t?module-path=/tmp/evil.so", "SIDEWALL_PKCS11_MODULE"),
            ("pkcs11:token=t;pin-value=1234", "pin-value"),
            ("pkcs11:token=t;type=cert", "type"),
            ("pkcs11:token=%F", "percent"),
            ("pkcs11:token=%FF", "UTF-8"),
            ("pkcs11:token", "name=value"),
        ] {
            let error = bad.parse::<TokenUri>().unwrap_err();
            assert!(error.contains(said), "{bad}: {error}");
        }
    }

    #[cfg(not(feature = "pkcs11"))]
    #[test]
    fn without_the_feature_a_token_is_an_error_that_says_so() {
        let error = openers(&"pkcs11:token=t".parse().unwrap()).err().unwrap();
        assert!(error.to_string().contains("--features pkcs11"), "{error}");
    }
}
