//! Two kinds of byte range that must never be mixed up.

use std::ops::Range;

/// A byte range in the (unescaped, UTF-8) text of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextSpan {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A byte range in the bytes of a frame as they stand on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireRange {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

macro_rules! range_methods {
    ($t:ty) => {
        impl $t {
            /// The range `start..end`.
            #[must_use]
            pub const fn new(start: usize, end: usize) -> Self {
                Self { start, end }
            }
            /// Length in bytes.
            #[must_use]
            pub const fn len(self) -> usize {
                self.end.saturating_sub(self.start)
            }
            /// True if nothing lies in it.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.end <= self.start
            }
            /// As a standard range, for slicing.
            #[must_use]
            pub const fn range(self) -> Range<usize> {
                self.start..self.end
            }
            /// True if both share at least one byte.
            #[must_use]
            pub const fn overlaps(self, other: Self) -> bool {
                self.start < other.end && other.start < self.end
            }
        }
    };
}
range_methods!(TextSpan);
range_methods!(WireRange);
