//! Requests that must not get through: framing, media, size, identity.

use http_body_util::Full;

use crate::support::{Sidecar, json_response, send, text};

const ASK: &str = r#"{"model":"m","messages":[]}"#;

/// Bytes as they stand on the wire → the status they must get. None of them may reach the upstream.
#[tokio::test]
async fn header_smuggling_and_bad_requests() {
    let (sidecar, upstream) = Sidecar::before(vec![json_response("200 OK", "{}")]).await;
    let json = "content-type: application/json";
    let post = |headers: &str, body: &str| {
        format!("POST /v1/chat/completions HTTP/1.1\r\n{headers}\r\nconnection: close\r\n\r\n{body}")
    };
    let host = "host: sidewall";
    for (name, request, status) in [
        ("no host", post(&format!("{json}\r\ncontent-length: 2"), "{}"), 400),
        ("two hosts", post(&format!("{host}\r\n{host}\r\n{json}\r\ncontent-length: 2"), "{}"), 400),
        (
            "conflicting lengths",
            post(&format!("{host}\r\n{json}\r\ncontent-length: 2\r\ncontent-length: 3"), "{} "),
            400,
        ),
        ("length of another kind", post(&format!("{host}\r\n{json}\r\ncontent-length: +2"), "{}"), 400),
        (
            "gzip, chunked",
            post(&format!("{host}\r\n{json}\r\ntransfer-encoding: gzip, chunked"), "2\r\n{}\r\n0\r\n\r\n"),
            400,
        ),
        (
            "identity, chunked",
            post(&format!("{host}\r\n{json}\r\ntransfer-encoding: identity, chunked"), "2\r\n{}\r\n0\r\n\r\n"),
            400,
        ),
        (
            "chunked, identity",
            post(&format!("{host}\r\n{json}\r\ntransfer-encoding: chunked, identity"), "2\r\n{}\r\n0\r\n\r\n"),
            400,
        ),
        (
            "bad chunk size",
            post(&format!("{host}\r\n{json}\r\ntransfer-encoding: chunked"), "zz\r\n{}\r\n0\r\n\r\n"),
            400,
        ),
        (
            "trailers announced",
            post(
                &format!("{host}\r\n{json}\r\ntransfer-encoding: chunked\r\ntrailer: x-a"),
                "2\r\n{}\r\n0\r\nx-a: b\r\n\r\n",
            ),
            400,
        ),
        (
            "trailers",
            post(&format!("{host}\r\n{json}\r\ntransfer-encoding: chunked"), "2\r\n{}\r\n0\r\nx-a: b\r\n\r\n"),
            400,
        ),
        (
            "absolute form",
            format!("GET http://sidewall/v1/models HTTP/1.1\r\n{host}\r\nconnection: close\r\n\r\n"),
            400,
        ),
        ("connect", format!("CONNECT sidewall:80 HTTP/1.1\r\n{host}\r\nconnection: close\r\n\r\n"), 400),
        (
            "upgrade",
            format!("GET /v1/models HTTP/1.1\r\n{host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"),
            400,
        ),
        ("trace", format!("TRACE /v1/models HTTP/1.1\r\n{host}\r\nconnection: close\r\n\r\n"), 400),
        (
            "body in a GET",
            format!(
                "GET /v1/models HTTP/1.1\r\n{host}\r\n{json}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
            ),
            400,
        ),
        ("dot segments", format!("GET /v1/../models HTTP/1.1\r\n{host}\r\nconnection: close\r\n\r\n"), 400),
        ("encoded path", format!("GET /v1/%2e%2e/models HTTP/1.1\r\n{host}\r\nconnection: close\r\n\r\n"), 400),
        ("unknown upstream", format!("GET /u/nobody/v1/models HTTP/1.1\r\n{host}\r\nconnection: close\r\n\r\n"), 404),
        ("not JSON", post(&format!("{host}\r\ncontent-type: text/plain\r\ncontent-length: 2"), "{}"), 415),
        ("no type", post(&format!("{host}\r\ncontent-length: 2"), "{}"), 415),
        ("compressed", post(&format!("{host}\r\n{json}\r\ncontent-encoding: gzip\r\ncontent-length: 2"), "{}"), 415),
        ("UTF-16", post(&format!("{host}\r\n{json}; charset=utf-16\r\ncontent-length: 2"), "{}"), 415),
    ] {
        let answer = sidecar.raw(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {answer}");
    }
    assert_eq!(upstream.requests(), Vec::<String>::new());
}

/// hyper keeps the encoding and drops the length, so what is left is made harmless: the bytes behind the last chunk,
/// a second request to whoever believed the length, are never read.
#[tokio::test]
async fn a_connection_that_used_an_encoding_is_not_used_again() {
    let (sidecar, upstream) = Sidecar::before(vec![json_response("200 OK", "{}")]).await;
    let hidden = "GET /v1/hidden HTTP/1.1\r\nhost: sidewall\r\n\r\n";
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: sidewall\r\ncontent-type: application/json\r\n\
         content-length: 30\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{ASK}\r\n0\r\n\r\n{hidden}",
        ASK.len()
    );
    let answer = sidecar.raw(&request).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert!(upstream.requests().iter().all(|request| !request.contains("hidden")));
}

