//! Which table speaks for an endpoint (stub with its final signatures).

use crate::inspect::Refusal;
use bytes::Bytes;

/// A provider API.
#[derive(Debug)]
pub struct Dialect {
    /// `openai`, `anthropic`, `generic`: the names used in `[[upstream]].dialects`.
    pub name: &'static str,
}

/// One endpoint of a dialect.
#[derive(Debug)]
pub struct Endpoint {
    /// Its dialect.
    pub dialect: &'static Dialect,
    /// Name for audit and metrics: `chat.completions`, `messages`, `unknown` …
    pub name: &'static str,
    /// False: no table row mentions it; `unknown_endpoint` of the configuration decides.
    pub known: bool,
}

/// Where a path leads.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The endpoint.
    pub endpoint: &'static Endpoint,
}

static GENERIC: Dialect = Dialect { name: "generic" };
static UNKNOWN: Endpoint = Endpoint { dialect: &GENERIC, name: "unknown", known: false };

/// Finds the endpoint for a method and path (`/v1/chat/completions`; without `/u/NAME`, without query). Unknown paths lead to the
/// generic endpoint (`known == false`).
#[must_use]
pub fn route(_method: &str, _path: &str) -> Route {
    Route { endpoint: &UNKNOWN }
}

/// The JSON body (status is `refusal.code.row().1`) in the caller's dialect, so that official SDKs raise their proper exception.
#[must_use]
pub fn render_refusal(_dialect: &'static Dialect, _refusal: &Refusal, _exchange: &str) -> Bytes {
    Bytes::new()
}

/// The dialect's own error event for an SSE stream that has begun (whole event with its blank line).
#[must_use]
pub fn render_error_event(_dialect: &'static Dialect, _refusal: &Refusal, _exchange: &str) -> Bytes {
    Bytes::new()
}
