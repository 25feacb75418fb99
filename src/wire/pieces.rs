//! Streams of JSON documents without events around them: one a line (JSON Lines, NDJSON), or the elements of one array that is written while it
//! is read.
//!
//! Whatever stands between two documents (line ends, brackets, commas, blanks) belongs to the frame of the document behind it, and what stands
//! behind the last one is a frame of its own. Each byte is looked at once, however the bytes arrive.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::frame::{Frame, FrameError, Framer, Payload};
use crate::text::WireRange;

/// Where a document ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// At the line's end.
    Lines,
    /// Where its brackets close; elements of an array are documents, and so is whatever is no array.
    Elements,
}

/// Cuts a stream of documents into frames.
pub struct PieceFramer {
    cut: Cut,
    limit: usize,
    /// From the first byte of the frame that is still open.
    buffer: BytesMut,
    /// Up to here its bytes have been looked at.
    looked: usize,
    open: Open,
    /// True once the array's first bracket was seen, or something that is no array.
    begun: bool,
    finished: bool,
    failed: Option<FrameError>,
    frames: VecDeque<Frame>,
}

/// What is known of the document in the buffer.
#[derive(Default)]
struct Open {
    start: Option<usize>,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// A number or a word: it ends where a separator stands.
    bare: bool,
}

impl PieceFramer {
    /// One document a line, each of at most `limit` bytes.
    #[must_use]
    pub fn lines(limit: usize) -> Self {
        Self::new(Cut::Lines, limit)
    }

    /// The elements of one array, each of at most `limit` bytes.
    #[must_use]
    pub fn elements(limit: usize) -> Self {
        Self::new(Cut::Elements, limit)
    }

    fn new(cut: Cut, limit: usize) -> Self {
        Self {
            cut,
            limit,
            buffer: BytesMut::new(),
            looked: 0,
            open: Open::default(),
            begun: false,
            finished: false,
            failed: None,
            frames: VecDeque::new(),
        }
    }

    fn read(&mut self) -> Result<(), FrameError> {
        while let Some(byte) = self.buffer.get(self.looked).copied() {
            let at = self.looked;
            self.looked += 1;
            match self.cut {
                Cut::Lines => self.line_byte(byte, at),
                Cut::Elements => self.element_byte(byte, at),
            }
            if let Some(error) = self.failed {
                return Err(error);
            }
        }
        if self.buffer.len() > self.limit { Err(FrameError::TooLarge { limit: self.limit }) } else { Ok(()) }
    }

    fn line_byte(&mut self, byte: u8, at: usize) {
        match byte {
            b'\n' => {
                let end = if at > 0 && self.buffer.get(at - 1) == Some(&b'\r') { at - 1 } else { at };
                self.emit(end, at + 1);
            }
            b' ' | b'\t' | b'\r' => {}
            _ => {
                self.open.start.get_or_insert(at);
            }
        }
    }

    fn element_byte(&mut self, byte: u8, at: usize) {
        let open = &mut self.open;
        if open.in_string {
            match byte {
                _ if open.escaped => open.escaped = false,
                b'\\' => open.escaped = true,
                b'"' => {
                    open.in_string = false;
                    if open.depth == 0 {
                        self.emit(at + 1, at + 1);
                    }
                }
                _ => {}
            }
            return;
        }
        if open.bare && matches!(byte, b',' | b']' | b' ' | b'\t' | b'\r' | b'\n') {
            self.emit(at, at);
            return;
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'[' if !self.begun => self.begun = true,
            b',' | b']' if open.start.is_none() => {}
            b'{' | b'[' => {
                open.depth += 1;
                open.start.get_or_insert(at);
            }
            b'}' | b']' => {
                open.depth = open.depth.saturating_sub(1);
                open.start.get_or_insert(at);
                if open.depth == 0 {
                    self.emit(at + 1, at + 1);
                }
            }
            b'"' => {
                open.in_string = true;
                open.start.get_or_insert(at);
            }
            _ => {
                open.bare |= open.depth == 0;
                open.start.get_or_insert(at);
            }
        }
        // What begins with something else is no array, and its own brackets are its own.
        self.begun |= self.open.start.is_some();
    }

