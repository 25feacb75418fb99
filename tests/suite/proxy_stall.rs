//! Callers that take nothing of a long answer are cut, and their exchanges recorded as aborted.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sidewall::proxy::ledger::{Outcome, Stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::support::{PATIENCE, Sidecar, Step, Upstream, chunk, last_chunk, stream_head};

const ASK: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"go"}]}"#;

/// More than all buffers on the way hold.
async fn endless() -> Upstream {
    let words = "many words ".repeat(6_000);
    let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{words}\"}}}}]}}\n\n");
    let mut steps = vec![stream_head()];
    steps.extend((0..300).map(|_| chunk(&event)));
    steps.extend([chunk("data: [DONE]\n\n"), last_chunk(), Step::UntilLeft]);
    Upstream::start(steps).await
}

#[tokio::test]
async fn a_caller_that_takes_nothing_is_cut() {
    let upstream = endless().await;
    let sidecar = Sidecar::start(upstream.address, "write_timeout = \"600ms\"", "", "").await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(sidecar.address).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ASK}",
        ASK.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (stage, outcome, status, _) = sidecar.ledger.completion().await;
    assert_eq!((stage, outcome, status), (Stage::Completion, Outcome::Aborted, 200));
    let mut rest = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("an end");
    let text = String::from_utf8_lossy(&rest);
    assert!(read.is_err() || !text.contains("[DONE]"), "the answer does not look complete");
}

#[tokio::test]
async fn a_stream_that_takes_nothing_is_cut_though_its_connection_lives() {
    let upstream = endless().await;
    let sidecar = Sidecar::start(upstream.address, "write_timeout = \"600ms\"", "", "").await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .http2_initial_stream_window_size(64 << 10)
        .build_http::<Full<Bytes>>();
    let response = client.request(sidecar.chat(ASK)).await.unwrap();
    // The client's task answers pings and takes bytes off the socket; only this stream is not read.
    assert_eq!(sidecar.ledger.completion().await.1, Outcome::Aborted);
    let rest = tokio::time::timeout(PATIENCE, response.into_body().collect()).await.expect("an end");
    assert!(rest.is_err(), "the stream does not look complete");
}

#[tokio::test]
async fn a_caller_that_is_slow_is_served_to_the_end() {
    let upstream = endless().await;
    let sidecar = Sidecar::start(upstream.address, "write_timeout = \"600ms\"", "", "").await;
    let mut stream = tokio::net::TcpStream::connect(sidecar.address).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{ASK}",
        ASK.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut buffer, mut tail) = (vec![0; 1 << 20], Vec::new());
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("bytes").unwrap();
        if count == 0 {
            break;
        }
        tail.extend_from_slice(&buffer[..count]);
        tail.drain(..tail.len().saturating_sub(200));
    }
    assert!(String::from_utf8_lossy(&tail).contains("[DONE]"));
    assert_eq!(sidecar.ledger.completion().await.1, Outcome::Completed);
}
