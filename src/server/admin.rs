//! The admin listener: probes, metrics and where rules and policies stand, never for callers. (Approvals, which it also carries, are the
//! proxy's: they are recorded.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::proxy::body::OutBody;

/// Content type of the Prometheus text format
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).
const EXPOSITION: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers probes.
#[derive(Clone)]
pub struct Admin {
    /// False while starting and while draining.
    pub ready: Arc<AtomicBool>,
    /// What `/metrics` shows; `None`: this process records none.
    pub metrics: Option<PrometheusHandle>,
    /// Makes the JSON that `/rulesets` shows.
    pub rulesets: Arc<dyn Fn() -> Vec<u8> + Send + Sync>,
    /// Makes the JSON that `/policies` shows.
    pub policies: Arc<dyn Fn() -> Vec<u8> + Send + Sync>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("ready", &self.ready).finish_non_exhaustive()
    }
}

impl Admin {
    /// Answers one request.
    #[must_use]
    pub fn answer<B>(&self, request: &Request<B>) -> Response<OutBody> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
        }
        match request.uri().path() {
            "/healthz" => plain(StatusCode::OK, "alive\n"),
            "/readyz" if self.ready.load(Ordering::Relaxed) => plain(StatusCode::OK, "ready\n"),
            "/readyz" => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready: starting or draining\n"),
            "/metrics" => match &self.metrics {
                Some(handle) => respond(StatusCode::OK, EXPOSITION, Bytes::from(handle.render())),
                None => plain(StatusCode::NOT_FOUND, "another recorder holds this process's metrics\n"),
            },
            "/rulesets" => respond(StatusCode::OK, JSON, Bytes::from((self.rulesets)())),
            "/policies" => respond(StatusCode::OK, JSON, Bytes::from((self.policies)())),
            _ => plain(
                StatusCode::NOT_FOUND,
                "there are /healthz, /readyz, /metrics, /rulesets, /policies and /approvals\n",
            ),
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<OutBody> {
    respond(status, PLAIN, Bytes::from_static(text.as_bytes()))
}

fn respond(status: StatusCode, content_type: HeaderValue, text: Bytes) -> Response<OutBody> {
    let mut response = Response::new(OutBody::ours(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes() {
        let ready = Arc::new(AtomicBool::new(true));
        let rulesets = Arc::new(|| b"{}".to_vec());
        let policies = Arc::new(|| b"{}".to_vec());
        let admin = Admin { ready: Arc::clone(&ready), metrics: None, rulesets, policies };
        let status = |method: &str, path: &str| {
            admin.answer(&Request::builder().method(method).uri(path).body(()).unwrap()).status().as_u16()
        };
        assert_eq!((status("GET", "/healthz"), status("GET", "/readyz")), (200, 200));
        assert_eq!((status("GET", "/rulesets"), status("GET", "/policies")), (200, 200));
        ready.store(false, Ordering::Relaxed);
        assert_eq!((status("GET", "/healthz"), status("HEAD", "/readyz")), (200, 503));
        assert_eq!((status("GET", "/v1/models"), status("POST", "/healthz")), (404, 405));
    }
}
