//! Frames: the units in which bytes are inspected and released. A JSON body is a stream with one frame.

mod whole;

use std::fmt;

use bytes::Bytes;

use super::splice::{SpliceError, WireEdit, splice};
use crate::text::WireRange;

pub use whole::WholeFramer;

/// Cuts bytes into frames, without I/O.
///
/// INVARIANT: the `raw` bytes of all frames, joined, are the bytes pushed; and how these were cut into chunks changes
/// nothing about the frames.
pub trait Framer {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// A frame that is too large, or a push after `finish`. Frames before it can still be taken; everything after it
    /// is lost, and every later call fails too.
    fn push(&mut self, chunk: Bytes) -> Result<(), FrameError>;
    /// The next frame that is complete.
    fn next_frame(&mut self) -> Option<Frame>;
    /// Says that all bytes have been pushed; what is left then comes out of `next_frame`.
    ///
    /// # Errors
    /// As `push`.
    fn finish(&mut self) -> Result<(), FrameError>;
}

/// Why bytes cannot be cut into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// More bytes than a frame may have.
    #[error("a frame of more than {limit} bytes; raise the limit or send less at once")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// An event in more `data:` lines than allowed.
    #[error("an event of more than {limit} data lines; put each JSON document on one line")]
    TooManyLines {
        /// The limit in lines.
        limit: usize,
    },
    /// `push` after `finish`.
    #[error("bytes after the end; make a new framer for each body")]
    Finished,
}

/// One frame.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Every byte of it: terminators, comments and unknown fields included.
    pub raw: Bytes,
    /// Where in `raw` its document stands.
    pub payload: Payload,
    /// The value of an SSE event's last `event:` field, in `raw`.
    pub event: Option<WireRange>,
    /// False for the rest of a stream that ends within an event: the
    /// [specification](https://html.spec.whatwg.org/multipage/server-sent-events.html) has readers drop it.
    pub complete: bool,
}

/// Where the document of a frame stands.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// Nowhere: comments, keep-alives, events without data, blank lines.
    None,
    /// The frame is the document.
    Whole,
    /// In one `data:` line.
    Line(WireRange),
    /// In several `data:` lines.
    Lines(Lines),
}

/// A document in several `data:` lines.
#[derive(Clone, PartialEq, Eq)]
pub struct Lines {
    joined: Bytes,
    /// INVARIANT: in order; the lengths and one byte between each two add up to the length of `joined`.
    segments: Vec<Segment>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Segment {
    /// Where it begins in the joined document.
    joined: usize,
    raw: WireRange,
}

impl Lines {
    /// Joins ranges of `raw` with line feeds, as the specification does.
    pub(super) fn new(raw: &[u8], ranges: &[WireRange]) -> Self {
        let len: usize = ranges.iter().map(|range| range.len() + 1).sum();
        let mut joined = Vec::with_capacity(len);
        let mut segments = Vec::with_capacity(ranges.len());
        for &range in ranges {
            if !segments.is_empty() {
                joined.push(b'\n');
            }
            segments.push(Segment { joined: joined.len(), raw: range });
            joined.extend_from_slice(raw.get(range.range()).unwrap_or_default());
        }
        Self { joined: joined.into(), segments }
    }

    /// The raw range of a range that does not leave its line.
    fn to_raw(&self, raw: &[u8], range: WireRange) -> Option<WireRange> {
        let after = self.segments.partition_point(|segment| segment.joined <= range.start);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        let in_line = WireRange::new(range.start - segment.joined, range.end.checked_sub(segment.joined)?);
        within_line(raw, segment.raw, in_line)
    }
}

/// `range`, which counts from the start of `outer`, if it lies in it.
fn within(outer: WireRange, range: WireRange) -> Option<WireRange> {
    (range.start <= range.end && range.end <= outer.len())
        .then(|| WireRange::new(outer.start + range.start, outer.start + range.end))
}

/// The same for the value of a data line. A line `data` without a colon has an empty value, but no place for one.
fn within_line(raw: &[u8], line: WireRange, range: WireRange) -> Option<WireRange> {
    let before = raw.get(..line.start)?.last();
    if line.is_empty() && !matches!(before, Some(b':' | b' ')) { None } else { within(line, range) }
}

impl Frame {
    /// A frame that is one document.
    #[must_use]
    pub const fn whole(raw: Bytes) -> Self {
        Self { raw, payload: Payload::Whole, event: None, complete: true }
    }

    /// The document, if it has one. It may be empty, and need not be JSON (`[DONE]`).
    #[must_use]
    pub fn document(&self) -> Option<&[u8]> {
        match &self.payload {
            Payload::None => None,
            Payload::Whole => Some(&self.raw),
            Payload::Line(range) => self.raw.get(range.range()),
            Payload::Lines(lines) => Some(&lines.joined),
        }
    }

    /// The bytes of a range of the document.
    #[must_use]
    pub fn document_slice(&self, range: WireRange) -> Option<&[u8]> {
        self.document()?.get(range.range())
    }

    /// The value of the last `event:` field, if there is one.
    #[must_use]
    pub fn event_name(&self) -> Option<&[u8]> {
        self.raw.get(self.event?.range())
    }

