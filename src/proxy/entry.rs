//! What a request's line and headers must be before anything else is looked at.
//!
//! hyper reads some things generously (a missing `Host`, `Transfer-Encoding: gzip, chunked`, a length beside an encoding,
//! of which it keeps the encoding only). SECURITY: a proxy in front of us may read the same bytes differently, so what is
//! visible of such a thing is refused, and a connection that used a transfer encoding is not used again.

use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Version};

use crate::inspect::{Refusal, RefusalCode};

/// Whether a method carries a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// It may.
    Body,
    /// It must not.
    Nothing,
}

/// The methods that the providers' APIs use. Others (`CONNECT`, `TRACE`, `OPTIONS` …) are refused.
const METHODS: [(Method, Carries); 6] = [
    (Method::POST, Carries::Body),
    (Method::GET, Carries::Nothing),
    (Method::DELETE, Carries::Nothing),
    (Method::PUT, Carries::Body),
    (Method::PATCH, Carries::Body),
    (Method::HEAD, Carries::Nothing),
];

/// Checks the request's line and framing headers (RFC 9110, RFC 9112 section 6).
///
/// # Errors
/// `BadRequest`, naming what is wrong.
pub fn line(parts: &Parts) -> Result<Carries, Refusal> {
    let Some((_, carries)) = METHODS.iter().find(|(method, _)| *method == parts.method) else {
        return Err(bad("method not accepted; use GET, HEAD, POST, PUT, PATCH or DELETE"));
    };
    let old = parts.version <= Version::HTTP_11;
    if old && (parts.uri.scheme().is_some() || parts.uri.authority().is_some()) {
        return Err(bad("absolute-form request target; send a path"));
    }
    let headers = &parts.headers;
    match (count(headers, &HOST), parts.version) {
        (0, Version::HTTP_11) => return Err(bad("no Host header")),
        (2.., _) => return Err(bad("more than one Host header")),
        _ => {}
    }
    if headers.contains_key(UPGRADE) || tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
    {
        return Err(bad(
            "protocol upgrades (websockets of realtime APIs) are not accepted: what they carry cannot be inspected",
        ));
    }
    if headers.contains_key(TRAILER) {
        return Err(bad("trailers are not accepted"));
    }
    let mut encodings = tokens(headers, &TRANSFER_ENCODING);
    match (encodings.next(), encodings.next()) {
        (None, _) => {}
        (Some(only), None) if only.eq_ignore_ascii_case("chunked") => {}
        _ => return Err(bad("only the transfer encoding chunked, once, is accepted")),
    }
    match count(headers, &CONTENT_LENGTH) {
        0 => {}
        1 if !headers.contains_key(TRANSFER_ENCODING) => {}
        _ => return Err(bad("conflicting Content-Length")),
    }
    if tokens(headers, &EXPECT).any(|token| !token.eq_ignore_ascii_case("100-continue")) {
        return Err(bad("only the expectation 100-continue is accepted"));
    }
    Ok(*carries)
}

/// True if the connection must not be used again after this request.
#[must_use]
pub fn last_of_connection(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
}

/// Checks that a body, if one follows, is uncompressed JSON in UTF-8.
///
/// # Errors
/// `UnsupportedMedia`; `BadRequest` for a body where none belongs.
pub fn content(headers: &HeaderMap, carries: Carries, has_body: bool) -> Result<(), Refusal> {
    if tokens(headers, &CONTENT_ENCODING).any(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(unsupported("send the body without Content-Encoding"));
    }
    if !has_body {
        return Ok(());
    }
    if carries == Carries::Nothing {
        return Err(bad("this method carries no body"));
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next().map(http::HeaderValue::to_str), types.next()) {
        (Some(Ok(value)), None) if is_json(value) => Ok(()),
        _ => Err(unsupported("send one Content-Type: application/json, charset utf-8 or none")),
    }
}

/// True for `application/json` with no parameter but `charset=utf-8` (RFC 9110 section 8.3.1; RFC 8259 section 8.1).
#[must_use]
pub fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

