//! Reading a body into memory, within limits of size, time and memory over all exchanges.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use crate::inspect::{Refusal, RefusalCode};
use crate::proxy::budget::{Budget, Held};

/// LIMIT: no more than 256 KiB is set aside on a caller's word (its `Content-Length`); the rest is as it arrives.
const MAX_TRUST: usize = 256 << 10;

/// How a body may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest body, bytes.
    pub bytes: usize,
    /// Longest time between two pieces of it.
    pub stall: Duration,
    /// Longest time for all of it.
    pub whole: Duration,
}

/// Reads a request's body; the bytes count against `budget` until the returned [`Held`] is dropped.
///
/// # Errors
/// `TooLarge` (at once, if the length is announced), `RequestTimeout`, `Overloaded`, `BadRequest` (broken, or trailers).
pub async fn body<B>(mut body: B, limits: Limits, budget: &Arc<Budget>) -> Result<(Bytes, Held), Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limits.bytes {
        return Err(too_large(limits.bytes));
    }
    let Some(mut held) = budget.take(0) else { return Err(overloaded()) };
    let deadline = Instant::now() + limits.whole;
    let mut first: Option<Bytes> = None;
    let mut rest: Option<BytesMut> = None;
    let mut length = 0_usize;
    loop {
        let until = deadline.min(Instant::now() + limits.stall);
        let frame = match timeout_at(until, body.frame()).await {
            Err(_elapsed) => return Err(Refusal::new(RefusalCode::RequestTimeout, "")),
            Ok(None) => break,
            Ok(Some(Err(_broken))) => return Err(bad("the body broke off")),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(piece) = frame.into_data() else { return Err(bad("trailers are not accepted")) };
        length = length.saturating_add(piece.len());
        if length > limits.bytes {
            return Err(too_large(limits.bytes));
        }
        if !held.grow(piece.len()) {
            return Err(overloaded());
        }
        match (&mut rest, first.take()) {
            (Some(buffer), _) => buffer.extend_from_slice(&piece),
            (None, None) => first = Some(piece),
            (None, Some(head)) => {
                let mut buffer = BytesMut::with_capacity(announced.clamp(length, MAX_TRUST.max(length)));
                buffer.extend_from_slice(&head);
                buffer.extend_from_slice(&piece);
                rest = Some(buffer);
            }
        }
        if body.is_end_stream() {
            break;
        }
    }
    // A body that came in one piece is not copied.
    Ok((rest.map(BytesMut::freeze).or(first).unwrap_or_default(), held))
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(RefusalCode::TooLarge, format!("the limit is {limit} bytes"))
}

fn overloaded() -> Refusal {
    Refusal::new(RefusalCode::Overloaded, "")
}

fn bad(detail: &'static str) -> Refusal {
    Refusal::new(RefusalCode::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http::HeaderMap;
    use http_body::Frame;

    use super::*;

    /// Frames in order, then either the end or silence for ever.
    struct Script {
        frames: VecDeque<Frame<Bytes>>,
        stalls: bool,
    }

    impl Body for Script {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.frames.pop_front() {
                Some(frame) => Poll::Ready(Some(Ok(frame))),
                None if self.stalls => Poll::Pending,
                None => Poll::Ready(None),
            }
        }
    }

    fn script(pieces: &[&'static str], stalls: bool) -> Script {
        Script {
            frames: pieces.iter().map(|piece| Frame::data(Bytes::from_static(piece.as_bytes()))).collect(),
            stalls,
        }
    }

    const LIMITS: Limits = Limits { bytes: 8, stall: Duration::from_millis(5), whole: Duration::from_secs(1) };

    #[tokio::test]
    async fn reads_within_limits() {
        let budget = Budget::new(16);
        for (pieces, expected) in [(&["a", "bc", "def"][..], "abcdef"), (&["abcdefgh"], "abcdefgh"), (&[], "")] {
            let (bytes, held) = body(script(pieces, false), LIMITS, &budget).await.unwrap();
            assert_eq!(bytes, expected.as_bytes());
            assert_eq!(budget.left(), 16 - expected.len());
            drop(held);
        }
    }

    #[tokio::test]
    async fn refuses_and_gives_back() {
        let mut with_trailers = script(&["a"], false);
        with_trailers.frames.push_back(Frame::trailers(HeaderMap::new()));
        for (incoming, units, code) in [
            (script(&["abcdefgh", "i"], false), 16, RefusalCode::TooLarge),
            (script(&["abcd", "efgh"], false), 7, RefusalCode::Overloaded),
            (script(&["a"], true), 16, RefusalCode::RequestTimeout),
            (with_trailers, 16, RefusalCode::BadRequest),
        ] {
            let budget = Budget::new(units);
            assert_eq!(body(incoming, LIMITS, &budget).await.unwrap_err().code, code);
            assert_eq!(budget.left(), units);
        }
    }

    #[tokio::test]
    async fn an_announced_length_over_the_limit_is_not_read() {
        struct Announced;
        impl Body for Announced {
            type Data = Bytes;
            type Error = Infallible;
            fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
                panic!("must not be read")
            }
            fn size_hint(&self) -> http_body::SizeHint {
                http_body::SizeHint::with_exact(9)
            }
        }
        let refusal = body(Announced, LIMITS, &Budget::new(16)).await.unwrap_err();
        assert_eq!(refusal.code, RefusalCode::TooLarge);
    }
}
