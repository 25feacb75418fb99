//! What leaves towards the caller: cleared bytes, or words of our own. Nothing else fits.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::inspect::Cleared;
use crate::proxy::stream::GuardedStream;

/// LIMIT: 64 KiB at a time: HTTP/2 buffers what it is given, whatever the caller takes, so it is given little.
const MAX_PIECE: usize = 64 << 10;

/// The body of a response.
#[derive(Debug)]
pub struct OutBody(Kind);

#[derive(Debug)]
enum Kind {
    Pieces { pieces: VecDeque<Bytes>, left: u64 },
    Stream(Box<GuardedStream>),
}

impl OutBody {
    /// No body.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Pieces { pieces: VecDeque::new(), left: 0 })
    }

    /// Words of our own: refusals, probes, metrics.
    #[must_use]
    pub fn ours(text: Bytes) -> Self {
        let left = length(&text);
        Self(Kind::Pieces { pieces: VecDeque::from([text]), left })
    }

    /// A whole inspected body.
    #[must_use]
    pub fn cleared(pieces: Vec<Cleared<Bytes>>) -> Self {
        let pieces: VecDeque<Bytes> = pieces.into_iter().map(Cleared::into_inner).collect();
        let left = pieces.iter().map(length).sum();
        Self(Kind::Pieces { pieces, left })
    }

    /// A stream that is inspected as it flows.
    #[must_use]
    pub fn stream(stream: GuardedStream) -> Self {
        Self(Kind::Stream(Box::new(stream)))
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Kind::Pieces { pieces, left } => {
                let piece = match pieces.front_mut() {
                    Some(large) if large.len() > MAX_PIECE => Some(large.split_to(MAX_PIECE)),
                    _ => pieces.pop_front(),
                };
                if let Some(piece) = &piece {
                    *left = left.saturating_sub(length(piece));
                }
                Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
            }
            Kind::Stream(stream) => stream.poll_piece(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Pieces { pieces, .. } => pieces.is_empty(),
            Kind::Stream(stream) => stream.is_done(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Pieces { left, .. } => SizeHint::with_exact(*left),
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}

fn length(piece: &Bytes) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}
