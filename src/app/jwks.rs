//! Keeps the issuer's keys fresh: fetched from a URL, or read again when their file changes.
//!
//! SECURITY: the URL comes from the configuration alone, a redirect is not followed, the answer is bounded in size and time, and
//! what is no key set changes nothing: the last good one stays until it is too old.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::app::reload::{LOOK, fingerprint};
use crate::config::BaseUrl;
use crate::identity::jwks::Jwks;
use crate::identity::keyset::{KeySet, MAX_SET_BYTES};
use crate::identity::settings::JwksSource;
use crate::telemetry::events::JwksRefreshed;
use crate::upstream::UpstreamError;
use crate::upstream::client::{Pool, Tls};

/// LIMIT: 5 s for a whole fetch; callers with an unknown key wait that long at most.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// LIMIT: 3 s of that to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How soon a failed fetch is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// Gets an issuer's keys.
#[derive(Debug)]
pub struct Fetcher(From);

#[derive(Debug)]
enum From {
    File(PathBuf),
    Url { pool: Box<Pool>, url: BaseUrl, refresh: Duration },
}

impl Fetcher {
    /// A fetcher; connects to nothing yet. `tls`: whom we trust where the source names nobody.
    ///
    /// # Errors
    /// The source's CA file cannot be used.
    pub fn new(source: &JwksSource, tls: &Tls) -> Result<Self, UpstreamError> {
        Ok(Self(match source {
            JwksSource::File { path, .. } => From::File(path.clone()),
            JwksSource::Url(source) => {
                let own = source.ca.as_deref().map(|ca| Tls::new(Some(ca))).transpose()?;
                let pool = Pool::new(CONNECT_TIMEOUT, source.allow_link_local, own.as_ref().unwrap_or(tls));
                From::Url { pool: Box::new(pool), url: source.url.clone(), refresh: source.refresh }
            }
        }))
    }
}

/// Keeps `keys` fresh. Never ends.
pub async fn keep(keys: Arc<Jwks>, fetcher: Fetcher) {
    match fetcher.0 {
        From::File(path) => watch(&keys, path).await,
        From::Url { pool, url, refresh } => loop {
            keys.begins();
            let fetched = fetch(&pool, &url).await;
            let next = if fetched.is_ok() { refresh } else { RETRY.min(refresh) };
            settle(&keys, fetched);
            // Ends early when a token names a key that we do not have.
            let _ = timeout(next, keys.wanted()).await;
        },
    }
}

async fn watch(keys: &Jwks, path: PathBuf) {
    let paths = [path];
    let mut seen = fingerprint(&paths);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        look.tick().await;
        let now = fingerprint(&paths);
        if now != seen {
            seen = now;
            let [path] = &paths;
            let read = tokio::fs::read(path).await.map_err(|error| error.to_string());
            settle(keys, read.and_then(|bytes| KeySet::parse(&bytes).map_err(|error| error.to_string())));
        }
    }
}

fn settle(keys: &Jwks, fetched: Result<KeySet, String>) {
    let error = match fetched {
        Ok(set) => {
            keys.renewed(Arc::new(set));
            None
        }
        Err(error) => {
            keys.failed();
            Some(error)
        }
    };
    let in_force = keys.current().map_or(0, |set| set.len());
    JwksRefreshed { keys: in_force, error: error.as_deref() }.emit();
}

/// One fetch. What goes wrong is told in words of our own, for the log.
async fn fetch(pool: &Pool, url: &BaseUrl) -> Result<KeySet, String> {
    let request = request(url).ok_or("the URL cannot be asked")?;
    let answer = async {
        let response = pool.request(request).await.map_err(|refusal| refusal.detail)?;
        if response.status() != StatusCode::OK {
            return Err(format!("the server answered {}; redirects are not followed", response.status().as_u16()));
        }
        let body = Limited::new(response.into_body(), MAX_SET_BYTES).collect().await;
        let body = body.map_err(|_cut| format!("the answer broke off, or is larger than {MAX_SET_BYTES} bytes"))?;
        KeySet::parse(&body.to_bytes()).map_err(|error| format!("the answer {error}"))
    };
    timeout(FETCH_TIMEOUT, answer).await.unwrap_or_else(|_elapsed| Err("no answer in time".to_owned()))
}

fn request(url: &BaseUrl) -> Option<Request<Full<bytes::Bytes>>> {
    let path = if url.path.is_empty() { "/" } else { url.path.as_str() };
    let uri = Uri::builder().scheme(url.scheme.word()).authority(url.authority());
    let uri = uri.path_and_query(PathAndQuery::try_from(path).ok()?).build().ok()?;
    let mut request = Request::new(Full::default());
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    Some(request)
}
