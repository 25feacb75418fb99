//! Whole texts, as commands have them: everything that rules find in a text and in what it encodes.

use crate::detect::finding::Finding;
use crate::detect::ruleset::{Ruleset, ScanState, Scope};
use crate::text::{Limits, Phase, View, decode, fold};

impl Ruleset {
    /// All findings in a whole text, disjoint, in order of `span.start`: in the text itself, and, in requests, where it is encoded or
    /// written in invisible characters. Spans are of `text`: an encoded run is one span.
    #[must_use]
    pub fn scan_whole(&self, scope: Scope, text: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        self.scan(scope, text, true, &mut ScanState::default(), &mut found);
        let (before, mut inner) = (found.len(), Vec::new());
        for view in views(scope.phase, text) {
            self.scan(scope, &view.text, true, &mut ScanState::default(), &mut inner);
            for finding in inner.drain(..) {
                let span = view.to_raw(finding.span);
                if !found.iter().any(|f| f.span.overlaps(span)) {
                    found.push(Finding { span, ..finding });
                }
            }
        }
        if found.len() > before {
            found.sort_by_key(|f| (f.span.start, f.span.end));
        }
        found
    }
}

/// What a text hides: its decoded views, and what it spells in invisible characters. The text itself is not among them.
pub(super) fn views(phase: Phase, text: &str) -> Vec<View<'static>> {
    if phase == Phase::Response {
        return Vec::new();
    }
    let mut views = decode(&View::raw(text), Limits::WHOLE);
    if !text.is_ascii() {
        views.append(&mut fold::examine(text).hidden);
    }
    views
}
