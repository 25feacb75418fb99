//! Listeners: TCP and Unix sockets for callers, one more for probes and metrics; their limits, and the drain.

pub mod admin;
pub mod connection;
pub mod listener;
mod stall;
pub mod tls;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Limits of a caller's connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Until a request's headers are complete; HTTP/1.1: also how long a connection may idle between requests, for hyper
    /// counts that wait as part of the next request's headers.
    pub headers: Duration,
    /// A connection on which nothing is under way.
    pub idle: Duration,
    /// A caller that takes nothing of what waits for it.
    pub write: Duration,
}

/// What all listeners share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Limits of each connection.
    pub limits: ConnectionLimits,
    /// Room for connections; each holds one permit.
    pub room: Arc<Semaphore>,
    /// Nothing new is accepted once it is cancelled; live exchanges end, then their connections.
    pub drain: CancellationToken,
    /// Everything ends at once when it is cancelled.
    pub cut: CancellationToken,
    /// Connections under way.
    pub tasks: TaskTracker,
}

impl Shared {
    /// For at most `max_connections`.
    #[must_use]
    pub fn new(limits: ConnectionLimits, max_connections: usize) -> Self {
        Self {
            limits,
            room: Arc::new(Semaphore::new(max_connections.clamp(1, Semaphore::MAX_PERMITS))),
            drain: CancellationToken::new(),
            cut: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }
}
