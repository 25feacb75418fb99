//! Asking a running sidecar something, over its admin listener.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Method, Request};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::cli::Failure;
use crate::config::{Config, Listen};
use crate::secret::Sensitive;

/// How long a sidecar may take to answer: it does nothing but write down what it knows, or one record.
const PATIENCE: Duration = Duration::from_secs(10);
/// LIMIT: 16 MiB of answer: thousands of rules with all their counts.
const MAX_ANSWER: usize = 16 << 20;

/// Which sidecar.
#[derive(Debug, Args)]
pub(super) struct Sidecar {
    /// The sidecar's admin address (HOST:PORT or unix:/path), instead of the configuration's.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
    /// The sidecar's configuration.
    #[arg(long, default_value = "sidewall.toml")]
    config: PathBuf,
}

/// What is asked.
struct Question<'q> {
    method: Method,
    path: &'q str,
    /// The credential of who asks, where the sidecar wants to know.
    key: Option<&'q Sensitive<String>>,
}

impl Sidecar {
    /// What it says of its rules: `/rulesets` as JSON.
    pub(super) fn rulesets(&self) -> Result<Value, Failure> {
        self.get("/rulesets")
    }

    /// What stands at `path`, which anybody who reaches the listener may read.
    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        let (status, answer) = self.ask(&Question { method: Method::GET, path, key: None })?;
        if status == 200 { Ok(answer) } else { Err(Failure::new(format!("the sidecar answers {status} to {path}"))) }
    }

    /// Status and answer to somebody with this key.
    pub(super) fn ask_as(&self, key: &Sensitive<String>, method: Method, path: &str) -> Result<(u16, Value), Failure> {
        self.ask(&Question { method, path, key: Some(key) })
    }

    fn ask(&self, question: &Question<'_>) -> Result<(u16, Value), Failure> {
        let address = match &self.admin {
            Some(address) => match address.strip_prefix("unix:") {
                Some(path) => Listen::Unix(path.into()),
                None => Listen::Tcp(address.parse().map_err(|_| {
                    Failure::new("--admin takes HOST:PORT with a numeric host, or unix:/path".to_owned())
                })?),
            },
            None => Config::from_file(&self.config).map_err(|errors| Failure::from_error(&errors))?.server.admin,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::from_error(&error))?;
        let asked = runtime.block_on(async { timeout(PATIENCE, connect(&address, question)).await });
        let answer = asked.unwrap_or_else(|_elapsed| Err("no answer in time".to_owned()));
        answer.map_err(|problem| {
            Failure::new(format!("the sidecar's admin listener at {address}: {problem}; is it running?"))
        })
    }
}

async fn connect(address: &Listen, question: &Question<'_>) -> Result<(u16, Value), String> {
    let text = |error: std::io::Error| error.to_string();
    match address {
        Listen::Tcp(address) => ask(TcpStream::connect(address).await.map_err(text)?, question).await,
        Listen::Unix(path) => ask(UnixStream::connect(path).await.map_err(text)?, question).await,
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    question: &Question<'_>,
) -> Result<(u16, Value), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| text(&error))?;
    tokio::spawn(connection);
    let mut request = Request::builder().method(&question.method).uri(question.path).header("host", "sidewall");
    if let Some(key) = question.key {
        request = request.header("authorization", format!("Bearer {}", key.expose()));
    }
    // SECURITY: of a header that cannot be sent, the error does not repeat the value.
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| text(&error))?;
    let response = sender.send_request(request).await.map_err(|error| text(&error))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
    let answer = serde_json::from_slice(&body.to_bytes()).map_err(|error| format!("answers no JSON ({error})"))?;
    Ok((status, answer))
}
