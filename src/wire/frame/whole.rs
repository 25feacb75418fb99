//! A body that is one document: one frame, once all of it is there.

use bytes::{Bytes, BytesMut};

use super::{Frame, FrameError, Framer};

/// Collects a body into one frame. A body that comes as one chunk is not copied; an empty body has no frame.
pub struct WholeFramer {
    limit: usize,
    body: Body,
}

enum Body {
    /// Nothing, or one chunk.
    Chunk(Bytes),
    /// Several chunks, copied together.
    Joined(BytesMut),
    /// Too large.
    Failed(FrameError),
    /// All is there; what is left to take.
    Finished(Bytes),
}

impl WholeFramer {
    /// A framer for a body of at most `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, body: Body::Chunk(Bytes::new()) }
    }

    fn len(&self) -> usize {
        match &self.body {
            Body::Chunk(body) | Body::Finished(body) => body.len(),
            Body::Joined(body) => body.len(),
            Body::Failed(_) => 0,
        }
    }
}

impl Framer for WholeFramer {
    fn push(&mut self, chunk: Bytes) -> Result<(), FrameError> {
        if !matches!(self.body, Body::Failed(_) | Body::Finished(_)) && chunk.len() > self.limit - self.len() {
            self.body = Body::Failed(FrameError::TooLarge { limit: self.limit });
        }
        match &mut self.body {
            Body::Failed(error) => return Err(*error),
            Body::Finished(_) => return Err(FrameError::Finished),
            Body::Chunk(body) if body.is_empty() => *body = chunk,
            Body::Chunk(body) => {
                let mut joined = BytesMut::with_capacity(body.len() + chunk.len());
                joined.extend_from_slice(body);
                joined.extend_from_slice(&chunk);
                self.body = Body::Joined(joined);
            }
            Body::Joined(body) => body.extend_from_slice(&chunk),
        }
        Ok(())
    }

    fn next_frame(&mut self) -> Option<Frame> {
        match &mut self.body {
            Body::Finished(body) if !body.is_empty() => Some(Frame::whole(std::mem::take(body))),
            _ => None,
        }
    }

    fn finish(&mut self) -> Result<(), FrameError> {
        let body = match &mut self.body {
            Body::Failed(error) => return Err(*error),
            Body::Chunk(body) | Body::Finished(body) => std::mem::take(body),
            Body::Joined(body) => std::mem::take(body).freeze(),
        };
        self.body = Body::Finished(body);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_chunk_is_not_copied() {
        let chunk = Bytes::from(b"{}".to_vec());
        let mut framer = WholeFramer::new(2);
        framer.push(chunk.clone()).unwrap();
        assert_eq!(framer.next_frame(), None, "not before the end");
        framer.finish().unwrap();
        let frame = framer.next_frame().unwrap();
        assert_eq!(frame.raw.as_ptr(), chunk.as_ptr());
        assert_eq!(frame, Frame::whole(chunk));
        assert_eq!(framer.next_frame(), None);
        assert_eq!(framer.push(Bytes::new()), Err(FrameError::Finished));
    }

    #[test]
    fn chunks_are_joined() {
        let mut framer = WholeFramer::new(100);
        for chunk in ["", "[1", ",2", "", ",3]"] {
            framer.push(Bytes::from_static(chunk.as_bytes())).unwrap();
        }
        framer.finish().unwrap();
        assert_eq!(framer.next_frame().unwrap().document(), Some(&b"[1,2,3]"[..]));
    }

    #[test]
    fn the_limit_holds_over_all_chunks_and_stays() {
        let mut framer = WholeFramer::new(3);
        framer.push(Bytes::from_static(b"12")).unwrap();
        let error = Err(FrameError::TooLarge { limit: 3 });
        assert_eq!(framer.push(Bytes::from_static(b"34")), error);
        assert_eq!(framer.push(Bytes::from_static(b"3")), error);
        assert_eq!(framer.finish(), error);
        assert_eq!(framer.next_frame(), None);
    }

    #[test]
    fn an_empty_body_has_no_frame() {
        let mut framer = WholeFramer::new(3);
        framer.finish().unwrap();
        assert_eq!(framer.next_frame(), None);
    }
}
