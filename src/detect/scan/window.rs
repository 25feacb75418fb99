//! The stretch of a channel that one call looks at, folded: the new text, the open tail before it, and as much of
//! what came before as rules may look back at.

use crate::text::fold::{self, fold};
use crate::text::{TextSpan, View};

/// Raw bytes before the first undecided one that are folded too, for boundaries and context words.
pub(super) const LOOK_BACK: usize = 256;

/// A folded stretch of raw text.
pub(super) struct Window<'a> {
    view: View<'a>,
    /// Raw offset of the stretch.
    base: usize,
    /// Raw offset of the end of what folds the same whatever follows.
    end: usize,
    /// View offset from which on matches are wanted.
    pub(super) from: usize,
}

impl<'a> Window<'a> {
    /// The window of `text` whose matches are known before the raw offset `known`.
    pub(super) fn new(text: &'a str, known: usize, ended: bool) -> Self {
        let base = fold::clean_cut(text, known.saturating_sub(LOOK_BACK));
        let rest = text.get(base..).unwrap_or_default();
        let settled = if ended { rest.len() } else { fold::settled(rest).max(known.saturating_sub(base)) };
        let view = fold(rest.get(..settled).unwrap_or(rest));
        let from = view.from_raw(known.saturating_sub(base));
        Self { view, base, end: base + settled, from }
    }

    pub(super) fn text(&self) -> &str {
        &self.view.text
    }

    /// The raw span that a span of the view was made from.
    pub(super) fn raw(&self, span: TextSpan) -> TextSpan {
        let span = self.view.to_raw(span);
        TextSpan::new(span.start + self.base, span.end + self.base)
    }

    /// The view offset of a raw offset.
    pub(super) fn view_at(&self, raw: usize) -> usize {
        self.view.from_raw(raw.saturating_sub(self.base))
    }

    /// The last offset at or before the view offset `at` that is one both in the view and in the raw text: both.
    pub(super) fn floor(&self, at: usize) -> (usize, usize) {
        if at >= self.text().len() {
            return (self.text().len(), self.end);
        }
        let raw = self.raw(TextSpan::new(at, at)).start;
        (self.view_at(raw), raw)
    }
}