fn count(headers: &HeaderMap, name: &HeaderName) -> usize {
    headers.get_all(name).iter().count()
}

/// The comma-separated members of a header; a value that is not visible ASCII counts as one strange member.
fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|value| value.to_str().unwrap_or("(unprintable)").split(',').map(str::trim))
}

fn bad(detail: &'static str) -> Refusal {
    Refusal::new(RefusalCode::BadRequest, detail)
}

fn unsupported(detail: &'static str) -> Refusal {
    Refusal::new(RefusalCode::UnsupportedMedia, detail)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut builder = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn lines() {
        let host = ("host", "sidewall.example.com");
        for (name, method, target, headers, ok) in [
            ("plain", "POST", "/v1/x", vec![host], true),
            ("chunked", "POST", "/v1/x", vec![host, ("transfer-encoding", "chunked")], true),
            ("length", "POST", "/v1/x", vec![host, ("content-length", "3")], true),
            ("continue", "POST", "/v1/x", vec![host, ("expect", "100-continue")], true),
            ("no host", "POST", "/v1/x", vec![], false),
            ("two hosts", "POST", "/v1/x", vec![host, host], false),
            ("absolute", "POST", "http://127.0.0.1/v1/x", vec![host], false),
            ("connect", "CONNECT", "127.0.0.1:80", vec![host], false),
            ("options", "OPTIONS", "/v1/x", vec![host], false),
            ("trace", "TRACE", "/v1/x", vec![host], false),
            ("upgrade", "GET", "/v1/x", vec![host, ("upgrade", "websocket")], false),
            ("connection upgrade", "GET", "/v1/x", vec![host, ("connection", "keep-alive, Upgrade")], false),
            ("gzip, chunked", "POST", "/v1/x", vec![host, ("transfer-encoding", "gzip, chunked")], false),
            ("chunked twice", "POST", "/v1/x", vec![host, ("transfer-encoding", "chunked, chunked")], false),
            (",chunked", "POST", "/v1/x", vec![host, ("transfer-encoding", ",chunked")], false),
            (
                "two lines of it",
                "POST",
                "/v1/x",
                vec![host, ("transfer-encoding", "chunked"), ("transfer-encoding", "identity")],
                false,
            ),
            (
                "length and encoding",
                "POST",
                "/v1/x",
                vec![host, ("content-length", "3"), ("transfer-encoding", "chunked")],
                false,
            ),
            ("two lengths", "POST", "/v1/x", vec![host, ("content-length", "3"), ("content-length", "4")], false),
            ("trailer", "POST", "/v1/x", vec![host, ("trailer", "x-a")], false),
            ("expectation", "POST", "/v1/x", vec![host, ("expect", "magic")], false),
        ] {
            assert_eq!(line(&parts(method, target, &headers)).is_ok(), ok, "{name}");
        }
    }

    #[test]
    fn contents() {
        for (content_type, ok) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=utf-16", false),
            ("application/json; profile=x", false),
            ("application/json;", false),
            ("text/plain", false),
            ("multipart/form-data; boundary=x", false),
            ("application/jsonx", false),
            ("", false),
        ] {
            let headers = parts("POST", "/", &[("content-type", content_type)]).headers;
            assert_eq!(content(&headers, Carries::Body, true).is_ok(), ok, "{content_type}");
        }
        let none = HeaderMap::new();
        assert!(content(&none, Carries::Body, true).is_err());
        assert!(content(&none, Carries::Body, false).is_ok());
        assert!(content(&none, Carries::Nothing, false).is_ok());
        let json = parts("GET", "/", &[("content-type", "application/json")]).headers;
        assert!(content(&json, Carries::Nothing, true).is_err());
        let zipped = parts("POST", "/", &[("content-type", "application/json"), ("content-encoding", "br")]).headers;
        assert!(content(&zipped, Carries::Body, true).is_err());
    }
}
