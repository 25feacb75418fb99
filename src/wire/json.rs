//! A strict scanner over one complete JSON document: one pass, no tree, no recursion, no copies.
//!
//! It accepts what [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259) defines and refuses, beyond that, all that two
//! parsers may read differently: a byte order mark, equal keys in one object, halves of surrogate pairs, numbers that
//! are no finite double, and documents past the limits below. What it accepts, `serde_json` accepts too.
//!
//! The events carry byte ranges of the document. Events of a document that turns out to be refused have already been
//! delivered; they must then be thrown away.

mod error;
mod keys;
mod number;

pub use error::{ScanError, ScanErrorKind};
pub use keys::{MAX_KEY_LEN, MAX_KEYS_PER_OBJECT};
pub use number::MAX_NUMBER_LEN;

use super::bytescan::plain_run;
use super::escape::{EscapeFault, decode_escape};
use crate::text::WireRange;
use keys::KeyBook;

/// LIMIT: nested containers. Parsers on the other side stop between 64 and 1,024 levels, or overflow their stack; tool
/// schemas, the deepest documents in practice, stay below 20.
pub const MAX_DEPTH: usize = 64;

/// LIMIT: values (containers included) of one document. Bounds what a visitor may record for each of them; a batch of
/// a thousand embeddings of 4,096 numbers fits.
pub const MAX_VALUES: usize = 1 << 22;

/// LIMIT: bytes of a document, so that 32-bit offsets are enough for maps within it.
pub const MAX_DOCUMENT_LEN: usize = u32::MAX as usize;

/// A string literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Str {
    /// What stands between the quotes.
    pub range: WireRange,
    /// True if at least one escape stands in it.
    pub escaped: bool,
}

/// Takes the events of a scan, in the order of the document. Every method does nothing unless defined.
pub trait Visitor {
    /// `{`
    #[inline]
    fn object_start(&mut self, _at: usize) {}
    /// `}`
    #[inline]
    fn object_end(&mut self, _end: usize) {}
    /// `[`
    #[inline]
    fn array_start(&mut self, _at: usize) {}
    /// `]`
    #[inline]
    fn array_end(&mut self, _end: usize) {}
    /// A key; the next event begins its value.
    #[inline]
    fn key(&mut self, _key: Str) {}
    /// A string value.
    #[inline]
    fn string(&mut self, _value: Str) {}
    /// A number value; the range is its literal.
    #[inline]
    fn number(&mut self, _literal: WireRange) {}
    /// `true`, `false` or `null`; the range is its literal.
    #[inline]
    fn literal(&mut self, _literal: WireRange) {}
}

/// Listens to nothing: only checks.
impl Visitor for () {}

/// Scans one document; whitespace may surround it.
///
/// # Errors
/// The first thing in `doc` that is not as described above.
pub fn scan<V: Visitor>(doc: &[u8], visitor: &mut V) -> Result<(), ScanError> {
    if doc.len() > MAX_DOCUMENT_LEN {
        return Err(ScanError { kind: ScanErrorKind::TooLong, offset: MAX_DOCUMENT_LEN });
    }
    if doc.starts_with(b"\xef\xbb\xbf") {
        return Err(ScanError { kind: ScanErrorKind::ByteOrderMark, offset: 0 });
    }
    if simdutf8::basic::from_utf8(doc).is_err() {
        return Err(invalid_utf8(doc));
    }
    Scanner { doc, at: 0, depth: 0, objects: 0, values: 0, keys: KeyBook::new(doc), visitor }.document()
}

/// The fast check does not say where.
#[cold]
fn invalid_utf8(doc: &[u8]) -> ScanError {
    let offset = std::str::from_utf8(doc).err().map_or(0, |error| error.valid_up_to());
    ScanError { kind: ScanErrorKind::InvalidUtf8, offset }
}

struct Scanner<'d, 'v, V> {
    doc: &'d [u8],
    at: usize,
    depth: usize,
    /// One bit for each open container, the innermost lowest: set if it is an object.
    /// INVARIANT: `MAX_DEPTH` is the number of its bits.
    objects: u64,
    values: usize,
    keys: KeyBook<'d>,
    visitor: &'v mut V,
}

const _: () = assert!(MAX_DEPTH == u64::BITS as usize);

impl<V: Visitor> Scanner<'_, '_, V> {
    fn document(&mut self) -> Result<(), ScanError> {
        self.skip_whitespace();
        loop {
            if self.value()? {
                continue;
            }
            if !self.after_value()? {
                break;
            }
        }
        self.skip_whitespace();
        if self.at == self.doc.len() { Ok(()) } else { Err(self.error(ScanErrorKind::TrailingData)) }
    }

