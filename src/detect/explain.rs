//! Why a text's findings are as they are: every match of every rule, in every view, and what became of it.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::detect::finding::{Finding, RuleInfo};
use crate::detect::ruleset::{Fate, Rule, Ruleset, ScanState, Scope};
use crate::detect::scan::{Sighting, Terms};
use crate::detect::views;
use crate::text::{Origin, TextSpan};

/// One match of one rule's pattern.
#[derive(Debug, Clone)]
pub struct Explanation<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// The view in which it matched.
    pub origin: Origin,
    /// What the finding covers, in the raw text.
    pub span: TextSpan,
    /// What the rule's own checks said.
    pub fate: Fate,
    /// What became of a candidate.
    pub end: Option<End>,
    /// How many other matches of the rule inside this one were refused too.
    pub inside: usize,
}

/// What became of a match that passed its rule's checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It is a finding.
    Reported,
    /// This rule's finding covers the place, and is surer, or longer.
    Covered(Arc<RuleInfo>),
}

/// Everything that rules made of a text.
#[derive(Debug, Clone)]
pub struct Explained<'r> {
    /// All matches, in order of their place.
    pub matches: Vec<Explanation<'r>>,
    /// Rules whose keywords or digits stand in the text, but whose pattern matches nowhere.
    pub silent: Vec<&'r Rule>,
}

impl Ruleset {
    /// Scans a whole text as [`Ruleset::scan_whole`] does, and tells all about it.
    #[must_use]
    pub fn explain(&self, scope: Scope, text: &str) -> Explained<'_> {
        let reported = self.scan_whole(scope, text);
        let (mut matches, mut searched) = (Vec::new(), vec![false; self.rules().len()]);
        let mut look = |origin: Origin, text: &str, to_raw: &dyn Fn(TextSpan) -> TextSpan| {
            for sighting in self.sightings(scope, text) {
                match sighting {
                    Sighting::Searched { rule } => {
                        if let Some(searched) = searched.get_mut(rule as usize) {
                            *searched = true;
                        }
                    }
                    Sighting::Matched { rule, span, fate } => {
                        let Some(rule) = self.rules().get(rule as usize) else { continue };
                        let span = to_raw(span);
                        let end = matches!(fate, Fate::Candidate { .. }).then(|| end(rule, span, &reported));
                        matches.push(Explanation { rule, origin, span, fate, end, inside: 0 });
                    }
                }
            }
        };
        look(Origin::Raw, text, &|span| span);
        for view in views::readings(scope.phase, text) {
            look(view.origin, &view.text, &|span| view.to_raw(span));
        }
        // Of overlapping matches the longest first, so that what was tried inside it stands behind it.
        matches.sort_by_key(|m: &Explanation<'_>| (m.span.start, Reverse(m.span.end)));
        let matches = outermost(matches);
        let silent = self
            .rules()
            .iter()
            .zip(searched)
            .filter(|(rule, searched)| *searched && !matches.iter().any(|m| std::ptr::eq(m.rule, *rule)));
        Explained { silent: silent.map(|(rule, _)| rule).collect(), matches }
    }

    pub(super) fn sightings(&self, scope: Scope, text: &str) -> Vec<Sighting> {
        let mut watch = Vec::new();
        self.scan_on(Terms { watch: Some(&mut watch), ..self.terms() }, scope, text, &mut ScanState::default());
        watch
    }
}

/// Leaves out refused matches inside another of the same rule and view: a pattern is tried again at every place of what it was refused.
fn outermost(matches: Vec<Explanation<'_>>) -> Vec<Explanation<'_>> {
    let mut kept: Vec<Explanation<'_>> = Vec::with_capacity(matches.len());
    for found in matches {
        let around = |k: &&mut Explanation<'_>| {
            std::ptr::eq(k.rule, found.rule)
                && k.origin == found.origin
                && k.span.start <= found.span.start
                && found.span.end <= k.span.end
        };
        match kept.iter_mut().rev().find(around).filter(|_| found.end.is_none()) {
            Some(outer) => outer.inside += 1,
            None => kept.push(found),
        }
    }
    kept
}

/// A candidate is a finding, or overlaps one: findings are the winners of overlaps.
fn end(rule: &Rule, span: TextSpan, reported: &[Finding]) -> End {
    let overlapping = || reported.iter().filter(|finding| finding.span.overlaps(span));
    match overlapping().find(|finding| finding.rule.id != rule.info.id) {
        Some(other) if !overlapping().any(|finding| finding.rule.id == rule.info.id) => {
            End::Covered(Arc::clone(&other.rule))
        }
        _ => End::Reported,
    }
}
