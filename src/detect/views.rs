//! One text in all its readings: the rules run over the folded text, and over what it says in other writings, each of which may hold
//! another. What is found is reported where it stands in the text itself.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::detect::finding::{Finding, RuleInfo};
use crate::detect::ruleset::{Ruleset, ScanState, Scope};
use crate::text::decode::{DEPTH, DecodeState, Limits, Reading, Readings, decode};
use crate::text::{Oddities, Phase, TextSpan, View, fold};

/// Invisible characters of which so many in one text are a finding. An emoji or a word of Persian has one or two, and they are not counted
/// as odd where they shape what they stand between.
const MANY_INVISIBLE: u32 = 12;

/// Tag characters spell text to models and nothing to people; flags are not counted.
const MANY_TAGS: u32 = 4;

/// Where the scan of a growing text and of its readings stands.
///
/// INVARIANT: offsets of raw text only, no text.
#[derive(Debug, Clone, Default)]
pub struct ViewState {
    scan: ScanState,
    decode: DecodeState,
    /// Findings of readings that are not settled, and whether their reading is exact.
    read: Vec<(Finding, bool)>,
    /// Findings of the text itself that are not settled.
    plain: Vec<Finding>,
    /// Stretches that are character codes and no numbers.
    codes: Vec<TextSpan>,
    /// Everything before this is settled.
    settled: usize,
}

impl Ruleset {
    /// As [`Ruleset::scan`], in all readings of `text`. Findings of different readings that overlap become one: the surest, over all of
    /// their text, so that nothing of any is left.
    pub fn scan_views(
        &self,
        scope: Scope,
        text: &str,
        ended: bool,
        state: &mut ViewState,
        out: &mut Vec<Finding>,
    ) -> usize {
        let known = self.scan(scope, text, ended, &mut state.scan, &mut state.plain);
        // What looks ahead is decided at the end only.
        if !ended && (scope.phase == Phase::Request || scope.injection) {
            return state.settled;
        }
        let limits = limits(scope.phase);
        let readings = decode(&View::raw(text), limits, ended, &mut state.decode);
        let mut hold = known.min(readings.hold);
        state.codes.retain(|span| span.end > state.settled);
        state.codes.extend(&readings.codes);
        let codes = std::mem::take(&mut state.codes);
        state.plain.retain(|finding| !is_within(finding, &codes));
        state.codes = codes;
        for reading in &readings.views {
            hold = hold.min(self.read(scope, reading, limits, DEPTH, &mut |finding, sure| {
                let span = TextSpan::new(finding.span.start.max(state.settled), finding.span.end);
                let same = |f: &Finding| f.span == span && f.rule.id == finding.rule.id;
                if !span.is_empty() && !state.read.iter().any(|(f, _)| same(f)) {
                    state.read.push((Finding { span, ..finding }, sure));
                }
            }));
        }
        if scope.injection {
            state.read.extend(invisible(text).map(|f| (f, true)));
        }
        state.settle(if ended { text.len() } else { hold.min(text.len()) }, out)
    }

    /// Scans one reading and the readings within it; returns from where on the text may still change what they say.
    fn read(
        &self,
        scope: Scope,
        reading: &Reading,
        limits: Limits,
        depth: usize,
        found: &mut dyn FnMut(Finding, bool),
    ) -> usize {
        let view = &reading.view;
        let mut findings = Vec::new();
        let decided = self.scan(scope, &view.text, !reading.open, &mut ScanState::default(), &mut findings);
        let inner = match depth > 1 && !reading.is_leaf() {
            true => decode(view, limits, !reading.open, &mut DecodeState::default()),
            false => Readings { hold: usize::MAX, ..Readings::default() },
        };
        for finding in findings {
            let finding = Finding { span: view.to_raw(finding.span), ..finding };
            if !is_within(&finding, &inner.codes) {
                found(finding, reading.sure);
            }
        }
        let mut hold = match reading.open && decided < view.text.len() {
            true => view.to_raw(TextSpan::new(decided, decided + 1)).start,
            false => usize::MAX,
        };
        hold = hold.min(inner.hold);
        for inner in inner.views {
            let sure = reading.sure;
            let deeper = self.read(scope, &inner, limits, depth - 1, &mut |f, exact| found(f, exact && sure));
            hold = hold.min(deeper);
        }
        hold
    }

    /// All findings in all readings of a whole text, disjoint and in order.
    #[must_use]
    pub fn scan_whole(&self, scope: Scope, text: &str) -> Vec<Finding> {
        let mut out = Vec::new();
        self.scan_views(scope, text, true, &mut ViewState::default(), &mut out);
        out
    }
}

/// What a whole text says in other writings, and what each of those says. The text itself is not among them.
pub(super) fn readings(phase: Phase, text: &str) -> Vec<View<'static>> {
    let limits = limits(phase);
    let mut all = decode(&View::raw(text), limits, true, &mut DecodeState::default()).views;
    let mut level = 0..all.len();
    for _ in 1..DEPTH {
        let outer = all.get(level.clone()).unwrap_or_default().iter().filter(|reading| !reading.is_leaf());
        let deeper: Vec<Reading> =
            outer.flat_map(|r| decode(&r.view, limits, true, &mut DecodeState::default()).views).collect();
        level = all.len()..all.len() + deeper.len();
        all.extend(deeper);
    }
    all.into_iter().map(|reading| reading.view).collect()
}

