//! Who calls: credentials in, a [`Principal`] out. The configured methods are asked in order, and the first whose credential is
//! presented decides; none is presented and there is no static principal means 401.
//!
//! | method | its credential | presented, but not good |
//! |---|---|---|
//! | `mtls` | the client certificate of the connection | 401 |
//! | `jwt` | what looks like a token where SDKs present keys; or anything in the header that the configuration names | 401 |
//! | `virtual_key` | a key where SDKs present keys | 401 |
//! | `static` | nothing presented to the methods above | – |
//!
//! SECURITY: a presented credential that is not good never falls to a later method, least of all to the static principal: a
//! revoked or mistyped key would silently change tenants. Where a method reads the headers in which SDKs present keys, these
//! never go upstream, whoever was identified by whatever.

mod certificate;
pub mod headers;
pub mod jwks;
mod jwt;
mod keyring;
pub mod keyset;
pub mod mapping;
pub mod principal;
pub mod settings;
pub mod spiffe;
pub mod tenant;
pub mod token;

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use jiff::Timestamp;

pub use certificate::Peer;
pub use headers::{CREDENTIAL_HEADERS, is_identity_header};
pub use principal::{Claim, Claims, MAX_NAME_BYTES, Principal};
pub use settings::{Caller, IdentitySettings, Method, VirtualKey};

use headers::Presented;
use jwks::Jwks;
use jwt::Judge;
use keyring::Keyring;
use settings::{JwksSource, MtlsSettings};
use token::{TokenError, looks_like_token};

/// The outcome of [`Identifier::identify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// Who calls.
    pub principal: Arc<Principal>,
    /// By which method.
    pub method: Method,
    /// True if the credential headers are meant for this sidecar. SECURITY: none of [`CREDENTIAL_HEADERS`] may then go upstream.
    pub consumed_credential: bool,
}

/// Why a caller could not be identified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Nothing was presented, and there is no static principal.
    #[error("no credential was presented; send your Sidewall key or token as the API key")]
    Missing,
    /// A key that is not configured.
    #[error("the presented key is not known; ask for a current one")]
    Unknown,
    /// A key whose time has passed.
    #[error("the presented key has expired; ask for a new one")]
    Expired,
    /// A token that is not good.
    #[error("the presented token {0}; get a new one from your identity provider")]
    Token(#[from] TokenError),
    /// A certificate that names nobody.
    #[error("the client certificate names no caller of this deployment")]
    Certificate,
    /// Headers that two readers may read differently.
    #[error("header {0} is repeated, contradicted or misspelt; send one credential, once")]
    Ambiguous(HeaderName),
    /// The caller names a tenant for which it may not act.
    #[error("this principal may not act for the tenant that it names")]
    Tenant,
    /// The issuer's keys could not be had.
    #[error("the issuer's keys could not be fetched, so no token can be verified now")]
    Unavailable,
}

impl IdentityError {
    /// Its word in metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Token(error) => error.word(),
            Self::Certificate => "certificate",
            Self::Ambiguous(_) => "ambiguous",
            Self::Tenant => "tenant",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Identifies callers by what [`IdentitySettings`] says.
#[derive(Debug)]
pub struct Identifier {
    order: Vec<Method>,
    keys: Keyring,
    judge: Option<Judge>,
    jwks: Option<Arc<Jwks>>,
    mtls: Option<MtlsSettings>,
    fallback: Option<Caller>,
    tenant_header: HeaderName,
    /// Whether a method reads [`CREDENTIAL_HEADERS`].
    consumes: bool,
}

impl Identifier {
    /// An identifier for these settings.
    #[must_use]
    pub fn from_settings(settings: &IdentitySettings) -> Self {
        let jwks = settings.jwt.as_ref().map(|jwt| {
            Arc::new(match &jwt.jwks {
                JwksSource::File { keys, .. } => Jwks::of_file(Arc::clone(keys)),
                JwksSource::Url(url) => Jwks::of_url(url.max_stale),
            })
        });
        let judge = settings.jwt.clone().zip(jwks.clone()).map(|(jwt, jwks)| Judge::new(jwt, jwks));
        Self {
            order: settings.order.clone(),
            keys: Keyring::new(&settings.virtual_keys),
            judge,
            jwks,
            mtls: settings.mtls.clone(),
            fallback: settings.fallback.clone(),
            tenant_header: settings.tenant_header.clone(),
            consumes: settings.reads_credential_headers(),
        }
    }

    /// The issuer's keys, for whoever fetches them.
    #[must_use]
    pub const fn jwks(&self) -> Option<&Arc<Jwks>> {
        self.jwks.as_ref()
    }

