//! What `[identity]` resolves to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use jiff::Timestamp;

use crate::config::BaseUrl;
use crate::identity::Principal;
use crate::identity::keyset::KeySet;
use crate::identity::mapping::Mapping;
use crate::identity::spiffe::Pattern;
use crate::identity::tenant::Tenants;
use crate::identity::token::Algorithm;

/// `[identity]`: the methods that are tried, in order, and the static principal behind them.
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// The methods that are tried before the static principal, in order: the first whose credential is presented decides.
    pub order: Vec<Method>,
    /// Keys that this sidecar hands out in place of the provider's.
    pub virtual_keys: Vec<VirtualKey>,
    /// Signed tokens of an issuer.
    pub jwt: Option<JwtSettings>,
    /// Client certificates.
    pub mtls: Option<MtlsSettings>,
    /// Who every caller without a credential is; `None`: nobody.
    pub fallback: Option<Caller>,
    /// In which header a trusted app says for which tenant it acts.
    pub tenant_header: HeaderName,
}

/// The tenant header, where the configuration names no other.
pub const DEFAULT_TENANT_HEADER: HeaderName = HeaderName::from_static("x-sidewall-tenant");

impl Default for IdentitySettings {
    fn default() -> Self {
        Self {
            order: Method::DEFAULT_ORDER.to_vec(),
            virtual_keys: Vec::new(),
            jwt: None,
            mtls: None,
            fallback: None,
            tenant_header: DEFAULT_TENANT_HEADER,
        }
    }
}

impl IdentitySettings {
    /// True if a method reads the headers in which SDKs present keys. SECURITY: they then never go upstream, whichever method
    /// identified the caller: what stands in them was meant for us.
    #[must_use]
    pub fn reads_credential_headers(&self) -> bool {
        let jwt = self.jwt.as_ref().is_some_and(|jwt| jwt.header.as_ref().is_none_or(super::headers::is_credential));
        jwt || !self.virtual_keys.is_empty()
    }

    /// Every caller that the file itself names.
    pub fn named_callers(&self) -> impl Iterator<Item = &Caller> {
        let mtls = self.mtls.iter().flat_map(|mtls| mtls.callers.iter().map(|(_, caller)| caller));
        self.virtual_keys.iter().map(|key| &key.caller).chain(mtls).chain(&self.fallback)
    }
}

/// A way to establish who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The client certificate of the TLS connection.
    Mtls,
    /// A signed token.
    Jwt,
    /// A key of ours.
    VirtualKey,
    /// Nothing presented; always the last.
    Static,
}

impl Method {
    /// The order where the configuration names none: what is hardest to steal comes first.
    pub const DEFAULT_ORDER: [Self; 3] = [Self::Mtls, Self::Jwt, Self::VirtualKey];

    /// Its word in configuration and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mtls => "mtls",
            Self::Jwt => "jwt",
            Self::VirtualKey => "virtual_key",
            Self::Static => "static",
        }
    }
}

/// Someone whom the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who it is.
    pub principal: Arc<Principal>,
    /// Tenants, beside its own, for which it may act by naming them in the tenant header.
    pub act_for: Tenants,
}

/// One `[[identity.virtual_key]]`.
#[derive(Debug, Clone)]
pub struct VirtualKey {
    /// SHA-256 of the key; the key itself is nowhere stored.
    pub sha256: [u8; 32],
    /// Whose key it is.
    pub caller: Caller,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
}

/// `[identity.jwt]`.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    /// What `iss` must be, byte for byte.
    pub issuer: String,
    /// Of these one must stand in `aud`; never empty.
    pub audiences: Vec<String>,
    /// The algorithms that are accepted; never empty, all asymmetric.
    pub algorithms: Vec<Algorithm>,
    /// Where the token stands; `None`: where SDKs present their key ([`super::CREDENTIAL_HEADERS`]).
    pub header: Option<HeaderName>,
    /// Where the issuer's keys come from.
    pub jwks: JwksSource,
    /// How far the issuer's clock may differ from ours.
    pub clock_skew: Duration,
    /// How claims become a principal.
    pub mapping: Mapping,
    /// Principals that may act for other tenants.
    pub trusted: Vec<(Arc<str>, Tenants)>,
}

/// Where the issuer's keys come from.
#[derive(Debug, Clone)]
pub enum JwksSource {
    /// A file, looked at again and again; `keys` is what stood in it when the configuration was read.
    File {
        /// Its path.
        path: PathBuf,
        /// Its keys.
        keys: Arc<KeySet>,
    },
    /// A URL, fetched again and again.
    Url(JwksUrl),
}

/// `jwks = { url = "…" }`.
#[derive(Debug, Clone)]
pub struct JwksUrl {
    /// Where.
    pub url: BaseUrl,
    /// Certificates (PEM) that the server's own must descend from; `None`: the public roots.
    pub ca: Option<PathBuf>,
    /// How often the keys are fetched while all is well.
    pub refresh: Duration,
    /// How long keys are used after the last successful fetch.
    pub max_stale: Duration,
    /// Whether plain HTTP to another machine is meant.
    pub allow_plaintext: bool,
    /// Whether a link-local or metadata address is meant.
    pub allow_link_local: bool,
}

/// `[identity.mtls]`.
#[derive(Debug, Clone)]
pub struct MtlsSettings {
    /// Certificates that are known one by one.
    pub callers: Vec<(CertificateName, Caller)>,
    /// How the URI of every other certificate becomes tenant and principal.
    pub spiffe: Option<Pattern>,
    /// Roles of callers by pattern.
    pub roles: Arc<[Arc<str>]>,
    /// Scopes of callers by pattern.
    pub scopes: Arc<[Arc<str>]>,
}

/// What a client certificate is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateName {
    /// Its only URI, byte for byte.
    Uri(String),
    /// SHA-256 of its DER form.
    Sha256([u8; 32]),
}