#[tokio::test]
async fn too_large_is_told_without_reading() {
    let (sidecar, upstream) = {
        let upstream = crate::support::Upstream::start(vec![json_response("200 OK", "{}")]).await;
        (Sidecar::start(upstream.address, "max_body_bytes = \"1KiB\"", "", "").await, upstream)
    };
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: sidewall\r\ncontent-type: application/json\r\n";
    let announced = sidecar.raw(&format!("{head}content-length: 99999999\r\n\r\n")).await;
    assert!(announced.starts_with("HTTP/1.1 413 "), "{announced}");
    let piece = "x".repeat(2048);
    let chunked = sidecar.raw(&format!("{head}transfer-encoding: chunked\r\n\r\n800\r\n{piece}\r\n0\r\n\r\n")).await;
    assert!(chunked.starts_with("HTTP/1.1 413 "), "{chunked}");
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn strangers_are_refused_and_virtual_keys_stay_here() {
    let upstream = crate::support::Upstream::start(vec![json_response("200 OK", "{}")]).await;
    // SHA-256 of "abc" (FIPS 180-2, appendix B.1).
    let keys = "[[identity.virtual_key]]\nsha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n\
                tenant = \"acme\"\nprincipal = \"app\"\n";
    let sidecar = Sidecar::start(upstream.address, "", "", keys).await;
    let response = send(sidecar.chat(ASK)).await;
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["x-should-retry"], "false");
    let mut request = sidecar.chat(ASK);
    request.headers_mut().insert("authorization", "Bearer abc".parse().unwrap());
    assert_eq!(send(request).await.status(), 200);
    let seen = upstream.requests();
    assert_eq!(seen.len(), 1);
    assert!(!seen[0].contains("abc") && !seen[0].contains("authorization"), "{}", seen[0]);
}

#[tokio::test]
async fn too_much_at_once_is_told_at_once() {
    let upstream = crate::support::Upstream::start(vec![crate::support::Step::UntilLeft]).await;
    let sidecar = Sidecar::start(upstream.address, "max_concurrency = 1", "", "").await;
    let first = tokio::spawn(send(sidecar.chat(ASK)));
    while upstream.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let second = send(sidecar.chat(ASK)).await;
    assert_eq!((second.status().as_u16(), second.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    first.abort();
}

#[tokio::test]
async fn bodiless_calls_pass_and_queries_go_on_as_they_are() {
    let (sidecar, upstream) = Sidecar::before(vec![json_response("200 OK", r#"{"data":[]}"#)]).await;
    let get =
        |target: &str| http::Request::get(format!("http://{}{target}", sidecar.address)).body(Full::default()).unwrap();
    let response = send(get("/u/main/v1/models?limit=20&include%5B%5D=a")).await;
    assert_eq!(text(response).await, r#"{"data":[]}"#);
    assert!(upstream.requests()[0].starts_with("GET /v1/models?limit=20&include%5B%5D=a HTTP/1.1\r\n"));
    assert_eq!(send(get("/v1/models?q=jane%40example.com")).await.status(), 400);
}
