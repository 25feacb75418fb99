//! Upstreams: named providers from the configuration, each with its own pool of connections and its own credential.
//!
//! SECURITY: where a request goes is decided by configuration alone; a redirect is not followed, and a name that leads to
//! a link-local or metadata address is not called unless configured.

pub mod client;
pub mod resolver;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme as UriScheme, Uri};
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::config::{Scheme, UpstreamSettings};
use crate::dialect::headers::{HeaderTable, header_table};
use crate::inspect::{Cleared, Refusal, RefusalCode};
use crate::secret::Sensitive;
use crate::upstream::client::{Pool, Tls};

/// Why an upstream could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The address is no URI.
    #[error("upstream {name}: the URL is not usable: {reason}; write https://HOST[:PORT][/PREFIX]")]
    Url {
        /// The upstream's name.
        name: Arc<str>,
        /// What is wrong.
        reason: String,
    },
    /// TLS could not be set up.
    #[error("TLS to upstreams: {0}")]
    Tls(String),
}

/// One provider.
#[derive(Debug)]
pub struct Upstream {
    name: Arc<str>,
    dialects: Vec<Arc<str>>,
    scheme: UriScheme,
    authority: Authority,
    prefix: String,
    credential: Option<Sensitive<String>>,
    response_timeout: Duration,
    idle_timeout: Duration,
    pool: Pool,
}

impl Upstream {
    /// Sets up an upstream; connects to nothing yet.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub fn new(settings: &UpstreamSettings, tls: &Tls) -> Result<Self, UpstreamError> {
        let url = &settings.url;
        let authority = Authority::try_from(url.authority())
            .map_err(|error| UpstreamError::Url { name: Arc::clone(&settings.name), reason: error.to_string() })?;
        let own = settings.ca.as_deref().map(|ca| Tls::new(Some(ca))).transpose()?;
        Ok(Self {
            name: Arc::clone(&settings.name),
            dialects: settings.dialects.clone(),
            scheme: match url.scheme {
                Scheme::Http => UriScheme::HTTP,
                Scheme::Https => UriScheme::HTTPS,
            },
            authority,
            prefix: url.path.clone(),
            credential: settings.credential.as_ref().map(|credential| credential.value.clone()),
            response_timeout: settings.response_timeout,
            idle_timeout: settings.idle_timeout,
            pool: Pool::new(settings.connect_timeout, settings.allow_link_local, own.as_ref().unwrap_or(tls)),
        })
    }

    /// Its name, as in `/u/NAME/…`.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What replaces the caller's credential.
    #[must_use]
    pub const fn credential(&self) -> Option<&Sensitive<String>> {
        self.credential.as_ref()
    }

    /// Longest silence in a response's body.
    #[must_use]
    pub const fn idle_timeout(&self) -> Duration {
        self.idle_timeout
    }

    /// True if it serves `dialect`.
    #[must_use]
    pub fn serves(&self, dialect: &str) -> bool {
        self.dialects.iter().any(|own| own.as_ref() == dialect)
    }

    /// The header rows for a call of `dialect`: its own, or those of the dialect that the upstream is for.
    #[must_use]
    pub fn headers(&self, dialect: &str) -> &'static HeaderTable {
        match self.dialects.first() {
            Some(first) if !self.serves(dialect) => header_table(first),
            _ => header_table(dialect),
        }
    }

    /// Sends a request, built anew, and waits for the response's headers.
    ///
    /// # Errors
    /// `UpstreamFailed`, `UpstreamTimeout`.
    pub async fn send(
        &self,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: Cleared<Bytes>,
    ) -> Result<Response<Incoming>, Refusal> {
        let path = PathAndQuery::try_from(format!("{}{target}", self.prefix)).map_err(|_invalid| {
            Refusal::new(RefusalCode::BadRequest, "the target cannot be appended to the upstream's")
        })?;
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        let uri = Uri::from_parts(parts).map_err(|_invalid| Refusal::new(RefusalCode::Internal, ""))?;
        let mut request = Request::new(Full::new(body.into_inner()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = headers;
        match timeout(self.response_timeout, self.pool.request(request)).await {
            Err(_elapsed) => Err(Refusal::new(RefusalCode::UpstreamTimeout, "no response headers in time")),
            Ok(Err(error)) => Err(error),
            Ok(Ok(response)) => Ok(response),
        }
    }
}

/// All upstreams, in the order of the configuration.
#[derive(Debug)]
pub struct Upstreams(Vec<Arc<Upstream>>);

impl Upstreams {
    /// Sets them up.
    ///
    /// # Errors
    /// The first [`UpstreamError`].
    pub fn new(settings: &[UpstreamSettings], tls: &Tls) -> Result<Self, UpstreamError> {
        settings.iter().map(|one| Upstream::new(one, tls).map(Arc::new)).collect::<Result<_, _>>().map(Self)
    }

    /// The upstream for a call: the named one, else the first that serves the dialect; a dialect that nobody serves
    /// goes to the only upstream there is.
    ///
    /// # Errors
    /// `UnknownUpstream`.
    pub fn choose(&self, named: Option<&str>, dialect: &str, known: bool) -> Result<&Arc<Upstream>, Refusal> {
        let found = match (named, self.0.as_slice()) {
            // An endpoint that no table knows is read string by string whoever answers; any other must be served in its own words.
            (Some(name), all) => all
                .iter()
                .find(|upstream| upstream.name.as_ref() == name)
                .filter(|upstream| !known || upstream.serves(dialect)),
            (None, all) => all.iter().find(|upstream| upstream.serves(dialect)).or(match all {
                [only] if dialect == UNKNOWN_DIALECT => Some(only),
                _ => None,
            }),
        };
        found.ok_or_else(|| Refusal::new(RefusalCode::UnknownUpstream, ""))
    }
}

/// The dialect of endpoints that no table mentions.
const UNKNOWN_DIALECT: &str = "generic";
