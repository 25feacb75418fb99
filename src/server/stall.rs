//! Callers that take nothing: an answer that nobody reads must not hold memory, an upstream and a slot without end.
//!
//! Two places are watched, one timer a connection: a write that the socket does not take, and, for HTTP/2, a body that is not asked for
//! more, since a stream whose window is full never reaches the socket. What takes a little from time to time is slow, not stalled.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Since when something waits for the caller.
#[derive(Debug, Clone)]
pub(super) struct Pace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    writing: Since,
    /// One for each body under way; LIMIT: as many as there are streams on a connection.
    bodies: Mutex<Vec<Weak<Since>>>,
}

/// Milliseconds since the connection's beginning at which a wait began, plus one; 0: nothing waits.
#[derive(Debug, Default)]
struct Since(AtomicU64);

impl Since {
    fn over(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn waits(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }

    fn is_waiting(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    fn has_waited(&self, now: u64, limit: Duration) -> bool {
        let since = self.0.load(Ordering::Relaxed);
        since != 0 && u128::from(now.saturating_sub(since)) >= limit.as_millis()
    }
}

impl Pace {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner { began: Instant::now(), writing: Since::default(), bodies: Mutex::default() }))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Watches one more body.
    pub(super) fn body(&self) -> BodyPace {
        let since = Arc::<Since>::default();
        let mut bodies = self.0.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.retain(|body| body.strong_count() > 0);
        bodies.push(Arc::downgrade(&since));
        BodyPace { pace: self.clone(), since }
    }

    /// Ends once the caller has taken nothing for between one and one and a half times `limit` of what waits for it.
    pub(super) async fn stalled(&self, limit: Duration) {
        loop {
            tokio::time::sleep(limit / 2).await;
            if self.has_stalled(self.now(), limit) {
                return;
            }
        }
    }

    fn has_stalled(&self, now: u64, limit: Duration) -> bool {
        let bodies = self.0.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bodies = bodies.iter().filter_map(Weak::upgrade);
        self.0.writing.has_waited(now, limit) || bodies.any(|body| body.has_waited(now, limit))
    }
}

/// Watches one body: from a piece that was given until the next is asked for, the caller is waited for.
#[derive(Debug)]
pub(super) struct BodyPace {
    pace: Pace,
    since: Arc<Since>,
}

impl BodyPace {
    /// A piece was given.
    pub(super) fn gave(&self) {
        self.since.waits(self.pace.now());
    }

    /// The next was asked for.
    pub(super) fn asked(&self) {
        self.since.over();
    }
}

/// A stream whose writes are watched.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) pace: Pace,
}

impl<S> Watched<S> {
    fn note<T>(&self, written: Poll<T>) -> Poll<T> {
        let writing = &self.pace.0.writing;
        match &written {
            Poll::Ready(_) if writing.is_waiting() => writing.over(),
            Poll::Pending if !writing.is_waiting() => writing.waits(self.pace.now()),
            _ => {}
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_nothing_is_seen_and_what_is_slow_is_not() {
        let pace = Pace::new();
        // At the end of time, whatever waits has waited long enough.
        let stalls = |seconds: u64| pace.has_stalled(pace.now() + seconds * 1_000, Duration::from_secs(10));
        assert!(!stalls(3_600), "nothing waits");
        let body = pace.body();
        body.gave();
        assert!(!stalls(9) && stalls(10));
        body.asked();
        assert!(!stalls(3_600));
        body.gave();
        drop(body);
        assert!(!stalls(3_600), "the body is over");
        let watched = Watched { stream: tokio::io::empty(), pace: pace.clone() };
        let _ = watched.note(Poll::<()>::Pending);
        assert!(!stalls(9) && stalls(10));
        let _ = watched.note(Poll::Ready(()));
        assert!(!stalls(3_600));
    }
}
