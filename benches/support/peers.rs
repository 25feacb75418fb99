//! Both ends of a measured proxy, as cheap as they can be so that the proxy is what is measured: an upstream that
//! answers with prepared bytes and a caller that sends prepared bytes and looks for the end of the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What ends a body in chunks.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// A request that says this is answered by a stream, as fast as it can be written …
pub(crate) const STREAM_BODY: &[u8] = br#""stream":true"#;
/// … or, if it says this too, with a pause after each event.
pub(crate) const PACED: &[u8] = b"some-model-paced";

/// What the upstream says.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// A whole response, with its headers.
    pub(crate) whole: Vec<u8>,
    /// The head of a streamed response.
    pub(crate) head: Vec<u8>,
    /// Its events, each as one HTTP chunk.
    pub(crate) events: Vec<Vec<u8>>,
    /// Pause between events, where the request asks for it.
    pub(crate) pace: Duration,
}

impl Script {
    pub(crate) fn new(answer: &[u8], documents: &[String], pace: Duration) -> Self {
        let mut whole =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", answer.len())
                .into_bytes();
        whole.extend_from_slice(answer);
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let events = documents.iter().map(|document| {
            let event = format!("data: {document}\n\n");
            format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
        });
        Self { whole, head: head.to_vec(), events: events.collect(), pace }
    }
}

/// Starts the upstream on a thread of its own; it lives as long as the process.
pub(crate) fn upstream(script: Script) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).expect("a socket");
            let script = Arc::new(script);
            while let Ok((stream, _)) = listener.accept().await {
                let script = Arc::clone(&script);
                tokio::spawn(async move {
                    // A proxy that closes its connection is done with it.
                    let _ = answer(stream, &script).await;
                });
            }
        });
    });
    address
}

async fn answer(mut stream: TcpStream, script: &Script) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(128 << 10);
    loop {
        let length = loop {
            if let Some(length) = request_length(&buffer).filter(|length| buffer.len() >= *length) {
                break length;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let streamed = memchr::memmem::find(&buffer, STREAM_BODY).is_some();
        let paced = memchr::memmem::find(&buffer, PACED).is_some();
        buffer.drain(..length);
        if !streamed {
            stream.write_all(&script.whole).await?;
            continue;
        }
        stream.write_all(&script.head).await?;
        for event in &script.events {
            stream.write_all(event).await?;
            if paced {
                tokio::time::sleep(script.pace).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
        stream.write_all(LAST_CHUNK).await?;
    }
}

/// Length of the first message in `buffer`, if its head is whole: `Content-Length`, or chunks up to the last.
fn request_length(buffer: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(buffer, b"\r\n\r\n")? + 4;
    match content_length(buffer.get(..head)?) {
        Some(length) => Some(head + length),
        None => memchr::memmem::find(buffer.get(head..)?, LAST_CHUNK).map(|at| head + at + LAST_CHUNK.len()),
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}

/// A request, ready to be written.
pub(crate) fn post(body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: sidecar\r\ncontent-type: application/json\r\n\
         accept: application/json\r\nauthorization: Bearer some-key\r\nuser-agent: bench\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// What one answer took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    /// Seconds to the first byte of the body.
    pub(crate) first: f64,
    /// Seconds to the last byte.
    pub(crate) whole: f64,
}

/// Sends `request` over `connections` kept connections for `time` and returns what each answer took.
pub(crate) async fn load(proxy: SocketAddr, request: &[u8], connections: usize, time: Duration) -> Vec<Took> {
    let mut all = Vec::new();
    let callers = (0..connections).map(|_| call(proxy, Arc::from(request), time));
    let callers: Vec<_> = callers.map(tokio::spawn).collect();
    for caller in callers {
        all.extend(caller.await.expect("no caller fails"));
    }
    all
}

async fn call(proxy: SocketAddr, request: Arc<[u8]>, time: Duration) -> Vec<Took> {
    let mut stream = TcpStream::connect(proxy).await.expect("the proxy listens");
    stream.set_nodelay(true).expect("a socket");
    let begin = Instant::now();
    let mut all = Vec::new();
    let mut buffer = Vec::with_capacity(256 << 10);
    while begin.elapsed() < time {
        all.push(exchange(&mut stream, &request, &mut buffer).await);
    }
    all
}

/// One request and its whole answer, which is left in `buffer`.
pub(crate) async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Took {
    buffer.clear();
    let start = Instant::now();
    stream.write_all(request).await.expect("the proxy reads");
    let mut head = None;
    let mut first = None;
    loop {
        assert!(stream.read_buf(buffer).await.expect("the proxy answers") > 0, "the proxy closed: {}", shown(buffer));
        if head.is_none() {
            let Some(at) = memchr::memmem::find(buffer, b"\r\n\r\n") else { continue };
            assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", shown(buffer));
            let length = content_length(buffer.get(..at).unwrap_or_default());
            head = Some((at + 4, length));
        }
        let Some((body, length)) = head else { continue };
        if buffer.len() > body {
            first.get_or_insert_with(|| start.elapsed().as_secs_f64());
        }
        let over = match length {
            Some(length) => buffer.len() >= body + length,
            None => buffer.ends_with(LAST_CHUNK),
        };
        if over {
            let whole = start.elapsed().as_secs_f64();
            return Took { first: first.unwrap_or(whole), whole };
        }
    }
}

fn shown(buffer: &[u8]) -> String {
    String::from_utf8_lossy(buffer.get(..buffer.len().min(2_000)).unwrap_or_default()).into_owned()
}
