//! Whole exchanges through a running app: bodies, streams, what goes wrong on each side, and the end.

use std::sync::Arc;

use http_body_util::BodyExt;
use sidewall::proxy::ledger::{Outcome, Stage};
use tokio::sync::Notify;

use crate::support::{
    PATIENCE, Sidecar, Step, Upstream, chunk, client, json_response, last_chunk, send, stream_head, text, unix_get,
};

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
const ANSWER: &str = r#"{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;

fn event(content: &str) -> String {
    format!(
        "data: {{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}}}}]}}\n\n"
    )
}

#[tokio::test]
async fn a_body_goes_there_and_back() {
    let (sidecar, upstream) = Sidecar::before(vec![json_response("200 OK", ANSWER)]).await;
    let response = send(sidecar.chat(ASK)).await;
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    assert_eq!(headers["x-sidewall-verdict"], "allow");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(text(response).await, ANSWER);
    let requests = upstream.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert_eq!(body, ASK);
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("accept-encoding: identity") && head.contains("authorization: Bearer caller-key"), "{head}");
    let records = sidecar.ledger.records();
    let id = headers["x-sidewall-exchange"].to_str().unwrap();
    let expected = [(Stage::Admission, Outcome::Open, 0), (Stage::Completion, Outcome::Completed, 200)];
    for (record, (stage, outcome, status)) in records.iter().zip(expected) {
        assert_eq!(*record, (stage, outcome, status, id.to_owned()));
    }
    assert_eq!(records.len(), 2);
}