const fn limits(phase: Phase) -> Limits {
    match phase {
        Phase::Request => Limits::WHOLE,
        Phase::Response => Limits::STREAM,
    }
}

impl ViewState {
    /// Takes a finding that was made beside the readings, in the text's own places.
    pub fn add(&mut self, finding: Finding) {
        self.read.push((finding, true));
    }

    /// Reports what lies before `known`, and returns up to where everything is settled: never within a finding.
    fn settle(&mut self, known: usize, out: &mut Vec<Finding>) -> usize {
        let spans = self.plain.iter().chain(self.read.iter().map(|(f, _)| f)).map(|f| f.span);
        let mut spans: Vec<TextSpan> = spans.filter(|s| s.end > known).collect();
        spans.sort_unstable_by_key(|s| Reverse(s.start));
        let crossed = |bound: usize, s: &TextSpan| if s.start < bound && bound < s.end { s.start } else { bound };
        let bound = spans.iter().fold(known, crossed);
        if self.read.is_empty() {
            let due = self.plain.partition_point(|f| f.span.end <= bound);
            out.extend(self.plain.drain(..due));
        } else {
            let mut due: Vec<(Finding, bool)> =
                self.plain.extract_if(.., |f| f.span.end <= bound).map(|f| (f, true)).collect();
            let first = due.len();
            due.extend(self.read.extract_if(.., |(f, _)| f.span.end <= bound));
            if due.len() > first {
                unite(due, out);
            } else {
                out.extend(due.into_iter().map(|(f, _)| f));
            }
        }
        self.settled = self.settled.max(bound);
        self.settled
    }
}

/// True for a finding of digits that are character codes.
fn is_within(finding: &Finding, codes: &[TextSpan]) -> bool {
    finding.rule.weight == 0 && codes.iter().any(|c| c.start <= finding.span.start && finding.span.end <= c.end)
}

/// A guess is believed against what the text says plainly if it is surer by this much.
const SURER: u8 = 10;

/// Makes overlapping findings one. Injection findings stay as they are: they are added up, not edited.
fn unite(found: Vec<(Finding, bool)>, out: &mut Vec<Finding>) {
    let (mut signals, mut found): (Vec<_>, Vec<_>) = found.into_iter().partition(|(f, _)| f.rule.weight > 0);
    let first = out.len();
    // The plain and the exact first, then the surest: who comes first stays.
    found.sort_by(|(a, exact), (b, other)| {
        let key = |f: &Finding, exact: bool| (Reverse(exact), f.span.start, Reverse(f.span.end), Reverse(f.confidence));
        key(a, *exact).cmp(&key(b, *other)).then_with(|| a.rule.id.cmp(&b.rule.id))
    });
    // By their starts. They are disjoint, so those that overlap a span are the last ones that start before its end.
    let mut united: BTreeMap<usize, Finding> = BTreeMap::new();
    for (finding, exact) in found {
        let over = |f: &&Finding| f.span.overlaps(finding.span);
        let before = united.range(..finding.span.end).rev().map(|(_, f)| f);
        let surest = before.take_while(over).map(|f| f.confidence).max();
        if surest.is_some_and(|c| !exact && finding.confidence < c.saturating_add(SURER)) {
            continue;
        }
        let mut whole = finding;
        while let Some((&at, _)) =
            united.range(..whole.span.end).next_back().filter(|(_, f)| f.span.overlaps(whole.span))
        {
            let Some(other) = united.remove(&at) else { break };
            let span = TextSpan::new(other.span.start.min(whole.span.start), other.span.end.max(whole.span.end));
            let wins = (other.confidence, other.span.len()) >= (whole.confidence, whole.span.len());
            whole = Finding { span, ..if wins { other } else { whole } };
        }
        united.insert(whole.span.start, whole);
    }
    signals
        .sort_by(|(a, _), (b, _)| (a.span.start, a.span.end, &a.rule.id).cmp(&(b.span.start, b.span.end, &b.rule.id)));
    signals.dedup_by(|(a, _), (b, _)| a.span == b.span && a.rule.id == b.rule.id);
    out.extend(united.into_values().chain(signals.into_iter().map(|(f, _)| f)));
    if let Some(new) = out.get_mut(first..) {
        new.sort_by_key(|f| (f.span.start, f.span.end));
    }
}

/// What many invisible characters are reported as.
static INVISIBLE: LazyLock<[Arc<RuleInfo>; 2]> = LazyLock::new(|| {
    let info = |id: &str, weight| {
        Arc::new(RuleInfo { id: id.into(), kind: "injection.obfuscation".into(), word: "HIDDEN".into(), weight })
    };
    [info("many-invisible-characters", 35), info("text-in-tag-characters", 60)]
});

/// Many invisible characters in one text.
fn invisible(text: &str) -> Option<Finding> {
    let odd = fold::count_invisible(text);
    let [many, tags] = &*INVISIBLE;
    let rule = match odd {
        Oddities { tags: MANY_TAGS.., .. } => tags,
        _ if odd.zero_width + odd.variation_bytes + odd.bidi >= MANY_INVISIBLE => many,
        _ => return None,
    };
    Some(Finding { rule: Arc::clone(rule), span: TextSpan::new(0, text.len()), confidence: rule.weight })
}