    /// Makes a frame of the first `len` bytes, whose document ends at `end`.
    fn emit(&mut self, end: usize, len: usize) {
        if len > self.limit {
            self.failed = Some(FrameError::TooLarge { limit: self.limit });
            return;
        }
        let raw = self.buffer.split_to(len).freeze();
        let payload = match self.open.start {
            Some(start) => Payload::Line(WireRange::new(start, end)),
            None => Payload::None,
        };
        self.frames.push_back(Frame { raw, payload, event: None, complete: true });
        self.open = Open::default();
        self.looked = 0;
        self.begun = true;
    }

    fn keep(&mut self, result: Result<(), FrameError>) -> Result<(), FrameError> {
        if let Err(error) = result {
            self.failed = Some(error);
            self.buffer = BytesMut::new();
            self.looked = 0;
        }
        result
    }
}

impl Framer for PieceFramer {
    fn push(&mut self, chunk: Bytes) -> Result<(), FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.finished {
            return Err(FrameError::Finished);
        }
        self.buffer.extend_from_slice(&chunk);
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
        let len = self.buffer.len();
        if len > 0 {
            // A last line needs no end; an element that is not closed is no JSON, which the scanner will say.
            self.emit(len, len);
        }
        let result = self.failed.map_or(Ok(()), Err);
        self.keep(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents, and whether all bytes are there.
    fn cut(mut framer: PieceFramer, bytes: &[u8], size: usize) -> Vec<String> {
        let mut raw = Vec::new();
        let mut documents = Vec::new();
        let mut take = |framer: &mut PieceFramer| {
            while let Some(frame) = framer.next_frame() {
                raw.extend_from_slice(&frame.raw);
                documents.extend(frame.document().map(|d| String::from_utf8(d.to_vec()).unwrap()));
            }
        };
        for chunk in bytes.chunks(size) {
            framer.push(Bytes::copy_from_slice(chunk)).unwrap();
            take(&mut framer);
        }
        framer.finish().unwrap();
        take(&mut framer);
        assert_eq!(raw, bytes);
        documents
    }

    #[test]
    fn every_cut_gives_the_same_documents() {
        let lines: &[(&str, &[&str])] = &[
            ("{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]),
            ("{\"a\":1}\r\n\r\n  {\"b\":2}", &["{\"a\":1}", "{\"b\":2}"]),
            ("\n\n", &[]),
            ("", &[]),
        ];
        let elements: &[(&str, &[&str])] = &[
            ("[{\"a\":\"]}\\\"[\"}\n,\r\n{\"b\":[[1],{}]}]\n", &["{\"a\":\"]}\\\"[\"}", "{\"b\":[[1],{}]}"]),
            ("{\"error\":{\"code\":1}}", &["{\"error\":{\"code\":1}}"]),
            (" [ 1 , \"x\" , null,[2] ] ", &["1", "\"x\"", "null", "[2]"]),
            ("[]", &[]),
            ("[{\"a\":", &["{\"a\":"]),
            ("[{}] {}", &["{}", "{}"]),
            ("[1}", &["1}"]),
        ];
        for size in 1..9 {
            for (text, expected) in lines {
                assert_eq!(cut(PieceFramer::lines(99), text.as_bytes(), size), *expected, "{text:?} by {size}");
            }
            for (text, expected) in elements {
                assert_eq!(cut(PieceFramer::elements(99), text.as_bytes(), size), *expected, "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn the_limit_holds_for_each_document() {
        let mut framer = PieceFramer::lines(8);
        framer.push(Bytes::from_static(b"{\"a\":1}\n{\"b\":1}\n")).unwrap();
        let error = Err(FrameError::TooLarge { limit: 8 });
        assert_eq!(framer.push(Bytes::from_static(b"{\"too\":\"long\"}")), error);
        assert_eq!(framer.finish(), error);
        assert!(framer.next_frame().is_some(), "what was whole before it");
    }
}