#[tokio::test]
async fn a_stream_flows_event_by_event_and_is_recorded_before_its_end() {
    let gate = Arc::new(Notify::new());
    let (first, second) = (event("one "), event("two "));
    let (sidecar, _upstream) = Sidecar::before(vec![
        stream_head(),
        chunk(&first),
        Step::Gate(Arc::clone(&gate)),
        chunk(&second),
        chunk("data: [DONE]\n\n"),
        last_chunk(),
    ])
    .await;
    let response = send(sidecar.chat(ASK)).await;
    assert!(!response.headers().contains_key("x-sidewall-verdict"));
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    let mut body = response.into_body();
    let mut got = String::new();
    while got.len() < first.len() {
        let frame = tokio::time::timeout(PATIENCE, body.frame()).await.expect("flows before the end").unwrap().unwrap();
        got.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    assert_eq!(got, first);
    gate.notify_one();
    while let Some(frame) = body.frame().await {
        let frame = frame.unwrap();
        got.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        if got.contains("[DONE]") {
            assert!(sidecar.ledger.records().iter().any(|record| record.0 == Stage::Completion));
        }
    }
    assert_eq!(got, format!("{first}{second}data: [DONE]\n\n"));
    assert_eq!(sidecar.ledger.completion().await.1, Outcome::Completed);
}

#[tokio::test]
async fn a_caller_who_leaves_cancels_the_upstream_and_is_recorded() {
    let (sidecar, upstream) = Sidecar::before(vec![stream_head(), chunk(&event("one ")), Step::UntilLeft]).await;
    let mut response = send(sidecar.chat(ASK)).await;
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    tokio::time::timeout(PATIENCE, upstream.left.notified()).await.expect("the upstream sees it");
    assert_eq!(sidecar.ledger.completion().await.1, Outcome::Aborted);
}

#[tokio::test]
async fn the_drain_finishes_a_live_stream() {
    let gate = Arc::new(Notify::new());
    let steps =
        vec![stream_head(), chunk(&event("one ")), Step::Gate(Arc::clone(&gate)), chunk(&event("two ")), last_chunk()];
    let (sidecar, _upstream) = Sidecar::before(steps).await;
    let mut response = send(sidecar.chat(ASK)).await;
    response.body_mut().frame().await.unwrap().unwrap();
    sidecar.app.shutdown();
    let address = sidecar.address;
    let admin = sidecar.dir.path().join("admin.sock");
    assert!(unix_get(&admin, "/readyz").await.starts_with("HTTP/1.1 503"));
    assert!(unix_get(&admin, "/healthz").await.starts_with("HTTP/1.1 200"));
    let joined = tokio::spawn(sidecar.app.join());
    gate.notify_one();
    assert!(text(response).await.contains("two "));
    assert!(tokio::time::timeout(PATIENCE, joined).await.expect("an end").unwrap(), "drained");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(sidecar.ledger.completion().await.1, Outcome::Completed);
}

/// What each misdeed of an upstream becomes.
#[tokio::test]
async fn bad_upstreams() {
    let head = "HTTP/1.1 200 OK\r\n";
    let send_raw = |text: String| vec![Step::Send(text)];
    for (name, steps, status, outcome) in [
        ("closes at once", vec![], 502, Outcome::Failed),
        ("not HTTP", send_raw("hello\r\n\r\n".to_owned()), 502, Outcome::Failed),
        (
            "HTML",
            send_raw(format!("{head}content-type: text/html\r\ncontent-length: 2\r\n\r\nhi")),
            502,
            Outcome::Refused,
        ),
        (
            "gateway's HTML error",
            send_raw("HTTP/1.1 503 Busy\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi".to_owned()),
            502,
            Outcome::Failed,
        ),
        ("no type", send_raw(format!("{head}content-length: 2\r\n\r\n{{}}")), 502, Outcome::Refused),
        (
            "compressed",
            send_raw(format!(
                "{head}content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{{}}"
            )),
            502,
            Outcome::Refused,
        ),
        (
            "redirect",
            send_raw("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n".to_owned()),
            502,
            Outcome::Refused,
        ),
        (
            "cut in the body",
            send_raw(format!("{head}content-type: application/json\r\ncontent-length: 99\r\n\r\n{{\"a\":")),
            502,
            Outcome::Failed,
        ),
    ] {
        let (sidecar, _upstream) = Sidecar::before(steps).await;
        let response = send(sidecar.chat(ASK)).await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(sidecar.ledger.completion().await.1, outcome, "{name}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_or_slow() {
    // Bound, so that nobody else gets the port; not listening, so that a call is turned away.
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let sidecar = Sidecar::start(bound.local_addr().unwrap(), "", "", "").await;
    assert_eq!(send(sidecar.chat(ASK)).await.status(), 502);
    let upstream = Upstream::start(vec![Step::UntilLeft]).await;
    let sidecar = Sidecar::start(upstream.address, "", "response_timeout = \"100ms\"", "").await;
    let response = send(sidecar.chat(ASK)).await;
    assert_eq!(response.status(), 504);
    assert_eq!(response.headers()["retry-after"], "1");
}

#[tokio::test]
async fn an_upstreams_error_is_passed_on() {
    let body = r#"{"error":{"message":"slow down","type":"rate_limit","code":null}}"#;
    let (sidecar, _upstream) = Sidecar::before(vec![json_response("429 Too Many Requests", body)]).await;
    let response = send(sidecar.chat(ASK)).await;
    assert_eq!(response.status(), 429);
    assert_eq!(text(response).await, body);
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_cleanly_and_is_recorded() {
    let cut = Step::Send("40\r\ndata: {\"id\":\"x\",\"choi".to_owned());
    let (sidecar, _upstream) = Sidecar::before(vec![stream_head(), chunk(&event("one ")), cut]).await;
    let response = send(sidecar.chat(ASK)).await;
    assert_eq!(response.status(), 200);
    text(response).await;
    assert_eq!(sidecar.ledger.completion().await.1, Outcome::Failed);
}

#[tokio::test]
async fn http2_and_unix_sockets() {
    let (sidecar, _upstream) = Sidecar::before(vec![json_response("200 OK", ANSWER)]).await;
    let response = tokio::time::timeout(PATIENCE, client(true).request(sidecar.chat(ASK))).await.unwrap().unwrap();
    assert_eq!((response.version(), response.status().as_u16()), (http::Version::HTTP_2, 200));
    assert_eq!(text(response).await, ANSWER);
    let answer = unix_get(&sidecar.dir.path().join("calls.sock"), "/v1/models").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(ANSWER), "{answer}");
}
