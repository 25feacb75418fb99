//! Asking a running sidecar where its rules stand, over its admin listener.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::Request;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::cli::Failure;
use crate::config::{Config, Listen};

/// How long a sidecar may take to answer: it does nothing but write down what it knows.
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

impl Sidecar {
    /// What it says of its rules: `/rulesets` as JSON.
    pub(super) fn rulesets(&self) -> Result<Value, Failure> {
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
        let asked = runtime.block_on(async { timeout(PATIENCE, ask(&address)).await });
        let answer = asked.unwrap_or_else(|_elapsed| Err("no answer in time".to_owned()));
        answer.map_err(|problem| {
            Failure::new(format!("the sidecar's admin listener at {address}: {problem}; is it running?"))
        })
    }
}

async fn ask(address: &Listen) -> Result<Value, String> {
    match address {
        Listen::Tcp(address) => get(TcpStream::connect(address).await.map_err(|error| error.to_string())?).await,
        Listen::Unix(path) => get(UnixStream::connect(path).await.map_err(|error| error.to_string())?).await,
    }
}

async fn get(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Value, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| text(&error))?;
    tokio::spawn(connection);
    let request = Request::get("/rulesets").header("host", "sidewall").body(Empty::<Bytes>::new());
    let request = request.map_err(|error| text(&error))?;
    let response = sender.send_request(request).await.map_err(|error| text(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("answers {status}"));
    }
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| format!("answers no JSON ({error})"))
}
