//! Why a document was refused. Never shows a byte of it.

use std::fmt;

/// A refusal of the scanner: what, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanError {
    /// What is wrong.
    pub kind: ScanErrorKind,
    /// Byte offset in the document.
    pub offset: usize,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident, $name:literal, $text:literal;)*) => {
        /// What can be wrong with a document.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ScanErrorKind { $($(#[doc = $doc])* $kind,)* }

        impl ScanErrorKind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// Stable name for audit and metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
            /// What is wrong and how to mend it.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$kind => $text,)* }
            }
        }
    };
}

impl ScanErrorKind {
    /// True for what is well-formed but larger than we accept.
    #[must_use]
    pub const fn is_limit(self) -> bool {
        matches!(
            self,
            Self::NumberTooLong
                | Self::KeyTooLong
                | Self::TooDeep
                | Self::TooManyKeys
                | Self::TooManyValues
                | Self::TooLong
        )
    }
}

kinds! {
    /// The document ends before its value does; an empty document too.
    UnexpectedEnd, "unexpected_end", "the document ends too early; send one complete JSON value";
    /// A byte that the grammar does not allow here.
    UnexpectedByte, "unexpected_byte", "a byte that JSON does not allow here; send JSON as RFC 8259 defines it";
    /// More than whitespace after the value.
    TrailingData, "trailing_data", "data after the end of the value; send exactly one JSON value";
    /// U+FEFF before the value.
    ByteOrderMark, "byte_order_mark", "a byte order mark; send UTF-8 without one";
    /// Not UTF-8.
    InvalidUtf8, "invalid_utf8", "not valid UTF-8; encode the document as UTF-8";
    /// A raw control character in a string.
    ControlCharacter, "control_character", "a raw control character in a string; escape it";
    /// An escape that JSON does not know.
    InvalidEscape, "invalid_escape", "an escape that JSON does not know; use one of RFC 8259, section 7";
    /// Half of a surrogate pair.
    LoneSurrogate, "lone_surrogate", "half of a surrogate pair; escape both halves or neither";
    /// A number that the grammar does not allow.
    InvalidNumber, "invalid_number", "a malformed number; write it as RFC 8259, section 6 says";
    /// More bytes than `MAX_NUMBER_LEN`.
    NumberTooLong, "number_too_long", "a number literal that is too long; send it as a string or with fewer digits";
    /// A magnitude that is infinite in IEEE 754 binary64.
    NumberOverflow, "number_overflow", "a number too large for a double; send it as a string";
    /// The same key twice in one object, compared after unescaping.
    DuplicateKey, "duplicate_key", "a key that its object already has; send each key once";
    /// More bytes than `MAX_KEY_LEN`.
    KeyTooLong, "key_too_long", "a key that is too long; shorten it or move the text into a value";
    /// More than `MAX_DEPTH` nested containers.
    TooDeep, "too_deep", "nesting that is too deep; flatten the document";
    /// More than `MAX_KEYS_PER_OBJECT`.
    TooManyKeys, "too_many_keys", "an object with too many keys; split it";
    /// More than `MAX_VALUES`.
    TooManyValues, "too_many_values", "too many values; split the document";
    /// More bytes than `MAX_DOCUMENT_LEN`.
    TooLong, "too_long", "a document that is too long; split it";
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JSON refused at byte {}: {}", self.offset, self.kind.text())
    }
}

impl std::error::Error for ScanError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_texts_say_how_to_mend() {
        let mut names: Vec<_> = ScanErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ScanErrorKind::ALL.len());
        assert!(ScanErrorKind::ALL.iter().all(|kind| kind.text().contains("; ")));
    }

    #[test]
    fn displays_place_and_remedy() {
        let error = ScanError { kind: ScanErrorKind::DuplicateKey, offset: 17 };
        assert_eq!(error.to_string(), "JSON refused at byte 17: a key that its object already has; send each key once");
    }
}
