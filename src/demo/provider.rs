//! A provider that does what it is told: real HTTP, real wire formats, scripted answers.
//!
//! What a script may say stands in [`Script`]. It comes from a directive in the prompt (`#scenario:tool,chunk=3`), from
//! `PUT /__script`, or from a file. What the provider received is kept and can be read back (`GET /__received`), so that
//! a test sees with its own eyes what left the sidecar.
//!
//! It is a tool of tests: it listens where it is told, checks no key, and keeps whole bodies in memory.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::server::tls::ServerTls;

mod answer;
mod anthropic;
mod batches;
mod delivery;
mod gemini;
mod memory;
mod ollama;
mod openai;
mod reply;
mod responses;
mod scenario;
mod small;

pub(super) use answer::next_placeholder;
use delivery::ScriptedBody;
pub use memory::{Memory, Received};
pub use scenario::{Scenario, Script, ScriptError, Scripts, When};

/// A provider that listens but does not answer yet.
#[derive(Debug)]
pub struct Provider {
    listener: TcpListener,
    memory: Arc<Memory>,
    tls: Option<ServerTls>,
}

impl Provider {
    /// Listens on `listen` (`127.0.0.1:0` picks a port) and answers by `scripts`.
    ///
    /// # Errors
    /// Whatever the system says when the address cannot be had.
    pub async fn bind(listen: &str, scripts: Scripts) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        Ok(Self { listener, memory: Arc::new(Memory::new(scripts)), tls: None })
    }

    /// The same over TLS, HTTP/2 where the client wants it.
    #[must_use]
    pub fn over(self, tls: ServerTls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Whatever the system says about a socket that has gone.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What it remembers; stays readable while [`Provider::run`] runs.
    #[must_use]
    pub fn memory(&self) -> Arc<Memory> {
        Arc::clone(&self.memory)
    }

    /// Answers until the future is dropped.
    pub async fn run(self) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of descriptors, most likely: let some connections end first.
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // Small pieces must leave as they are written: a test counts on their borders.
            stream.set_nodelay(true).ok();
            let (memory, tls) = (Arc::clone(&self.memory), self.tls.as_ref().map(ServerTls::acceptor));
            tokio::spawn(async move {
                match tls {
                    None => connection(stream, memory).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            connection(stream, memory).await;
                        }
                    }
                }
            });
        }
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, memory: Arc<Memory>) {
    let service = hyper::service::service_fn(move |request| serve(Arc::clone(&memory), request));
    // A connection that ends badly is the caller's business or the script's wish.
    auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await.ok();
}

/// How long to wait after an `accept` that failed.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Reads a scenario file.
///
/// # Errors
/// When it cannot be read or does not say what a [`Scripts`] says.
pub fn read_scripts(path: &Path) -> Result<Scripts, ScriptError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ScriptError::File { path: path.to_owned(), problem: error.to_string() })?;
    serde_json::from_str(&text).map_err(|error| ScriptError::File { path: path.to_owned(), problem: error.to_string() })
}

async fn serve(memory: Arc<Memory>, request: Request<Incoming>) -> Result<Response<ScriptedBody>, Dropped> {
    reply::reply(memory, request).await
}

/// The script wants the connection closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the script closes this connection without an answer")]
pub struct Dropped;

impl From<Infallible> for Dropped {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
