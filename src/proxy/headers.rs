//! Headers on both ways. Nothing is forwarded but what a table lists; everything else is made anew.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::dialect::headers::{CredentialHeader, HeaderTable, REQUEST, RESPONSE, listed};
use crate::inspect::{Framing, Refusal, RefusalCode};
use crate::proxy::entry::is_json;
use crate::secret::Sensitive;

/// Finds the audit record.
pub const EXCHANGE: HeaderName = HeaderName::from_static("x-sidewall-exchange");
/// `allow`, `redact` or `block`; absent while undecided.
pub const VERDICT: HeaderName = HeaderName::from_static("x-sidewall-verdict");
/// Hash of the rules in force.
pub const RULESET: HeaderName = HeaderName::from_static("x-sidewall-ruleset");
/// Whether the official SDKs should try again (their retry logic reads it before the status).
pub const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// Names of JSON Lines: <https://jsonlines.org>, <https://github.com/ndjson/ndjson-spec>, and as batches' results come.
const LINES: [&str; 4] =
    ["application/x-ndjson", "application/jsonl", "application/x-jsonl", "application/x-jsonlines"];
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// LIMIT: 256 bytes for a forwarded header: ten times what the listed ones need, too short to carry a text.
const MAX_VALUE: usize = 256;

/// The headers of the request upstream. `consumed`: the caller's credential was one of ours and must not go on.
///
/// # Errors
/// `BadRequest` for a listed header whose value is not plain: dropping it could change what the call means.
pub fn upstream(
    from: &HeaderMap,
    table: &HeaderTable,
    has_body: bool,
    credential: Option<&Sensitive<String>>,
    consumed: bool,
) -> Result<HeaderMap, Refusal> {
    let mut to = HeaderMap::with_capacity(12);
    for (name, value) in from {
        if listed(table.request, name.as_str()) || listed(REQUEST, name.as_str()) {
            if !is_plain(value) {
                let detail = format!("header {name}: more than {MAX_VALUE} bytes, or not plain");
                return Err(Refusal::new(RefusalCode::BadRequest, detail));
            }
            to.append(name.clone(), value.clone());
        }
    }
    if let Some(agent) = from.get(USER_AGENT).filter(|value| is_plain(value)) {
        to.insert(USER_AGENT, agent.clone());
    }
    to.insert(ACCEPT, accept(from));
    // Nothing compressed can be inspected, and nothing inspected is worth the time of compressing.
    to.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if has_body {
        to.insert(CONTENT_TYPE, JSON);
    }
    match credential {
        Some(secret) => {
            let (name, value) = match table.credential {
                CredentialHeader::Bearer => (AUTHORIZATION, format!("Bearer {}", secret.expose())),
                CredentialHeader::Plain(name) => (HeaderName::from_static(name), secret.expose().clone()),
            };
            let mut value = HeaderValue::try_from(value).map_err(|_invalid| {
                Refusal::new(RefusalCode::Internal, "the upstream's credential is no header value")
            })?;
            value.set_sensitive(true);
            to.insert(name, value);
        }
        None if !consumed => {
            let plain = match table.credential {
                CredentialHeader::Plain(name) => Some(HeaderName::from_static(name)),
                CredentialHeader::Bearer => None,
            };
            for name in [Some(AUTHORIZATION), plain].into_iter().flatten() {
                if let Some(value) = from.get(&name) {
                    let mut value = value.clone();
                    value.set_sensitive(true);
                    to.insert(name, value);
                }
            }
        }
        None => {}
    }
    Ok(to)
}

/// What the caller can read, in our words: JSON, events, or both.
fn accept(from: &HeaderMap) -> HeaderValue {
    let wanted = from.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match (wanted.contains("text/event-stream"), wanted.contains("application/json")) {
        (true, false) => HeaderValue::from_static("text/event-stream"),
        (false, true) => JSON,
        _ => HeaderValue::from_static("application/json, text/event-stream"),
    }
}

