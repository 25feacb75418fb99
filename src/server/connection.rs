//! One connection of a caller: HTTP/1.1, or HTTP/2 by prior knowledge.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;

use crate::identity::Peer;
use crate::proxy::body::OutBody;
use crate::server::Shared;
use crate::server::stall::{BodyPace, Pace, Watched};
use crate::telemetry::Metric;
use crate::telemetry::events::{Live, Stalled};

/// LIMIT: 64 KiB for a request's line and headers, and for the read buffer (hyper's default is 400 KiB a connection).
const MAX_HEADER_BYTES: usize = 64 << 10;
/// LIMIT: 100 headers; official SDKs send under 20.
const MAX_HEADERS: usize = 100;
/// LIMIT: 128 streams at once on an HTTP/2 connection (RFC 9113 section 6.5.2 recommends no fewer than 100).
const MAX_STREAMS: u32 = 128;
/// HTTP/2: 256 KiB a stream may be under way unread; a 4 MB prompt needs 16 round trips on loopback.
const STREAM_WINDOW: u32 = 256 << 10;
/// HTTP/2: 1 MiB a connection.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// HTTP/2: a caller that resets streams this often without our answer is cut (CVE-2023-44487, "rapid reset").
const MAX_RESETS: usize = 64;
/// HTTP/2: a silent connection is asked whether it lives.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// HTTP/2: and cut if it does not answer.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a connection until it ends, idles too long, or the drain has begun and its exchanges are done.
/// `peer`: the other side's verified certificate, which every request carries along.
pub async fn serve<S, H, F>(stream: S, peer: Option<Peer>, shared: Shared, handler: Arc<H>, _room: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<OutBody>> + Send + 'static,
{
    let _live = Live::new(Metric::Connections);
    let (busy, pace) = (Busy::default(), Pace::new());
    let service = service_fn(|mut request: Request<Incoming>| {
        if let Some(peer) = &peer {
            request.extensions_mut().insert(peer.clone());
        }
        let under_way = busy.begin();
        // In HTTP/1.1 a body that is not taken shows at the socket.
        let body_pace = (request.version() == Version::HTTP_2).then(|| pace.body());
        // Boxed, since hyper and the block below would move it as it is, some kilobytes, several times.
        let response = Box::pin(handler(request));
        async move {
            Ok::<_, Infallible>(response.await.map(|body| Tracked { body, pace: body_pace, _under_way: under_way }))
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.headers)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let watched = Watched { stream, pace: pace.clone() };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(watched), service));
    let mut drain = pin!(shared.drain.cancelled());
    let mut idle = pin!(busy.idle_for(shared.limits.idle));
    let mut stalled = pin!(pace.stalled(shared.limits.write));
    let mut ending = false;
    loop {
        tokio::select! {
            // A connection's error (the caller left, bytes that are not HTTP) concerns that caller alone.
            _ended = connection.as_mut() => return,
            () = shared.cut.cancelled() => return,
            () = stalled.as_mut() => {
                // Its exchanges end with it, and are recorded as aborted.
                Stalled.emit();
                return;
            }
            () = drain.as_mut(), if !ending => {}
            () = idle.as_mut(), if !ending => {}
        }
        connection.as_mut().graceful_shutdown();
        ending = true;
    }
}

/// Counts what is under way on a connection.
#[derive(Debug, Clone, Default)]
struct Busy(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    ever: AtomicUsize,
}

impl Busy {
    fn begin(&self) -> UnderWay {
        self.0.now.fetch_add(1, Ordering::Relaxed);
        self.0.ever.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(&self.0))
    }

    /// Ends when nothing has been under way for between one and two times `limit`: one timer a connection, none a request.
    async fn idle_for(&self, limit: Duration) {
        loop {
            let before = self.0.ever.load(Ordering::Relaxed);
            let was_idle = self.0.now.load(Ordering::Relaxed) == 0;
            tokio::time::sleep(limit).await;
            let nothing_began = self.0.ever.load(Ordering::Relaxed) == before;
            if was_idle && nothing_began {
                return;
            }
        }
    }
}

/// Something is under way until this is dropped.
#[derive(Debug)]
struct UnderWay(Arc<Counts>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that keeps its connection busy.
struct Tracked {
    body: OutBody,
    pace: Option<BodyPace>,
    _under_way: UnderWay,
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(pace) = &self.pace else { return Pin::new(&mut self.body).poll_frame(cx) };
        pace.asked();
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let (Some(pace), Poll::Ready(Some(_))) = (&self.pace, &frame) {
            pace.gave();
        }
        frame
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
