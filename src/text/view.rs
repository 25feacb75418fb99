//! A view: a text made from a raw text for scanning, with a map from each of its places back to the
//! raw text. Findings are made in views; edits are made in raw text, through the map.

use std::borrow::Cow;

use crate::text::TextSpan;

/// How a view came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// The text as it is.
    Raw,
    /// Normalised: see [`crate::text::fold`].
    Folded,
    /// Decoded by the codec of this name (`base64`, `percent` …).
    Decoded(&'static str),
}

/// A text to scan and the way back to the raw text that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View<'a> {
    /// What detectors read.
    pub text: Cow<'a, str>,
    /// How it was made.
    pub origin: Origin,
    map: OffsetMap,
}

impl<'a> View<'a> {
    /// The raw text as its own view.
    #[must_use]
    pub fn raw(text: &'a str) -> Self {
        Self::same(text, Origin::Raw)
    }

    /// A view that is the raw text itself, byte for byte; nothing is copied.
    #[must_use]
    pub fn same(text: &'a str, origin: Origin) -> Self {
        Self { text: Cow::Borrowed(text), origin, map: OffsetMap { kind: Kind::Identity, view_len: text.len() } }
    }

    /// True if every place of the view is the same place of the raw text.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        matches!(self.map.kind, Kind::Identity)
    }

    /// The smallest span of the raw text that covers what `span` of the view was made from; on character
    /// boundaries if `span` is.
    #[must_use]
    pub fn to_raw(&self, span: TextSpan) -> TextSpan {
        self.map.to_raw(span)
    }

    /// Where in the view the raw offset `raw` stands: the first view offset made from text at or after the
    /// piece that holds `raw`. Monotone.
    #[must_use]
    pub fn from_raw(&self, raw: usize) -> usize {
        self.map.view_of(raw)
    }
}

/// From view offsets to raw offsets.
///
/// INVARIANT: pieces are in order of `view`, without gaps there; their raw ranges never go backwards. Raw text
/// between two pieces was dropped from the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetMap {
    kind: Kind,
    view_len: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Identity,
    Pieces(Vec<Piece>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// First view byte; the piece ends where the next begins.
    view: usize,
    raw: TextSpan,
    /// Byte for byte the same as the raw text. Otherwise all of it stands for all of `raw`.
    copied: bool,
}

impl OffsetMap {
    fn to_raw(&self, span: TextSpan) -> TextSpan {
        let Kind::Pieces(pieces) = &self.kind else { return span };
        let start = match Self::piece_at(pieces, span.start) {
            Some(p) if p.copied => p.raw.start + (span.start - p.view).min(p.raw.len()),
            Some(p) => p.raw.start,
            None => 0,
        };
        if span.is_empty() {
            return TextSpan::new(start, start);
        }
        let end = match Self::piece_at(pieces, span.end - 1) {
            Some(p) if p.copied => p.raw.start + (span.end - p.view).min(p.raw.len()),
            Some(p) => p.raw.end,
            None => 0,
        };
        TextSpan::new(start, end.max(start))
    }

    fn view_of(&self, raw: usize) -> usize {
        let Kind::Pieces(pieces) = &self.kind else { return raw.min(self.view_len) };
        // The first piece that ends after `raw`: several may share a raw range (a decoded run inside a run).
        let at = pieces.partition_point(|p| p.raw.end <= raw);
        match pieces.get(at) {
            Some(p) if p.copied && raw > p.raw.start => p.view + (raw - p.raw.start),
            Some(p) => p.view,
            None => self.view_len,
        }
    }

    fn piece_at(pieces: &[Piece], view: usize) -> Option<&Piece> {
        let after = pieces.partition_point(|p| p.view <= view);
        pieces.get(after.checked_sub(1)?)
    }
}

/// Builds a view piece by piece, in order.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    text: String,
    pieces: Vec<Piece>,
}

