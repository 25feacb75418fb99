//! Who calls: credentials in, a [`Principal`] out. The first configured method that applies wins;
//! none applies means 401.
//!
//! | presented | virtual keys configured | static configured | result |
//! |---|---|---|---|
//! | a key that matches | yes | any | that key's principal; the key is not sent upstream |
//! | a key that matches but has expired | yes | any | 401 |
//! | a key that matches none | yes | any | 401 |
//! | any key | no | yes | the static principal; the caller's key goes through |
//! | no key | any | yes | the static principal |
//! | no key | any | no | 401 |
//!
//! SECURITY: a presented key that matches none never falls to the static principal: a revoked or mistyped key would silently
//! change tenants, and would be sent on to a provider.

pub mod headers;
mod keyring;
pub mod principal;
pub mod settings;

use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;

pub use headers::{CREDENTIAL_HEADERS, is_identity_header};
pub use principal::{Claim, Claims, MAX_NAME_BYTES, Principal};
pub use settings::{IdentitySettings, VirtualKey};

use headers::Presented;
use keyring::Keyring;

/// The outcome of [`Identifier::identify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// Who calls.
    pub principal: Arc<Principal>,
    /// True if the caller's credential was meant for this sidecar. SECURITY: none of [`CREDENTIAL_HEADERS`] may then go
    /// upstream.
    pub consumed_credential: bool,
}

/// Why a caller could not be identified. Answered with 401, except [`IdentityError::Ambiguous`] (400).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No key, and no static principal.
    #[error("no key was presented; send your Sidewall key as the API key")]
    Missing,
    /// A key that is not configured.
    #[error("the presented key is not known; ask for a current one")]
    Unknown,
    /// A key whose time has passed.
    #[error("the presented key has expired; ask for a new one")]
    Expired,
    /// Headers that two readers may read differently.
    #[error("header {0} is repeated, contradicted or misspelt; send one credential, once")]
    Ambiguous(&'static str),
}

/// Identifies callers by what [`IdentitySettings`] says.
#[derive(Debug)]
pub struct Identifier {
    keys: Keyring,
    fallback: Option<Arc<Principal>>,
}

impl Identifier {
    /// An identifier for these settings.
    #[must_use]
    pub fn from_settings(settings: &IdentitySettings) -> Self {
        Self { keys: Keyring::new(&settings.virtual_keys), fallback: settings.fallback.clone() }
    }

