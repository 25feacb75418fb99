//! On the wire, byte by byte: whatever has come from the upstream, nothing of a call has gone to the caller before its verdict.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::{PATIENCE, Sidecar, Step, Upstream};
use crate::tools_calls::{Call, SPEECHES, Speech};

const GOOD: Call<'static> = ("refund", r#"{"order":"planted","amount":40.50}"#);
const BAD: Call<'static> = ("refund", r#"{"order":"planted","amount":"40"}"#);

/// What tells of the call: its arguments, its id, its name.
const PARTS: [&str; 5] = ["planted", "order", "amount", "toolu_", "call_0"];

fn request(speech: &Speech) -> String {
    let schema = json!({"type": "object", "properties": {"order": {"type": "string"}, "amount": {"type": "number"}}});
    let mut body = (speech.request)(&[("refund", schema)]);
    body["stream"] = json!(true);
    let body = body.to_string();
    let path = (speech.endpoint)().path;
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Reads until nothing more comes for a while.
async fn read_all_there_is(stream: &mut TcpStream, into: &mut Vec<u8>) {
    let mut buffer = [0; 4_096];
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut buffer)).await {
        into.extend_from_slice(&buffer[..count]);
    }
}

#[tokio::test]
async fn no_byte_of_a_call_leaves_before_its_verdict() {
    for speech in &SPEECHES {
        for (call, permitted) in [(GOOD, true), (BAD, false)] {
            let answer = (speech.stream)("Of course, I will ", &[call]);
            // The verdict comes with the event that ends the call; all before it is sent one byte at a time.
            let ends = [
                "\"delta\":{},\"finish_reason\":\"",
                "event: content_block_stop",
                "event: response.function_call_arguments.done",
            ];
            let verdict = ends.iter().filter_map(|end| answer.rfind(end)).max().expect("the end of the call");
            let (before, after) = answer.split_at(verdict);
            let gate = Arc::new(Notify::new());
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            let mut steps = vec![Step::Send(head.to_owned())];
            steps.extend(before.chars().map(|c| Step::Send(c.to_string())));
            steps.extend([Step::Gate(Arc::clone(&gate)), Step::Send(after.to_owned())]);
            let upstream = Upstream::start(steps).await;
            let sidecar = Sidecar::start(upstream.address, "", "", "").await;
            let mut stream = TcpStream::connect(sidecar.address).await.unwrap();
            stream.write_all(request(speech).as_bytes()).await.unwrap();
            let mut seen = Vec::new();
            // The text before the call has left: what comes behind it would have too.
            while !String::from_utf8_lossy(&seen).contains("Of course, I will ") {
                let mut buffer = [0; 4_096];
                let count = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("bytes").unwrap();
                assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
                seen.extend_from_slice(&buffer[..count]);
            }
            read_all_there_is(&mut stream, &mut seen).await;
            let shown = String::from_utf8_lossy(&seen).into_owned();
            for part in PARTS {
                assert!(!shown.contains(part), "{part} before the verdict: {shown}");
            }
            gate.notify_one();
            let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut seen)).await.expect("an end");
            end.unwrap();
            let shown = String::from_utf8_lossy(&seen).into_owned();
            assert_eq!(shown.contains("order"), permitted, "after the verdict: {shown}");
            assert_eq!(shown.contains("sidewall_tool_arguments"), !permitted, "{shown}");
        }
    }
}