    /// Reads a value, or opens a container. True if the next thing is the first value in a container.
    #[inline]
    fn value(&mut self) -> Result<bool, ScanError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.error(ScanErrorKind::TooManyValues));
        }
        match self.peek() {
            Some(b'"') => {
                let value = self.string()?;
                self.visitor.string(value);
            }
            Some(b'{') => {
                let at = self.at;
                self.open(true)?;
                self.visitor.object_start(at);
                self.keys.open();
                if self.peek() != Some(b'}') {
                    self.key()?;
                    return Ok(true);
                }
            }
            Some(b'[') => {
                let at = self.at;
                self.open(false)?;
                self.visitor.array_start(at);
                if self.peek() != Some(b']') {
                    return Ok(true);
                }
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.literal(b"true")?,
            Some(b'f') => self.literal(b"false")?,
            Some(b'n') => self.literal(b"null")?,
            _ => return Err(self.unexpected()),
        }
        Ok(false)
    }

    /// Reads on from the end of a value (or from an empty container) to the next value; false at the document's end.
    #[inline]
    fn after_value(&mut self) -> Result<bool, ScanError> {
        while self.depth > 0 {
            self.skip_whitespace();
            let in_object = self.objects & 1 == 1;
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.skip_whitespace();
                    if in_object {
                        self.key()?;
                    }
                    return Ok(true);
                }
                Some(b'}') if in_object => {
                    self.keys.close();
                    let end = self.at + 1;
                    self.close();
                    self.visitor.object_end(end);
                }
                Some(b']') if !in_object => {
                    let end = self.at + 1;
                    self.close();
                    self.visitor.array_end(end);
                }
                _ => return Err(self.unexpected()),
            }
        }
        Ok(false)
    }

    #[inline]
    fn open(&mut self, object: bool) -> Result<(), ScanError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(ScanErrorKind::TooDeep));
        }
        self.depth += 1;
        self.objects = (self.objects << 1) | u64::from(object);
        self.at += 1;
        self.skip_whitespace();
        Ok(())
    }

    #[inline]
    fn close(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
        self.at += 1;
    }

    /// A key, its colon, and the whitespace around them.
    #[inline]
    fn key(&mut self) -> Result<(), ScanError> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let key = self.string()?;
        self.keys.add(key).map_err(|kind| ScanError { kind, offset: key.range.start })?;
        self.visitor.key(key);
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        self.skip_whitespace();
        Ok(())
    }

    /// A string literal; `at` is at its opening quote, and afterwards behind its closing one.
    #[inline]
    fn string(&mut self) -> Result<Str, ScanError> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.doc.get(self.at..).unwrap_or_default();
            let run = plain_run(rest);
            self.at += run;
            match rest.get(run) {
                Some(b'"') => {
                    let range = WireRange::new(start, self.at);
                    self.at += 1;
                    return Ok(Str { range, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escapes()?;
                }
                Some(_) => return Err(self.error(ScanErrorKind::ControlCharacter)),
                None => return Err(self.error(ScanErrorKind::UnexpectedEnd)),
            }
        }
    }

    /// One escape, and those that follow it without anything between.
    #[inline]
    fn escapes(&mut self) -> Result<(), ScanError> {
        loop {
            let rest = self.doc.get(self.at..).unwrap_or_default();
            match decode_escape(rest) {
                Ok((_, len)) => self.at += len,
                Err(fault) => return Err(self.error(fault.into())),
            }
            if self.peek() != Some(b'\\') {
                return Ok(());
            }
        }
    }

    #[inline]
    fn number(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        let len = number::number_len(self.doc.get(start..).unwrap_or_default())
            .map_err(|(kind, offset)| ScanError { kind, offset: start + offset })?;
        self.at += len;
        self.visitor.number(WireRange::new(start, self.at));
        Ok(())
    }

    #[inline]
    fn literal(&mut self, word: &[u8]) -> Result<(), ScanError> {
        let start = self.at;
        let rest = self.doc.get(start..).unwrap_or_default();
        if !rest.starts_with(word) {
            self.at += rest.iter().zip(word).take_while(|(a, b)| a == b).count();
            return Err(self.unexpected());
        }
        self.at += word.len();
        self.visitor.literal(WireRange::new(start, self.at));
        Ok(())
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.doc.get(self.at).copied()
    }

    #[inline]
    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[cold]
    fn unexpected(&self) -> ScanError {
        self.error(if self.at < self.doc.len() { ScanErrorKind::UnexpectedByte } else { ScanErrorKind::UnexpectedEnd })
    }

    #[cold]
    const fn error(&self, kind: ScanErrorKind) -> ScanError {
        ScanError { kind, offset: self.at }
    }
}

impl From<EscapeFault> for ScanErrorKind {
    fn from(fault: EscapeFault) -> Self {
        match fault {
            EscapeFault::Cut => Self::UnexpectedEnd,
            EscapeFault::Unknown => Self::InvalidEscape,
            EscapeFault::LoneSurrogate => Self::LoneSurrogate,
        }
    }
}

#[cfg(test)]
mod tests;