    /// Finds out who sent a request with these headers over a connection of `peer`.
    ///
    /// # Errors
    /// The caller is nobody, or its headers can be read in two ways.
    pub async fn identify(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<Identified, IdentityError> {
        self.identify_at(headers, peer, Timestamp::now()).await
    }

    async fn identify_at(
        &self,
        headers: &HeaderMap,
        peer: Option<&Peer>,
        now: Timestamp,
    ) -> Result<Identified, IdentityError> {
        let token_header = self.judge.as_ref().and_then(|judge| judge.settings().header.as_ref());
        headers::refuse_lookalikes(headers, &[token_header, Some(&self.tenant_header)])?;
        let presented = headers::presented(headers)?;
        let (method, caller) = self.caller(headers, presented, peer, now).await?;
        let principal = self.acting_for(headers, caller)?;
        Ok(Identified { principal, method, consumed_credential: self.consumes })
    }

    async fn caller(
        &self,
        headers: &HeaderMap,
        presented: Option<Presented<'_>>,
        peer: Option<&Peer>,
        now: Timestamp,
    ) -> Result<(Method, Caller), IdentityError> {
        for method in &self.order {
            let found = match method {
                Method::Mtls => self.mtls.as_ref().zip(peer).map(|(mtls, peer)| {
                    // SECURITY: a certificate of the right issuer that names nobody is a stranger, not nothing.
                    peer.caller(mtls).ok_or(IdentityError::Certificate)
                }),
                Method::Jwt => match (&self.judge, self.token(headers, presented)?) {
                    (Some(judge), Some(token)) => Some(judge.caller(token, now.as_second()).await),
                    _ => None,
                },
                Method::VirtualKey => self.virtual_key(presented, now),
                Method::Static => None,
            };
            if let Some(found) = found {
                return Ok((*method, found?));
            }
        }
        if self.consumes && presented.is_some() {
            return Err(IdentityError::Unknown);
        }
        let caller = self.fallback.clone().ok_or(IdentityError::Missing)?;
        Ok((Method::Static, caller))
    }

    /// What is presented as a token.
    fn token<'h>(
        &self,
        headers: &'h HeaderMap,
        presented: Option<Presented<'h>>,
    ) -> Result<Option<&'h [u8]>, IdentityError> {
        let Some(judge) = &self.judge else { return Ok(None) };
        if let Some(name) = &judge.settings().header {
            return headers::token_in(headers, name);
        }
        Ok(match presented {
            // A key of ours may stand there too; what looks like a token is one, and without keys everything is meant as one.
            Some(Presented::Key(key)) if looks_like_token(key) || self.keys.is_empty() => Some(key),
            _ => None,
        })
    }

    fn virtual_key(&self, presented: Option<Presented<'_>>, now: Timestamp) -> Option<Result<Caller, IdentityError>> {
        if self.keys.is_empty() {
            return None;
        }
        Some(match presented? {
            Presented::Foreign => Err(IdentityError::Unknown),
            Presented::Key(key) => match self.keys.find(key) {
                None => Err(IdentityError::Unknown),
                Some(key) if key.expires.is_some_and(|expires| expires <= now) => Err(IdentityError::Expired),
                Some(key) => Ok(key.caller.clone()),
            },
        })
    }

    /// The principal, under the tenant that a trusted app names.
    fn acting_for(&self, headers: &HeaderMap, caller: Caller) -> Result<Arc<Principal>, IdentityError> {
        if caller.act_for.is_empty() {
            // The header of somebody who may not use it is as if it were not there, as all headers that claim an identity.
            return Ok(caller.principal);
        }
        let mut named = headers.get_all(&self.tenant_header).iter();
        let Some(tenant) = named.next() else { return Ok(caller.principal) };
        if named.next().is_some() {
            return Err(IdentityError::Ambiguous(self.tenant_header.clone()));
        }
        let tenant =
            tenant.to_str().ok().filter(|tenant| tenant::is_tenant_name(tenant)).ok_or(IdentityError::Tenant)?;
        if tenant == &*caller.principal.tenant {
            return Ok(caller.principal);
        }
        if !caller.act_for.contains(tenant) {
            return Err(IdentityError::Tenant);
        }
        Ok(Arc::new(Principal { tenant: tenant.into(), ..Principal::clone(&caller.principal) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn caller(tenant: &str) -> Caller {
        let principal = Arc::new(Principal {
            tenant: tenant.into(),
            name: "app".into(),
            roles: [].into(),
            scopes: [].into(),
            claims: Claims::default(),
        });
        Caller { principal, act_for: tenant::Tenants::default() }
    }

    fn identifier(keys: &[(&str, &str, Option<&str>)], fallback: Option<&str>) -> Identifier {
        let key = |&(key, tenant, expires): &(&str, &str, Option<&str>)| VirtualKey {
            sha256: keyring::sha256(key.as_bytes()),
            caller: caller(tenant),
            expires: expires.map(|time| time.parse().unwrap()),
        };
        Identifier::from_settings(&IdentitySettings {
            virtual_keys: keys.iter().map(key).collect(),
            fallback: fallback.map(caller),
            ..IdentitySettings::default()
        })
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    /// Nothing is waited for without tokens.
    fn at_once<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(value) => value,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }

    fn outcome(identifier: &Identifier, lines: &[(&'static str, &str)]) -> Result<(String, bool), IdentityError> {
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        let identified = at_once(identifier.identify_at(&headers(lines), None, now))?;
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
            (None, Err(IdentityError::Missing), own("house"), house()),
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
            assert_eq!(
                outcome(&identifier, lines),
                Err(IdentityError::Ambiguous(HeaderName::from_static(name))),
                "{lines:?}"
            );
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
