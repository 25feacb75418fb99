//! An app on free ports, an upstream that does as it is told byte by byte, and a ledger that can be asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sidewall::app::{App, RunningApp, StartOptions};
use sidewall::config::{Config, Listen};
use sidewall::inspect::ToolCallNote;
use sidewall::proxy::ledger::{Entry, Ledger, LedgerDown, Outcome, Receipt, Stage};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// No step of a test takes longer, however slow the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the upstream does after it has read a request.
#[derive(Clone)]
pub(crate) enum Step {
    /// Sends these bytes.
    Send(String),
    /// Waits until the test says so.
    Gate(Arc<Notify>),
    /// Waits until the other side has left, and tells the test.
    UntilLeft,
}

/// A scripted upstream: one request a connection, then the connection is closed.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    pub(crate) left: Arc<Notify>,
}

impl Upstream {
    pub(crate) async fn start(steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, left) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let (log, gone) = (Arc::clone(&seen), Arc::clone(&left));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (steps, log, gone) = (steps.clone(), Arc::clone(&log), Arc::clone(&gone));
                tokio::spawn(async move {
                    let request = read_request(&mut stream).await;
                    log.lock().unwrap().push(request);
                    for step in steps {
                        match step {
                            Step::Send(text) => stream.write_all(text.as_bytes()).await.unwrap_or_default(),
                            Step::Gate(gate) => gate.notified().await,
                            Step::UntilLeft => {
                                let mut rest = [0; 1];
                                let _ = stream.read(&mut rest).await;
                                gone.notify_one();
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen, left }
    }

    /// The requests so far, headers and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// A response with a JSON body.
pub(crate) fn json_response(status: &str, body: &str) -> Step {
    Step::Send(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

/// The head of a response whose body is a stream of events.
pub(crate) fn stream_head() -> Step {
    Step::Send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_owned())
}

/// One chunk of a stream.
pub(crate) fn chunk(text: &str) -> Step {
    Step::Send(format!("{:x}\r\n{text}\r\n", text.len()))
}

/// The end of a stream.
pub(crate) fn last_chunk() -> Step {
    Step::Send("0\r\n\r\n".to_owned())
}

/// A record as the tests look at it.
pub(crate) type Noted = (Stage, Outcome, u16, String);

/// Remembers records in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    records: Mutex<Vec<Noted>>,
    tenants: Mutex<Vec<String>>,
    tool_calls: Mutex<Vec<(String, ToolCallNote)>>,
    changed: Notify,
}

impl Ledger for Memory {
    fn submit(&self, entry: Entry<'_>) -> Result<Receipt, LedgerDown> {
        let exchange = entry.facts.id.as_str().to_owned();
        self.tenants.lock().unwrap().push(entry.facts.principal.tenant.to_string());
        self.records.lock().unwrap().push((entry.stage, entry.outcome, entry.status.unwrap_or(0), exchange));
        let reports = [&entry.request, &entry.response];
        let calls = reports.into_iter().flatten().flat_map(|report| report.tool_calls.iter().cloned());
        let by = entry.facts.principal.name.to_string();
        self.tool_calls.lock().unwrap().extend(calls.map(|call| (by.clone(), call)));
        self.changed.notify_waiters();
        Ok(Receipt::new(std::future::ready(Ok(()))))
    }
}

impl Memory {
    /// Waits for the first completion.
    pub(crate) async fn completion(&self) -> Noted {
        tokio::time::timeout(PATIENCE, async {
            loop {
                let changed = self.changed.notified();
                let found = self.records.lock().unwrap().iter().find(|noted| noted.0 == Stage::Completion).cloned();
                match found {
                    Some(noted) => return noted,
                    None => changed.await,
                }
            }
        })
        .await
        .expect("a completion record")
    }

    /// The tenants of all records.
    pub(crate) fn tenants(&self) -> Vec<String> {
        self.tenants.lock().unwrap().clone()
    }

    /// Who, and what became of a tool call, in order.
    pub(crate) fn tool_calls(&self) -> Vec<(String, ToolCallNote)> {
        self.tool_calls.lock().unwrap().clone()
    }

    pub(crate) fn records(&self) -> Vec<Noted> {
        self.records.lock().unwrap().clone()
    }
}

const RULES: &str = r#"
[[rule]]
id = "aws-access-key"
kind = "secret.aws_access_key"
confidence = 90
keywords = ["AKIA"]
regex = '''\bAKIA[A-Z2-7]{16}\b'''
doc = "The id of an AWS access key."
references = ["https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"]
matches = ["AKIAIOSFODNN7EXAMPLE"]
ignores = ["AKIA"]
"#;

/// A sidecar before an upstream.
pub(crate) struct Sidecar {
    pub(crate) app: RunningApp,
    pub(crate) ledger: Arc<Memory>,
    pub(crate) dir: TempDir,
    pub(crate) address: SocketAddr,
}

impl Sidecar {
    /// Starts with `[server]` keys and other sections added to a small configuration.
    pub(crate) async fn start(upstream: SocketAddr, server: &str, upstream_keys: &str, more: &str) -> Self {
        let ledger = Arc::new(Memory::default());
        Self::start_with(upstream, server, upstream_keys, more, Arc::clone(&ledger) as Arc<dyn Ledger>, ledger).await
    }

    pub(crate) async fn start_with(
        upstream: SocketAddr,
        server: &str,
        upstream_keys: &str,
        more: &str,
        used: Arc<dyn Ledger>,
        ledger: Arc<Memory>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().display();
        // One rule with a fixed start: what a stream holds back for the shipped rules is tested where they are.
        std::fs::write(dir.path().join("rules.toml"), RULES).unwrap();
        let identity = if more.contains("[identity") {
            ""
        } else {
            "[identity]\nstatic = { tenant = \"acme\", principal = \"app\" }\n"
        };
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:0\", \"unix:{path}/calls.sock\"]\nadmin = \"unix:{path}/admin.sock\"\n{server}\n\
             [[upstream]]\nname = \"main\"\ndialects = [\"openai\", \"anthropic\", \"generic\"]\nurl = \"http://{upstream}\"\n{upstream_keys}\n\
             [rulesets]\npaths = [\"{path}/rules.toml\"]\n{identity}[audit]\nenabled = false\n{more}\n"
        );
        let config = Config::from_toml(&text, dir.path()).unwrap_or_else(|errors| panic!("{errors}"));
        let app = App::start(config, StartOptions { ca: None, ledger: Some(used) }).await.unwrap();
        let address = app
            .addresses()
            .iter()
            .find_map(|listen| match listen {
                Listen::Tcp(address) => Some(*address),
                Listen::Unix(_) => None,
            })
            .unwrap();
        Self { app, ledger, dir, address }
    }

    /// Before an upstream with this script.
    pub(crate) async fn before(steps: Vec<Step>) -> (Self, Upstream) {
        let upstream = Upstream::start(steps).await;
        (Self::start(upstream.address, "", "", "").await, upstream)
    }

    /// A chat call.
    pub(crate) fn chat(&self, body: &str) -> Request<Full<Bytes>> {
        Request::post(format!("http://{}/v1/chat/completions", self.address))
            .header("content-type", "application/json")
            .header("authorization", "Bearer caller-key")
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
            .unwrap()
    }

    /// Sends bytes as they are and reads until the other side closes.
    pub(crate) async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("an end");
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// A caller.
pub(crate) fn client(h2: bool) -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).http2_only(h2).build_http()
}

/// Sends a request with patience.
pub(crate) async fn send(request: Request<Full<Bytes>>) -> Response<Incoming> {
    tokio::time::timeout(PATIENCE, client(false).request(request)).await.expect("an answer in time").unwrap()
}

/// A body to its end.
pub(crate) async fn text(response: Response<Incoming>) -> String {
    let body = tokio::time::timeout(PATIENCE, response.into_body().collect()).await.expect("an end").unwrap();
    String::from_utf8_lossy(&body.to_bytes()).into_owned()
}

/// A GET over a Unix socket: head and body.
pub(crate) async fn unix_get(path: &std::path::Path, target: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::UnixStream::connect(path).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: sidewall\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("an end").unwrap();
    text
}