    /// Finds out who sent a request with these headers.
    ///
    /// # Errors
    /// The caller is nobody, or its headers can be read in two ways.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Identified, IdentityError> {
        self.identify_at(headers, Timestamp::now())
    }

    fn identify_at(&self, headers: &HeaderMap, now: Timestamp) -> Result<Identified, IdentityError> {
        if let Some(presented) = headers::presented(headers)?
            && !self.keys.is_empty()
        {
            let key = match presented {
                Presented::Key(key) => self.keys.find(key).ok_or(IdentityError::Unknown)?,
                Presented::Foreign => return Err(IdentityError::Unknown),
            };
            if key.expires.is_some_and(|expires| expires <= now) {
                return Err(IdentityError::Expired);
            }
            return Ok(Identified { principal: Arc::clone(&key.principal), consumed_credential: true });
        }
        let principal = self.fallback.clone().ok_or(IdentityError::Missing)?;
        Ok(Identified { principal, consumed_credential: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn principal(tenant: &str) -> Arc<Principal> {
        Arc::new(Principal {
            tenant: tenant.into(),
            name: "app".into(),
            roles: [].into(),
            scopes: [].into(),
            claims: Claims::default(),
        })
    }

    fn identifier(keys: &[(&str, &str, Option<&str>)], fallback: Option<&str>) -> Identifier {
        let key = |&(key, tenant, expires): &(&str, &str, Option<&str>)| VirtualKey {
            sha256: keyring::sha256(key.as_bytes()),
            principal: principal(tenant),
            expires: expires.map(|time| time.parse().unwrap()),
        };
        Identifier::from_settings(&IdentitySettings {
            virtual_keys: keys.iter().map(key).collect(),
            fallback: fallback.map(principal),
        })
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    fn outcome(identifier: &Identifier, lines: &[(&'static str, &str)]) -> Result<(String, bool), IdentityError> {
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        let identified = identifier.identify_at(&headers(lines), now)?;
        Ok((identified.principal.tenant.to_string(), identified.consumed_credential))
    }

    #[test]
    fn every_cell_of_the_table() {
        let keys = [
            ("sw-acme", "acme", None),
            ("sw-old", "old", Some("2026-05-31T23:59:59Z")),
            ("sw-now", "now", Some("2026-06-01T00:00:00Z")),
            ("sw-new", "new", Some("2026-06-01T00:00:01Z")),
        ];
        let keys_only = identifier(&keys, None);
        let both = identifier(&keys, Some("house"));
        let fixed_only = identifier(&[], Some("house"));
        let none = identifier(&[], None);
        let own = |tenant: &str| Ok((tenant.to_owned(), true));
        let house = || Ok(("house".to_owned(), false));
        for (presented, with_keys, with_both, with_fixed) in [
            (Some("sw-acme"), own("acme"), own("acme"), house()),
            (Some("sw-new"), own("new"), own("new"), house()),
            (Some("sw-old"), Err(IdentityError::Expired), Err(IdentityError::Expired), house()),
            (Some("sw-now"), Err(IdentityError::Expired), Err(IdentityError::Expired), house()),
            (Some("sw-acmE"), Err(IdentityError::Unknown), Err(IdentityError::Unknown), house()),
            (Some("sw-acme2"), Err(IdentityError::Unknown), Err(IdentityError::Unknown), house()),
            (None, Err(IdentityError::Missing), house(), house()),
        ] {
            let bearer = presented.map(|key| format!("Bearer {key}"));
            let lines: Vec<_> = bearer.iter().map(|value| ("authorization", value.as_str())).collect();
            assert_eq!(outcome(&keys_only, &lines), with_keys, "{presented:?}");
            assert_eq!(outcome(&both, &lines), with_both, "{presented:?}");
            assert_eq!(outcome(&fixed_only, &lines), with_fixed, "{presented:?}");
            assert_eq!(outcome(&none, &lines), Err(IdentityError::Missing), "{presented:?}");
        }
    }

    #[test]
    fn a_key_counts_in_every_credential_header() {
        let identifier = identifier(&[("sw-acme", "acme", None), ("a", "short", None)], None);
        for line in [
            ("authorization", "Bearer sw-acme"),
            ("authorization", "bearer   sw-acme "),
            ("x-api-key", "sw-acme"),
            ("api-key", "sw-acme"),
            ("x-goog-api-key", "sw-acme"),
        ] {
            assert_eq!(outcome(&identifier, &[line]), Ok(("acme".to_owned(), true)), "{line:?}");
        }
        for line in [
            ("authorization", "Basic sw-acme"),
            ("authorization", "sw-acme"),
            ("authorization", "a"),
            ("authorization", "Bearersw-acme"),
            ("x-api-key", "Bearer sw-acme"),
        ] {
            assert_eq!(outcome(&identifier, &[line]), Err(IdentityError::Unknown), "{line:?}");
        }
        for line in [("authorization", "Bearer "), ("x-api-key", ""), ("x-other", "sw-acme")] {
            assert_eq!(outcome(&identifier, &[line]), Err(IdentityError::Missing), "{line:?}");
        }
    }

    #[test]
    fn what_two_readers_may_read_differently_is_refused() {
        let identifier = identifier(&[("a", "a", None), ("b", "b", None)], Some("house"));
        for (lines, name) in [
            (&[("x-api-key", "a"), ("x-api-key", "a")][..], "x-api-key"),
            (&[("authorization", "Bearer a"), ("authorization", "Bearer b")], "authorization"),
            (&[("authorization", "Bearer a"), ("x-api-key", "b")], "x-api-key"),
            (&[("x_api_key", "a")], "x-api-key"),
            (&[("x-api_key", "a")], "x-api-key"),
        ] {
            assert_eq!(outcome(&identifier, lines), Err(IdentityError::Ambiguous(name)), "{lines:?}");
        }
        let same_twice = [("authorization", "Bearer a"), ("x-api-key", "a")];
        assert_eq!(outcome(&identifier, &same_twice), Ok(("a".to_owned(), true)));
    }

    #[test]
    fn identity_headers_of_the_caller_change_nothing() {
        let identifier = identifier(&[("a", "a", None)], None);
        let lines =
            [("x-api-key", "a"), ("x-tenant-id", "b"), ("x-sidewall-tenant", "b"), ("x-forwarded-user", "root")];
        assert_eq!(outcome(&identifier, &lines), Ok(("a".to_owned(), true)));
    }

    #[test]
    fn errors_never_hold_the_key() {
        let identifier = identifier(&[("a", "a", None)], None);
        let error = outcome(&identifier, &[("x-api-key", "sk-planted")]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("planted"));
    }
}