/// How an upstream's response is read, or that it has no body. `media`: the types that the endpoint may answer with beside text.
///
/// # Errors
/// `UpstreamGarbage` (or `UpstreamFailed`, which may be retried, for a gateway's error page) for what cannot be inspected.
pub fn framing(
    status: StatusCode,
    headers: &HeaderMap,
    has_body: bool,
    media: &[&str],
) -> Result<Option<Framing>, Refusal> {
    let code = if status.is_server_error() { RefusalCode::UpstreamFailed } else { RefusalCode::UpstreamGarbage };
    if status.is_redirection() || status.is_informational() {
        return Err(Refusal::new(code, format!("status {}: redirects are not followed", status.as_u16())));
    }
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::new(code, "a compressed answer, though none was accepted"));
    }
    if !has_body {
        return Ok(None);
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(only)), None) = (types.next().map(HeaderValue::to_str), types.next()) else {
        return Err(Refusal::new(code, format!("status {}, without one content type", status.as_u16())));
    };
    let essence = only.split(';').next().unwrap_or_default().trim();
    if is_json(only) {
        Ok(Some(Framing::Whole))
    } else if essence.eq_ignore_ascii_case("text/event-stream") {
        Ok(Some(Framing::Sse))
    } else if LINES.iter().any(|name| essence.eq_ignore_ascii_case(name)) {
        Ok(Some(Framing::Lines))
    } else if status.is_success() && listed(media, &essence.to_ascii_lowercase()) {
        Ok(Some(Framing::Media))
    } else {
        Err(Refusal::new(code, format!("status {}, neither JSON nor an event stream", status.as_u16())))
    }
}

