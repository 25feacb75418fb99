//! Edits put into bytes. What no edit touches stays the very same bytes, and without edits no byte is copied.

use std::fmt;

use bytes::Bytes;

use crate::text::WireRange;

/// Bytes to put in the place of others.
#[derive(Clone, PartialEq, Eq)]
pub struct WireEdit {
    /// What goes; empty to insert.
    pub range: WireRange,
    /// What comes.
    pub bytes: Vec<u8>,
}

/// Shows no content.
impl fmt::Debug for WireEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireEdit").field("range", &self.range).field("len", &self.bytes.len()).finish()
    }
}

/// Why edits cannot be applied. Always a mistake of the code that made the edits; nothing has been changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// An edit begins before the end of the one before it, or ends before it begins.
    #[error("edit {index} overlaps the one before it or is reversed; sort edits and merge those that overlap")]
    OutOfOrder {
        /// Which of the edits.
        index: usize,
    },
    /// An edit reaches past the end.
    #[error("edit {index} reaches past byte {len}; make edits from ranges of the same frame")]
    OutOfRange {
        /// Which of the edits.
        index: usize,
        /// Length of what is edited.
        len: usize,
    },
    /// An edit spans two `data:` lines, or stands in one without a colon.
    #[error("edit {index} does not lie in one data line; cut it where the lines meet")]
    NoPlace {
        /// Which of the edits.
        index: usize,
    },
    /// An edit brings a line break into an event stream.
    #[error("edit {index} brings a line break into an event; escape it as JSON does")]
    LineBreak {
        /// Which of the edits.
        index: usize,
    },
}

/// Applies edits that are sorted and do not overlap. Without edits the result shares the memory of `doc`.
///
/// # Errors
/// Edits out of order or out of range; nothing is half applied.
pub fn splice(doc: &Bytes, edits: &[WireEdit]) -> Result<Bytes, SpliceError> {
    if edits.is_empty() {
        return Ok(doc.clone());
    }
    let brought: usize = edits.iter().map(|edit| edit.bytes.len()).sum();
    let mut out = Vec::with_capacity(doc.len() + brought);
    let mut done = 0;
    for (index, edit) in edits.iter().enumerate() {
        let WireRange { start, end } = edit.range;
        if start < done || end < start {
            return Err(SpliceError::OutOfOrder { index });
        }
        if end > doc.len() {
            return Err(SpliceError::OutOfRange { index, len: doc.len() });
        }
        out.extend_from_slice(doc.get(done..start).unwrap_or_default());
        out.extend_from_slice(&edit.bytes);
        done = end;
    }
    out.extend_from_slice(doc.get(done..).unwrap_or_default());
    Ok(Bytes::from(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: usize, end: usize, bytes: &str) -> WireEdit {
        WireEdit { range: WireRange::new(start, end), bytes: bytes.into() }
    }

    #[test]
    fn table() {
        let cases: &[(&[WireEdit], Result<&str, SpliceError>)] = &[
            (&[], Ok("0123456789")),
            (&[edit(0, 0, "a")], Ok("a0123456789")),
            (&[edit(10, 10, "z")], Ok("0123456789z")),
            (&[edit(0, 10, "")], Ok("")),
            (&[edit(1, 3, "x"), edit(3, 3, "y"), edit(3, 4, ""), edit(9, 10, "long")], Ok("0xy45678long")),
            (&[edit(2, 4, ""), edit(3, 5, "")], Err(SpliceError::OutOfOrder { index: 1 })),
            (&[edit(4, 2, "")], Err(SpliceError::OutOfOrder { index: 0 })),
            (&[edit(2, 11, "")], Err(SpliceError::OutOfRange { index: 0, len: 10 })),
            (&[edit(11, 11, "")], Err(SpliceError::OutOfRange { index: 0, len: 10 })),
        ];
        let doc = Bytes::from_static(b"0123456789");
        for (edits, expected) in cases {
            let got = splice(&doc, edits);
            assert_eq!(got.as_deref(), expected.as_ref().map(|text| text.as_bytes()), "{edits:?}");
        }
    }

    #[test]
    fn no_edits_share_memory() {
        let doc = Bytes::from(b"some document".to_vec());
        assert_eq!(splice(&doc, &[]).unwrap().as_ptr(), doc.as_ptr());
    }

    #[test]
    fn debug_shows_no_content() {
        assert!(!format!("{:?}", edit(0, 1, "secret")).contains("secret"));
    }
}
