//! Server-sent events, cut as [the HTML standard](https://html.spec.whatwg.org/multipage/server-sent-events.html)
//! says: one frame per event, with the blank line that ends it.
//!
//! A line may end in CR, LF or CRLF, and a CRLF may be cut between two chunks. A CR at the very end of what has
//! arrived is therefore not yet a line end: a stream with bare CRs (none is known among providers) is one byte late,
//! and in return no cut of the bytes changes a frame. Each byte is looked at once, however the bytes arrive.

mod buffer;
mod line;

use std::collections::VecDeque;

use bytes::Bytes;

use super::frame::{Frame, FrameError, Framer, Lines, Payload};
use crate::text::WireRange;
use buffer::Buffer;
use line::{Field, find_end};

/// LIMIT: `data:` lines of one event. Providers send one; pretty-printed JSON has one for each of its lines.
pub const MAX_DATA_LINES: usize = 65_536;

/// A byte order mark: one may stand at the start of the stream, and belongs to no line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Cuts a stream of server-sent events into frames.
pub struct SseFramer {
    limit: usize,
    /// From the first byte of the event that is still open.
    buffer: Buffer,
    open: OpenEvent,
    /// True once the stream's first line is over.
    begun: bool,
    finished: bool,
    failed: Option<FrameError>,
    frames: VecDeque<Frame>,
}

/// What is known of the event at the start of the buffer. All offsets count from there.
#[derive(Default)]
struct OpenEvent {
    /// Where its current line begins.
    line: usize,
    /// Up to here there is no end of that line.
    searched: usize,
    data: Vec<WireRange>,
    name: Option<WireRange>,
}

impl SseFramer {
    /// A framer for events of at most `limit` bytes each, all of their lines included.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            buffer: Buffer::new(),
            open: OpenEvent { line: 0, searched: 0, data: Vec::new(), name: None },
            begun: false,
            finished: false,
            failed: None,
            frames: VecDeque::new(),
        }
    }

    /// Reads all lines that are there.
    fn read(&mut self) -> Result<(), FrameError> {
        while let Some((end, next)) = find_end(self.buffer.bytes(), self.open.searched, self.finished) {
            let start = self.skip_mark(self.open.line);
            self.begun = true;
            self.open.line = next;
            self.open.searched = next;
            if start < end {
                self.field(WireRange::new(start, end))?;
            } else {
                self.emit(next, true)?;
            }
        }
        // A CR at the end is looked at again when it is known what follows it.
        let len = self.buffer.bytes().len();
        self.open.searched = len - usize::from(len > self.open.line && self.buffer.bytes().last() == Some(&b'\r'));
        if len > self.limit { Err(FrameError::TooLarge { limit: self.limit }) } else { Ok(()) }
    }

    /// Where the line at `start` begins without the stream's byte order mark.
    fn skip_mark(&self, start: usize) -> usize {
        let marked = !self.begun && self.buffer.bytes().starts_with(BYTE_ORDER_MARK);
        if marked { start + BYTE_ORDER_MARK.len() } else { start }
    }

    fn field(&mut self, line: WireRange) -> Result<(), FrameError> {
        match line::field(self.buffer.bytes(), line) {
            Field::Data(_) if self.open.data.len() == MAX_DATA_LINES => {
                return Err(FrameError::TooManyLines { limit: MAX_DATA_LINES });
            }
            Field::Data(value) => self.open.data.push(value),
            Field::Event(value) => self.open.name = Some(value),
            Field::Other => {}
        }
        Ok(())
    }

    /// Makes a frame of the first `len` bytes.
    fn emit(&mut self, len: usize, complete: bool) -> Result<(), FrameError> {
        if len > self.limit {
            return Err(FrameError::TooLarge { limit: self.limit });
        }
        let raw = self.buffer.take(len);
        let payload = match self.open.data.as_slice() {
            [] => Payload::None,
            [line] => Payload::Line(*line),
            lines => Payload::Lines(Lines::new(&raw, lines)),
        };
        self.frames.push_back(Frame { raw, payload, event: self.open.name, complete });
        self.open.data.clear();
        self.open.name = None;
        self.open.line = 0;
        self.open.searched = 0;
        Ok(())
    }

    /// The end of the stream ends its last line, and with it an event that no blank line has ended.
    fn read_rest(&mut self) -> Result<(), FrameError> {
        self.read()?;
        let len = self.buffer.bytes().len();
        if len == 0 {
            return Ok(());
        }
        let start = self.skip_mark(self.open.line);
        if start < len {
            self.field(WireRange::new(start, len))?;
        }
        self.emit(len, false)
    }

    /// Remembers an error: nothing after it can be understood.
    fn keep(&mut self, result: Result<(), FrameError>) -> Result<(), FrameError> {
        if let Err(error) = result {
            self.failed = Some(error);
            self.buffer = Buffer::new();
        }
        result
    }
}

impl Framer for SseFramer {
    fn push(&mut self, chunk: Bytes) -> Result<(), FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.finished {
            return Err(FrameError::Finished);
        }
        self.buffer.push(chunk);
        let result = self.read();
        self.keep(result)
    }

    fn next_frame(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    fn finish(&mut self) -> Result<(), FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.finished = true;
        let result = self.read_rest();
        self.keep(result)
    }
}

#[cfg(test)]
mod tests;