/// The response headers for the caller, without Sidewall's own.
#[must_use]
pub fn downstream(from: &HeaderMap, table: &HeaderTable, framing: Option<Framing>) -> HeaderMap {
    let mut to = HeaderMap::with_capacity(16);
    for (name, value) in from {
        if (listed(RESPONSE, name.as_str()) || listed(table.response, name.as_str())) && is_plain(value) {
            to.append(name.clone(), value.clone());
        }
    }
    match framing {
        Some(Framing::Lines) => {
            to.insert(CONTENT_TYPE, NDJSON);
        }
        Some(Framing::Media) => {
            if let Some(kind) = from.get(CONTENT_TYPE).filter(|kind| is_plain(kind)) {
                to.insert(CONTENT_TYPE, kind.clone());
            }
        }
        Some(Framing::Whole | Framing::Elements) => {
            to.insert(CONTENT_TYPE, JSON);
        }
        Some(Framing::Sse) => {
            to.insert(CONTENT_TYPE, EVENTS);
            to.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        None => {}
    }
    to.remove(CONTENT_LENGTH);
    to
}

/// Adds `x-sidewall-*`.
pub fn mark(to: &mut HeaderMap, exchange: &str, ruleset: &str, verdict: Option<&'static str>) {
    if let Ok(value) = HeaderValue::from_str(exchange) {
        to.insert(EXCHANGE, value);
    }
    if let Ok(value) = HeaderValue::from_str(ruleset)
        && !ruleset.is_empty()
    {
        to.insert(RULESET, value);
    }
    if let Some(word) = verdict {
        to.insert(VERDICT, HeaderValue::from_static(word));
    }
}

/// Identifiers, dates, lists of them: no text.
fn is_plain(value: &HeaderValue) -> bool {
    value.len() <= MAX_VALUE
        && value.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b" ._,;:/()+=-*".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::headers::header_table;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_listed_headers_go_upstream() {
        let from = map(&[
            ("host", "sidewall"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-tenant", "other"),
            ("x-stainless-os", "Linux"),
            ("user-agent", "Client/Python 1.0"),
            ("anthropic-version", "2023-06-01"),
            ("accept", "text/event-stream"),
            ("accept-encoding", "gzip, br"),
            ("x-api-key", "caller"),
            ("authorization", "Bearer caller"),
            ("connection", "keep-alive"),
        ]);
        let table = header_table("anthropic");
        let own = Sensitive::new("ours".to_owned());
        let to = upstream(&from, table, true, Some(&own), true).unwrap();
        let mut got: Vec<_> = to.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        got.sort_unstable();
        assert_eq!(
            got,
            [
                ("accept", "text/event-stream"),
                ("accept-encoding", "identity"),
                ("anthropic-version", "2023-06-01"),
                ("content-type", "application/json"),
                ("user-agent", "Client/Python 1.0"),
                ("x-api-key", "ours"),
            ]
        );
        // A virtual key never goes on; a provider's own key does, when there is none of ours.
        let to = upstream(&from, table, true, None, true).unwrap();
        assert!(!to.contains_key("x-api-key") && !to.contains_key("authorization"));
        let to = upstream(&from, table, true, None, false).unwrap();
        assert_eq!(to.get("x-api-key").unwrap(), "caller");
    }

    #[test]
    fn a_listed_header_that_carries_text_is_refused() {
        let from = map(&[("anthropic-beta", "jane@example.com")]);
        assert!(upstream(&from, header_table("anthropic"), true, None, false).is_err());
        let agent = map(&[("user-agent", "jane@example.com")]);
        assert!(!upstream(&agent, header_table("anthropic"), true, None, false).unwrap().contains_key("user-agent"));
    }

    #[test]
    fn what_a_response_may_be() {
        use RefusalCode::{UpstreamFailed, UpstreamGarbage};
        for (status, headers, body, expected) in [
            (200, vec![("content-type", "application/json")], true, Ok(Some(Framing::Whole))),
            (429, vec![("content-type", "application/json; charset=utf-8")], true, Ok(Some(Framing::Whole))),
            (200, vec![("content-type", "text/event-stream")], true, Ok(Some(Framing::Sse))),
            (200, vec![("content-type", "application/x-ndjson")], true, Ok(Some(Framing::Lines))),
            (200, vec![("content-type", "text/event-stream;charset=utf-8")], true, Ok(Some(Framing::Sse))),
            (200, vec![("content-type", "audio/mpeg")], true, Ok(Some(Framing::Media))),
            (500, vec![("content-type", "audio/mpeg")], true, Err(UpstreamFailed)),
            (200, vec![("content-type", "video/mp4")], true, Err(UpstreamGarbage)),
            (204, vec![], false, Ok(None)),
            (200, vec![], true, Err(UpstreamGarbage)),
            (200, vec![("content-type", "text/html")], true, Err(UpstreamGarbage)),
            (502, vec![("content-type", "text/html")], true, Err(UpstreamFailed)),
            (302, vec![("location", "/")], false, Err(UpstreamGarbage)),
            (200, vec![("content-type", "application/json"), ("content-encoding", "gzip")], true, Err(UpstreamGarbage)),
            (
                200,
                vec![("content-type", "application/json"), ("content-type", "text/event-stream")],
                true,
                Err(UpstreamGarbage),
            ),
        ] {
            let headers = map(&headers);
            let got = framing(StatusCode::from_u16(status).unwrap(), &headers, body, &["audio/*"])
                .map_err(|refusal| refusal.code);
            assert_eq!(got, expected, "{status} {headers:?}");
        }
    }

    #[test]
    fn only_listed_headers_come_back() {
        let from = map(&[
            ("set-cookie", "a=b"),
            ("server", "x"),
            ("x-request-id", "req_1"),
            ("openai-processing-ms", "12"),
            ("x-ratelimit-remaining-tokens", "5"),
            ("retry-after", "3"),
            ("content-length", "99"),
            ("content-type", "application/json; charset=x"),
            ("location", "http://127.0.0.1/"),
            ("connection", "close"),
            ("x-sidewall-verdict", "allow"),
        ]);
        let to = downstream(&from, header_table("openai"), Some(Framing::Whole));
        let mut names: Vec<_> = to.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["content-type", "openai-processing-ms", "retry-after", "x-ratelimit-remaining-tokens", "x-request-id"]
        );
        assert_eq!(to.get("content-type").unwrap(), "application/json");
    }
}