    /// Where a range of the document stands in `raw`. `None` if it is not in the document, spans two data lines, or
    /// lies in a line `data` without a colon.
    #[must_use]
    pub fn to_raw(&self, range: WireRange) -> Option<WireRange> {
        match &self.payload {
            Payload::None => None,
            Payload::Whole => within(WireRange::new(0, self.raw.len()), range),
            Payload::Line(line) => within_line(&self.raw, *line, range),
            Payload::Lines(lines) => lines.to_raw(&self.raw, range),
        }
    }

    /// The raw bytes with edits applied whose ranges count in the document. Without edits: `raw` itself.
    /// Edits lie within JSON strings; one that removes what stands at the very start of a data line may let a space
    /// come first that readers drop.
    ///
    /// # Errors
    /// Edits out of order or out of range, or such as would break an event into two.
    pub fn splice(&self, edits: &[WireEdit]) -> Result<Bytes, SpliceError> {
        if edits.is_empty() || matches!(self.payload, Payload::Whole) {
            return splice(&self.raw, edits);
        }
        let raw_edits: Vec<WireEdit> =
            edits.iter().enumerate().map(|(index, edit)| self.raw_edit(index, edit)).collect::<Result<_, _>>()?;
        splice(&self.raw, &raw_edits)
    }

    fn raw_edit(&self, index: usize, edit: &WireEdit) -> Result<WireEdit, SpliceError> {
        // SECURITY: a raw line break would end the data line, and what follows it would be read as another field.
        if memchr::memchr2(b'\r', b'\n', &edit.bytes).is_some() {
            return Err(SpliceError::LineBreak { index });
        }
        let len = self.document().map_or(0, <[u8]>::len);
        let range = self.to_raw(edit.range).ok_or(match edit.range {
            WireRange { start, end } if end < start => SpliceError::OutOfOrder { index },
            WireRange { end, .. } if end > len => SpliceError::OutOfRange { index, len },
            _ => SpliceError::NoPlace { index },
        })?;
        Ok(WireEdit { range, bytes: edit.bytes.clone() })
    }
}

/// Shows no content.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("len", &self.raw.len())
            .field("payload", &self.payload)
            .field("event", &self.event)
            .field("complete", &self.complete)
            .finish()
    }
}

/// Shows no content.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Whole => f.write_str("Whole"),
            Self::Line(range) => f.debug_tuple("Line").field(range).finish(),
            Self::Lines(lines) => f.debug_tuple("Lines").field(lines).finish(),
        }
    }
}

/// Shows no content.
impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.segments.iter().map(|segment| segment.raw)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: usize, end: usize, bytes: &str) -> WireEdit {
        WireEdit { range: WireRange::new(start, end), bytes: bytes.into() }
    }

    /// `data: [1,` / `data:"ab"]` / blank.
    fn two_lines() -> Frame {
        let raw = Bytes::from_static(b"data: [1,\ndata:\"ab\"]\n\n");
        let lines = Lines::new(&raw, &[WireRange::new(6, 9), WireRange::new(15, 20)]);
        Frame { raw, payload: Payload::Lines(lines), event: None, complete: true }
    }

    #[test]
    fn lines_join_and_map_back() {
        let frame = two_lines();
        assert_eq!(frame.document(), Some(&b"[1,\n\"ab\"]"[..]));
        assert_eq!(frame.to_raw(WireRange::new(5, 7)), Some(WireRange::new(16, 18)));
        assert_eq!(frame.to_raw(WireRange::new(1, 3)), Some(WireRange::new(7, 9)));
        assert_eq!(frame.to_raw(WireRange::new(4, 4)), Some(WireRange::new(15, 15)));
        assert_eq!(frame.to_raw(WireRange::new(2, 5)), None);
        assert_eq!(frame.to_raw(WireRange::new(3, 4)), None, "the joint stands nowhere in the raw bytes");
        assert_eq!(frame.to_raw(WireRange::new(5, 10)), None);
    }

    #[test]
    fn lines_are_spliced_each_in_its_place() {
        let got = two_lines().splice(&[edit(1, 2, "22"), edit(5, 7, "")]).unwrap();
        assert_eq!(got, &b"data: [22,\ndata:\"\"]\n\n"[..]);
    }

    #[test]
    fn edits_that_would_break_the_stream_are_refused() {
        let cases = [
            (edit(2, 5, "x"), SpliceError::NoPlace { index: 0 }),
            (edit(5, 6, "x\ndata: y"), SpliceError::LineBreak { index: 0 }),
            (edit(5, 6, "x\ry"), SpliceError::LineBreak { index: 0 }),
            (edit(5, 99, ""), SpliceError::OutOfRange { index: 0, len: 9 }),
            (edit(6, 5, ""), SpliceError::OutOfOrder { index: 0 }),
        ];
        for (edit, expected) in cases {
            assert_eq!(two_lines().splice(&[edit]), Err(expected));
        }
        let none = Frame { payload: Payload::None, ..two_lines() };
        assert_eq!(none.splice(&[edit(0, 1, "")]), Err(SpliceError::OutOfRange { index: 0, len: 0 }));
        assert_eq!(none.splice(&[]).unwrap().as_ptr(), none.raw.as_ptr());
    }

    #[test]
    fn debug_shows_no_content() {
        assert!(!format!("{:?}", two_lines()).contains("ab"));
    }
}