impl Builder {
    /// With room for a view of about `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), pieces: Vec::new() }
    }

    /// Takes over `text`, which stands at `raw` of the raw text, as it is.
    pub(crate) fn copy(&mut self, text: &str, raw: usize) {
        if text.is_empty() {
            return;
        }
        let span = TextSpan::new(raw, raw + text.len());
        match self.pieces.last_mut() {
            Some(last) if last.copied && last.raw.end == raw => last.raw.end = span.end,
            _ => self.pieces.push(Piece { view: self.text.len(), raw: span, copied: true }),
        }
        self.text.push_str(text);
    }

    /// Writes `text` in place of `raw`.
    pub(crate) fn replace(&mut self, text: &str, raw: TextSpan) {
        if text.is_empty() {
            return;
        }
        self.pieces.push(Piece { view: self.text.len(), raw, copied: false });
        self.text.push_str(text);
    }

    /// True if what was written ends with `text`.
    pub(crate) fn ends_with(&self, text: &str) -> bool {
        self.text.ends_with(text)
    }

    /// Bytes written.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Takes over `text`, which stands at `at` of `parent`, mapped through the parent's map.
    pub(crate) fn inherit(&mut self, parent: &View<'_>, span: TextSpan) {
        let Some(text) = parent.text.get(span.range()) else { return };
        match &parent.map.kind {
            Kind::Identity => self.copy(text, span.start),
            Kind::Pieces(pieces) => {
                let first = pieces.partition_point(|p| p.view <= span.start).saturating_sub(1);
                let ends = pieces.iter().skip(first + 1).map(|p| p.view).chain([parent.map.view_len]);
                for (piece, end) in pieces.iter().skip(first).zip(ends) {
                    if piece.view >= span.end {
                        break;
                    }
                    let part = TextSpan::new(piece.view.max(span.start), end.min(span.end));
                    let text = parent.text.get(part.range()).unwrap_or_default();
                    match piece.copied {
                        true => self.copy(text, piece.raw.start + (part.start - piece.view)),
                        false => self.replace(text, piece.raw),
                    }
                }
            }
        }
    }

    /// The finished view.
    pub(crate) fn finish(self, origin: Origin) -> View<'static> {
        let map = OffsetMap { view_len: self.text.len(), kind: Kind::Pieces(self.pieces) };
        View { text: Cow::Owned(self.text), origin, map }
    }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "a test may fail loudly")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Raw text `0123456789…`, of which each step copies, replaces or drops a stretch.
    fn steps() -> impl Strategy<Value = Vec<(u8, usize, usize)>> {
        prop::collection::vec((0u8..3, 1usize..5, 0usize..4), 0..20)
    }

    fn build(steps: &[(u8, usize, usize)]) -> (String, View<'static>) {
        let raw: String = (0u8..120).map(|i| char::from(b'0' + i % 10)).collect();
        let (mut at, mut b) = (0, Builder::default());
        for &(what, raw_len, view_len) in steps {
            let span = TextSpan::new(at, at + raw_len);
            match what {
                0 => b.copy(&raw[span.range()], at),
                1 => b.replace(&"xyz"[..view_len], span),
                _ => {}
            }
            at = span.end;
        }
        (raw, b.finish(Origin::Folded))
    }

    proptest! {
        #[test]
        fn maps_are_monotone_and_within_bounds(steps in steps()) {
            let (raw, view) = build(&steps);
            let mut last = TextSpan::new(0, 0);
            for at in 0..view.text.len() {
                let span = view.to_raw(TextSpan::new(at, at + 1));
                prop_assert!(!span.is_empty() && span.end <= raw.len());
                prop_assert!(span.start >= last.start && span.end >= last.end);
                prop_assert!(view.from_raw(span.start) <= at);
                last = span;
            }
            let mut last = 0;
            for at in 0..=raw.len() {
                let view_at = view.from_raw(at);
                prop_assert!(view_at >= last && view_at <= view.text.len());
                last = view_at;
            }
        }

        #[test]
        fn a_span_covers_all_it_was_made_from(steps in steps(), a in 0usize..60, len in 1usize..20) {
            let (_, view) = build(&steps);
            let span = TextSpan::new(a.min(view.text.len()), (a + len).min(view.text.len()));
            let whole = view.to_raw(span);
            for at in span.range() {
                let one = view.to_raw(TextSpan::new(at, at + 1));
                prop_assert!(whole.start <= one.start && one.end <= whole.end);
            }
        }

        #[test]
        fn inheriting_all_is_the_same_map(steps in steps(), cut in 0usize..60) {
            let (_, view) = build(&steps);
            let cut = cut.min(view.text.len());
            let mut b = Builder::default();
            b.inherit(&view, TextSpan::new(0, cut));
            b.inherit(&view, TextSpan::new(cut, view.text.len()));
            let again = b.finish(Origin::Folded);
            prop_assert_eq!(&again.text, &view.text);
            for at in 0..view.text.len() {
                let span = TextSpan::new(at, at + 1);
                prop_assert_eq!(again.to_raw(span), view.to_raw(span));
            }
        }
    }

    #[test]
    fn copied_characters_map_to_themselves() {
        let view = View::raw("añb");
        assert_eq!(view.to_raw(TextSpan::new(1, 3)), TextSpan::new(1, 3));
        assert_eq!(view.from_raw(9), 4);
        assert!(view.is_identity());
    }

    #[test]
    fn what_was_dropped_inside_a_span_is_covered_and_at_its_ends_is_not() {
        let mut b = Builder::default();
        b.copy("41", 1);
        b.copy("11", 6);
        let view = b.finish(Origin::Folded);
        assert_eq!(view.to_raw(TextSpan::new(0, 4)), TextSpan::new(1, 8));
        assert_eq!(view.to_raw(TextSpan::new(0, 2)), TextSpan::new(1, 3));
        assert_eq!([0, 1, 3, 4, 6, 8].map(|r| view.from_raw(r)), [0, 0, 2, 2, 2, 4]);
    }
}
