//! Sockets that accept.

use std::fs::Permissions;
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::config::Listen;
use crate::identity::Peer;
use crate::proxy::body::OutBody;
use crate::server::Shared;
use crate::server::connection;
use crate::server::tls::ServerTls;
use crate::telemetry::events::Handshake;

/// Only the sidecar's user and group may call over the Unix socket.
const SOCKET_MODE: u32 = 0o660;
/// LIMIT: the kernel keeps this many connections that we have not accepted yet.
const BACKLOG: u32 = 1024;
/// After an accept that failed (out of descriptors, most likely) there is a pause, else the loop would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix; the file is removed when the listener ends.
    Unix(UnixListener, SocketFile),
}

/// Removes its file when dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds `address`; port 0 takes any free port. Must run inside the runtime.
    ///
    /// # Errors
    /// What the system says; for a Unix socket also that another process answers on it, or that the path is no socket.
    pub async fn bind(address: &Listen) -> io::Result<Self> {
        match address {
            Listen::Tcp(address) => {
                let socket =
                    if address.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
                socket.set_reuseaddr(true)?;
                socket.bind(*address)?;
                socket.listen(BACKLOG).map(Self::Tcp)
            }
            Listen::Unix(path) => {
                clear_stale(path).await?;
                let listener = UnixListener::bind(path)?;
                let file = SocketFile(path.clone());
                std::fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// Where it listens in fact.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<Listen> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            Self::Unix(_, file) => Ok(Listen::Unix(file.0.clone())),
        }
    }

    /// Accepts until the drain begins; each connection is served by `handler` in a task of its own.
    /// `tls`: what TCP connections must speak; a Unix socket's file mode is its guard.
    pub async fn serve<H, F>(self, shared: Shared, handler: Arc<H>, tls: Option<Arc<ServerTls>>)
    where
        H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<OutBody>> + Send + 'static,
    {
        loop {
            // A connection is accepted only where there is room for it; until then it waits in the kernel's queue.
            let room = tokio::select! {
                () = shared.drain.cancelled() => return,
                room = Arc::clone(&shared.room).acquire_owned() => room,
            };
            let Ok(room) = room else { return };
            let accepted = tokio::select! {
                () = shared.drain.cancelled() => return,
                accepted = self.accept() => accepted,
            };
            match accepted {
                Ok(Accepted::Tcp(stream)) => {
                    let (shared, handler) = (shared.clone(), Arc::clone(&handler));
                    let tasks = shared.tasks.clone();
                    match &tls {
                        None => tasks.spawn(connection::serve(stream, None, shared, handler, room)),
                        Some(tls) => tasks.spawn(secure(stream, tls.acceptor(), shared, handler, room)),
                    };
                }
                Ok(Accepted::Unix(stream)) => {
                    let task = connection::serve(stream, None, shared.clone(), Arc::clone(&handler), room);
                    shared.tasks.spawn(task);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Accepted::Tcp(stream))
            }
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
        }
    }
}

/// A TLS connection: the handshake within the time for a request's headers, then as every other.
async fn secure<H, F>(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    shared: Shared,
    handler: Arc<H>,
    room: OwnedSemaphorePermit,
) where
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<OutBody>> + Send + 'static,
{
    let handshake = tokio::select! {
        () = shared.cut.cancelled() => return,
        handshake = timeout(shared.limits.headers, acceptor.accept(stream)) => handshake,
    };
    match handshake {
        Ok(Ok(stream)) => {
            Handshake { result: "done" }.emit();
            let (_, session) = stream.get_ref();
            let peer = session.peer_certificates().and_then(<[_]>::first).map(Peer::of);
            connection::serve(stream, peer, shared, handler, room).await;
        }
        Ok(Err(_refused)) => Handshake { result: "failed" }.emit(),
        Err(_elapsed) => Handshake { result: "timeout" }.emit(),
    }
}

enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Removes a socket on which nobody answers any more (a process that was killed leaves it behind).
async fn clear_stale(path: &Path) -> io::Result<()> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the path exists and is no socket"));
    }
    if UnixStream::connect(path).await.is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers on this socket"));
    }
    std::fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let listener = Listener::bind(&Listen::Unix(path.clone())).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
        assert_eq!(Listener::bind(&Listen::Unix(path.clone())).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(!path.exists());
        std::fs::write(&path, "a file").unwrap();
        assert!(Listener::bind(&Listen::Unix(path.clone())).await.is_err());
        assert!(path.exists());
    }
}
