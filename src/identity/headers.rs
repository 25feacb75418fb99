//! Headers that say who calls: those in which keys are presented, and those that callers may not speak in at all.

use http::{HeaderMap, HeaderName};

use crate::identity::IdentityError;

/// Headers in which the official SDKs present a key. `authorization` carries it behind the scheme `Bearer` (RFC 6750 §2.1).
pub const CREDENTIAL_HEADERS: [&str; 4] = [AUTHORIZATION, "x-api-key", "api-key", "x-goog-api-key"];

const AUTHORIZATION: &str = "authorization";

/// Headers by which proxies tell a backend who the caller is. From a caller they are claims without proof.
const IDENTITY_HEADERS: [&str; 12] = [
    "remote-user",
    "x-remote-user",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-forwarded-client-cert",
    "x-tenant",
    "x-tenant-id",
    "x-user",
    "x-user-id",
];

/// Families of such headers: our own, oauth2-proxy, AWS ALB, Azure, Google IAP, Cloudflare Access, Grafana, Kong, TLS terminators.
const IDENTITY_PREFIXES: [&str; 11] = [
    "x-sidewall-",
    "x-auth-request-",
    "x-authenticated-",
    "x-amzn-oidc-",
    "x-ms-client-principal",
    "x-goog-authenticated-user-",
    "cf-access-",
    "x-webauth-",
    "x-consumer-",
    "x-client-cert",
    "x-ssl-client-",
];

/// True for headers that claim an identity. They never go upstream, and nothing here reads them. An underscore counts as a
/// dash, as CGI-like backends read it.
#[must_use]
pub fn is_identity_header(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    IDENTITY_HEADERS.contains(&name.as_str()) || IDENTITY_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What a caller presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presented<'h> {
    /// A key, not empty.
    Key(&'h [u8]),
    /// A credential that is no key: `authorization` with another scheme than `Bearer`, or with none. It matches no key.
    Foreign,
}

/// The one credential that the headers present, if any.
///
/// # Errors
/// A credential header that is repeated, written with an underscore, or contradicted by another.
pub(super) fn presented(headers: &HeaderMap) -> Result<Option<Presented<'_>>, IdentityError> {
    let mut presented = None;
    for header in CREDENTIAL_HEADERS {
        let mut values = headers.get_all(header).iter();
        let Some(value) = values.next() else { continue };
        if values.next().is_some() {
            return Err(ambiguous(header));
        }
        let value = value.as_bytes().trim_ascii();
        let found = if header == AUTHORIZATION { bearer(value) } else { Presented::Key(value) };
        if found == Presented::Key(b"") {
            continue;
        }
        if presented.is_some_and(|earlier| earlier != found) {
            return Err(ambiguous(header));
        }
        presented = Some(found);
    }
    Ok(presented)
}

/// The token in the header that the configuration names: bare, or behind `Bearer`.
///
/// # Errors
/// The header is repeated.
pub(super) fn token_in<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h [u8]>, IdentityError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(IdentityError::Ambiguous(name.clone()));
    }
    let value = value.as_bytes().trim_ascii();
    let token = match bearer(value) {
        Presented::Key(token) => token,
        Presented::Foreign => value,
    };
    Ok((!token.is_empty()).then_some(token))
}

/// Refuses headers that a CGI-like reader would take for one that we read: an underscore where the dash belongs.
///
/// # Errors
/// The header that is imitated.
pub(super) fn refuse_lookalikes(headers: &HeaderMap, more: &[Option<&HeaderName>]) -> Result<(), IdentityError> {
    for name in headers.keys().filter(|name| name.as_str().contains('_')) {
        let dashed = name.as_str().replace('_', "-");
        if let Some(header) = CREDENTIAL_HEADERS.iter().find(|header| **header == dashed) {
            return Err(ambiguous(header));
        }
        if let Some(header) = more.iter().flatten().find(|header| header.as_str() == dashed) {
            return Err(IdentityError::Ambiguous(HeaderName::clone(header)));
        }
    }
    Ok(())
}

/// True for a header in which SDKs present keys.
#[must_use]
pub fn is_credential(name: &HeaderName) -> bool {
    CREDENTIAL_HEADERS.contains(&name.as_str())
}

const fn ambiguous(header: &'static str) -> IdentityError {
    IdentityError::Ambiguous(HeaderName::from_static(header))
}

/// What follows the scheme `Bearer` (in any case, RFC 9110 §11.1). An empty value presents the empty key.
fn bearer(value: &[u8]) -> Presented<'_> {
    const SCHEME: &[u8] = b"bearer";
    match value.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) && matches!(rest.first(), None | Some(b' ')) => {
            Presented::Key(rest.trim_ascii())
        }
        _ if value.is_empty() => Presented::Key(value),
        _ => Presented::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_headers_claim_an_identity() {
        for (name, expected) in [
            ("x-sidewall-tenant", true),
            ("x_sidewall_tenant", true),
            ("X-Forwarded-User", true),
            ("x-tenant-id", true),
            ("x-ms-client-principal-name", true),
            ("x-ms-client-principal", true),
            ("cf-access-jwt-assertion", true),
            ("authorization", false),
            ("content-type", false),
            ("x-request-id", false),
            ("user-agent", false),
        ] {
            let name: HeaderName = name.parse().unwrap();
            assert_eq!(is_identity_header(&name), expected, "{name}");
        }
    }

    #[test]
    fn what_follows_bearer() {
        for (value, key) in [
            ("Bearer abc", Presented::Key(b"abc")),
            ("BEARER  abc", Presented::Key(b"abc")),
            ("Bearer", Presented::Key(b"")),
            ("", Presented::Key(b"")),
            ("abc", Presented::Foreign),
            ("abcdefgh", Presented::Foreign),
            ("Bearerabc", Presented::Foreign),
            ("Basic abc", Presented::Foreign),
        ] {
            assert_eq!(bearer(value.as_bytes()), key, "{value:?}");
        }
    }
}
