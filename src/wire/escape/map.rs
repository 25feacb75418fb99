//! From offsets in the text of a literal to offsets in the literal, and back.

use crate::text::{TextSpan, WireRange};

/// The escapes of one literal. Between them text and literal are the same bytes, so nothing is kept for the rest: the
/// map of a literal without escapes is empty, and the identity.
///
/// INVARIANT: entries are in order and do not overlap, so both directions are monotone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EscapeMap {
    escapes: Vec<Escape>,
}

/// One escape. 32-bit offsets: the scanner refuses documents in which they would not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Escape {
    text: u32,
    raw: u32,
    text_len: u8,
    raw_len: u8,
}

impl EscapeMap {
    /// The identity.
    #[must_use]
    pub const fn new() -> Self {
        Self { escapes: Vec::new() }
    }

    /// True if text and literal are the same bytes.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.escapes.is_empty()
    }

    /// Makes it the identity again; keeps the memory.
    pub fn clear(&mut self) {
        self.escapes.clear();
    }

    pub(super) fn push(&mut self, text: usize, text_len: usize, raw: usize, raw_len: usize) {
        let (Ok(text), Ok(raw)) = (u32::try_from(text), u32::try_from(raw)) else { return };
        let (Ok(text_len), Ok(raw_len)) = (u8::try_from(text_len), u8::try_from(raw_len)) else { return };
        self.escapes.push(Escape { text, raw, text_len, raw_len });
    }

    /// The raw offset of a text offset; exact at every character boundary. Within a character that is written as an
    /// escape it is the start of that escape.
    #[must_use]
    pub fn to_raw(&self, text: usize) -> usize {
        self.raw_around(text).start
    }

    /// The raw bytes of exactly the characters that `span` touches: replacing them replaces these characters.
    #[must_use]
    pub fn to_raw_range(&self, span: TextSpan) -> WireRange {
        let start = self.raw_around(span.start).start;
        WireRange::new(start, self.raw_around(span.end).end.max(start))
    }

    /// The text offset of a raw offset; exact between characters, and within an escape the start of its character.
    #[must_use]
    pub fn to_text(&self, raw: usize) -> usize {
        let following = self.escapes.partition_point(|escape| escape.raw_start() < raw);
        match following.checked_sub(1).and_then(|index| self.escapes.get(index)) {
            None => raw,
            Some(escape) if raw < escape.raw_end() => escape.text_start(),
            Some(escape) => escape.text_end() + (raw - escape.raw_end()),
        }
    }

    /// An empty range at a boundary, the whole escape within one.
    fn raw_around(&self, text: usize) -> WireRange {
        let following = self.escapes.partition_point(|escape| escape.text_start() < text);
        match following.checked_sub(1).and_then(|index| self.escapes.get(index)) {
            None => WireRange::new(text, text),
            Some(escape) if text < escape.text_end() => WireRange::new(escape.raw_start(), escape.raw_end()),
            Some(escape) => {
                let raw = escape.raw_end() + (text - escape.text_end());
                WireRange::new(raw, raw)
            }
        }
    }
}

impl Escape {
    const fn text_start(self) -> usize {
        self.text as usize
    }
    const fn text_end(self) -> usize {
        self.text as usize + self.text_len as usize
    }
    const fn raw_start(self) -> usize {
        self.raw as usize
    }
    const fn raw_end(self) -> usize {
        self.raw as usize + self.raw_len as usize
    }
}
