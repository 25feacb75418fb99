//! A pool of connections to one upstream.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::inspect::{Refusal, RefusalCode};
use crate::upstream::UpstreamError;
use crate::upstream::resolver::Resolver;

/// An idle connection is given up after this: below the 60 s after which common load balancers cut it.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// LIMIT: this many idle connections are kept for each upstream; as many as exchanges may be under way.
const POOL_MAX_IDLE: usize = 1024;
/// LIMIT: 64 KiB of response headers.
const MAX_HEADER_BYTES: usize = 64 << 10;
/// HTTP/2: a silent connection is asked whether it lives, and given up if it does not answer.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// HTTP/2: how long such an answer may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP/2 windows: 1 MiB a stream is a long answer, and still bounded memory.
const STREAM_WINDOW: u32 = 1 << 20;

/// Whom we trust.
#[derive(Clone)]
pub struct Tls(ClientConfig);

impl Tls {
    /// The public roots compiled in; or, with `ca`, only the certificates (PEM) in that file.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn new(ca: Option<&Path>) -> Result<Self, UpstreamError> {
        let fail = |reason: String| UpstreamError::Tls(reason);
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| fail(error.to_string()))?;
        let Some(path) = ca else {
            use hyper_rustls::ConfigBuilderExt;
            return Ok(Self(builder.with_webpki_roots().with_no_client_auth()));
        };
        let mut roots = RootCertStore::empty();
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|error| fail(format!("{}: {error}", path.display())))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| fail(format!("{}: {error}", path.display())))?;
            roots.add(certificate).map_err(|error| fail(format!("{}: {error}", path.display())))?;
        }
        if roots.is_empty() {
            return Err(fail(format!("{}: no certificate in it", path.display())));
        }
        Ok(Self(builder.with_root_certificates(roots).with_no_client_auth()))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(..)")
    }
}

/// Connections to one upstream.
#[derive(Debug, Clone)]
pub struct Pool(Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>);

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(connect_timeout: Duration, allow_link_local: bool, tls: &Tls) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(allow_link_local));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_timeout));
        tcp.set_keepalive(Some(POOL_IDLE));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls.0.clone()).https_or_http().enable_all_versions();
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_MAX_IDLE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http1_max_buf_size(MAX_HEADER_BYTES)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build(https.wrap_connector(tcp));
        Self(client)
    }

    /// Sends a request and waits for the response's headers. A request is sent again only where hyper knows that no
    /// byte of it was read (a kept connection that turned out to be closed).
    ///
    /// # Errors
    /// `UpstreamFailed`, `UpstreamTimeout` (to connect).
    pub async fn request(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Refusal> {
        self.0.request(request).await.map_err(|error| {
            // The error's own text can name addresses; it goes to the log, not to the caller.
            tracing::warn!(connect = error.is_connect(), error = chain(&error), "upstream failed");
            if is_timeout(&error) {
                Refusal::new(RefusalCode::UpstreamTimeout, "no connection in time")
            } else if error.is_connect() {
                Refusal::new(RefusalCode::UpstreamFailed, "no connection")
            } else {
                Refusal::new(RefusalCode::UpstreamFailed, "the connection broke, or what came was not HTTP")
            }
        })
    }
}

/// The messages of an error and its sources. SECURITY: hyper's and rustls' messages hold no headers and no bodies.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    sources(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    sources(error).any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
    })
}

fn sources<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}
