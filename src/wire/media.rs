//! Bytes that are no text: an answer of a kind that the endpoint's table declares as media (speech). They have no document, so nothing of them is
//! read, and each piece is a frame as it came.

use std::collections::VecDeque;

use bytes::Bytes;

use super::frame::{Frame, FrameError, Framer, Payload};

/// Passes pieces on.
#[derive(Debug, Default)]
pub struct MediaFramer {
    frames: VecDeque<Bytes>,
    finished: bool,
}

impl Framer for MediaFramer {
    fn push(&mut self, chunk: Bytes) -> Result<(), FrameError> {
        if self.finished {
            return Err(FrameError::Finished);
        }
        if !chunk.is_empty() {
            self.frames.push_back(chunk);
        }
        Ok(())
    }

    fn next_frame(&mut self) -> Option<Frame> {
        let raw = self.frames.pop_front()?;
        Some(Frame { raw, payload: Payload::None, event: None, complete: true })
    }

    fn finish(&mut self) -> Result<(), FrameError> {
        self.finished = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_pass_as_they_came() {
        let mut framer = MediaFramer::default();
        for piece in [&b"\xff\xfb"[..], b"", b"{\"a\":1}"] {
            framer.push(Bytes::from_static(piece)).unwrap();
        }
        framer.finish().unwrap();
        assert_eq!(framer.push(Bytes::from_static(b"x")), Err(FrameError::Finished));
        let frames: Vec<Frame> = std::iter::from_fn(|| framer.next_frame()).collect();
        assert_eq!(frames.iter().map(|frame| frame.raw.as_ref()).collect::<Vec<_>>(), [&b"\xff\xfb"[..], b"{\"a\":1}"]);
        assert!(frames.iter().all(|frame| frame.document().is_none()));
    }
}
