//! One scan: which text is new, which of it is decided, which rules look where, what they find.
//!
//! The order of a call: fold the new text and the open tail (`window`), see from where on it is open
//! ([`OpenTail`]), find keywords and digits (`prefilter`), run each rule's pattern in the windows around them and judge
//! each match (`judge`), settle overlaps (`resolve`). On clean text nothing is allocated.

mod digits;
mod judge;
mod keywords;
mod prefilter;
mod resolve;
mod watch;
mod window;

use std::ops::Range;
use std::sync::Arc;

use regex_automata::util::pool::Pool;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input};

use crate::detect::finding::Finding;
use crate::detect::open::{OpenCache, OpenTail};
use crate::detect::ruleset::{Matcher, Rule, Scope, Tuning};
use crate::text::{Phase, TextSpan};
pub(crate) use judge::{CONTEXT_AFTER, CONTEXT_BEFORE, mentions, word_finder};
use judge::{Judged, Surroundings};
use prefilter::Finder;
use resolve::Candidate;
pub use watch::Fate;
pub(crate) use watch::Sighting;
use window::Window;

/// Where the scan of one channel stands.
///
/// INVARIANT: offsets of raw text only, no text.
#[derive(Debug, Clone, Default)]
pub struct ScanState {
    /// All matches that start before this are known.
    known: usize,
    /// All findings before this are reported; none crosses it.
    decided: usize,
    /// Matches found whose overlaps are not settled.
    pending: Vec<Candidate>,
    /// Rules whose last match ends after `known`, and where; by rule.
    busy: Vec<(u32, usize)>,
}

/// Whose rules scan, and on which terms.
pub(crate) struct Terms<'a> {
    pub(crate) rules: &'a [Rule],
    /// Rows beside the rules, or none at all.
    pub(crate) tuning: &'a [Tuning],
    /// Only the rule of this number.
    pub(crate) only: Option<u32>,
    /// Who wants to know.
    pub(crate) watch: Option<&'a mut Vec<Sighting>>,
}

/// The automata that all rules share.
#[derive(Default)]
pub(crate) struct Engine {
    finder: Finder,
    open: Arc<OpenTail>,
    pool: Option<ScratchPool>,
}

type ScratchPool =
    Pool<Scratch, Box<dyn Fn() -> Scratch + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>>;

/// Working memory of one scan, reused.
struct Scratch {
    tail: OpenCache,
    memory: prefilter::Memory,
    slots: Vec<Option<NonMaxUsize>>,
}

impl Engine {
    /// # Errors
    /// The rules together are too large.
    pub(crate) fn new(rules: &[Rule]) -> Result<Self, String> {
        let streamed = rules.iter().map(|r| &r.matcher).filter(|m| !m.injection);
        let open = OpenTail::new(streamed.map(|m| (&m.hir, m.longest)))?;
        let finder = Finder::new(rules)?;
        let groups = rules.iter().filter_map(|r| r.matcher.secret).max().unwrap_or(0) + 1;
        let open = Arc::new(open);
        let (count, tail) = (rules.len(), Arc::clone(&open));
        let create = move || Scratch {
            tail: tail.cache(),
            memory: prefilter::Memory::new(count),
            slots: vec![None; groups * 2],
        };
        Ok(Self { finder, open, pool: Some(Pool::new(Box::new(create))) })
    }

    /// True if rule number `only` by itself finds something in the whole of `text`.
    pub(crate) fn scan_alone(&self, rules: &[Rule], only: u32, scope: Scope, text: &str) -> bool {
        let mut state = ScanState::default();
        let terms = Terms { rules, tuning: &[], only: Some(only), watch: None };
        if let Some(pool) = &self.pool {
            self.find(terms, scope, text, true, &mut state, &mut pool.get());
        }
        !state.pending.is_empty()
    }

    /// See [`crate::detect::Ruleset::scan`].
    pub(crate) fn scan(
        &self,
        terms: Terms<'_>,
        scope: Scope,
        text: &str,
        ended: bool,
        state: &mut ScanState,
        out: &mut Vec<Finding>,
    ) -> usize {
        let rules = terms.rules;
        // What looks ahead is decided at the end only.
        if !ended && (scope.phase == Phase::Request || scope.injection) {
            return state.decided;
        }
        let Some(pool) = &self.pool else {
            state.decided = text.len();
            return text.len();
        };
        self.find(terms, scope, text, ended, state, &mut pool.get());
        state.decided = resolve::resolve(&mut state.pending, state.known, ended, rules, out).max(state.decided);
        state.decided
    }

    /// Finds all matches that are decided and not yet known.
    fn find(
        &self,
        terms: Terms<'_>,
        scope: Scope,
        text: &str,
        ended: bool,
        state: &mut ScanState,
        scratch: &mut Scratch,
    ) {
        let window = Window::new(text, state.known, ended);
        let open = match ended {
            true => window.text().len(),
            false => self.open.start(&mut scratch.tail, window.text(), window.from),
        };
        let (open, known) = window.floor(open);
        let Terms { rules, tuning, only, watch } = terms;
        let mut pass = Pass { rules, tuning, scope, window: &window, open, slots: &mut scratch.slots, state, watch };
        let range = window.from..open;
        self.finder.run(rules, scope, window.text(), range, &mut scratch.memory, &mut |rule, place| {
            if only.is_none_or(|only| only == rule) {
                pass.look(rule, place);
            }
        });
        state.known = known.max(state.known);
        let known = state.known;
        state.busy.retain(|(_, end)| *end > known);
    }
}

/// Where a rule has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    /// Its pattern may match at this offset.
    At(usize),
    /// Its pattern may match between these offsets.
    Within(usize, usize),
    /// The words of its classes stand here: for each class, in order.
    Words(&'a [&'a [TextSpan]]),
}

/// Takes a rule's number and a place; the places of a rule come in order.
type Each<'a> = &'a mut dyn FnMut(u32, Place<'_>);

/// LIMIT: how many shorter matches are tried where one is refused; card numbers have no more groups.
const MOST_SHORTER: usize = 5;

/// LIMIT: places at which a sieve's match is tried as a match of the pattern, one by one, before the pattern searches on by itself.
const MOST_SIEVED: usize = 8;

/// One rule after the other over one window of text.
struct Pass<'a> {
    rules: &'a [Rule],
    tuning: &'a [Tuning],
    scope: Scope,
    window: &'a Window<'a>,
    /// Matches that start at or after this are not decided.
    open: usize,
    slots: &'a mut [Option<NonMaxUsize>],
    state: &'a mut ScanState,
    watch: Option<&'a mut Vec<Sighting>>,
}

impl Pass<'_> {
    /// Looks for matches of rule number `index` at a place of the view.
    fn look(&mut self, index: u32, place: Place<'_>) {
        let Some(rule) = self.rules.get(index as usize) else { return };
        let (matcher, text) = (&rule.matcher, self.window.text());
        let tuning = self.tuning.get(index as usize);
        if tuning.is_some_and(Tuning::is_off) {
            return;
        }
        let confidence = tuning.and_then(|row| row.confidence).unwrap_or(matcher.confidence);
        let busy = match self.state.busy.binary_search_by_key(&index, |(rule, _)| *rule) {
            Ok(at) => self.state.busy.get(at).map_or(0, |(_, end)| self.window.view_at(*end)),
            Err(_) => 0,
        };
        let first = self.window.from.max(busy);
        let (mut at, end, anchored) = match place {
            Place::At(start) if start < first => return,
            Place::At(start) => (start, start.saturating_add(matcher.longest).min(text.len()), Anchored::Yes),
            Place::Within(start, end) => (text.floor_char_boundary(start).max(first), end, Anchored::No),
            Place::Words(words) => return self.listen(index, confidence, words),
        };
        let end = text.ceil_char_boundary(end);
        if let Some(watch) = &mut self.watch {
            watch.push(Sighting::Searched { rule: index });
        }
        // Asked once for the whole place: asked for the rest of it after every match, long places of many would take quadratic time.
        let ascii_from = matcher.sieve.as_ref().map_or(0, |_| ascii_from(text.as_bytes(), at, end));
        while at < end {
            let found = match anchored {
                Anchored::No => self.next(matcher, at..end, ascii_from),
                _ => self.find(matcher, at..end, Anchored::Yes),
            };
            let Some(whole) = found.filter(|whole| whole.start < self.open) else { return };
            at = match self.try_match(index, matcher, confidence, whole) {
                Some((whole, span, judged)) => {
                    self.accept(index, whole, span, judged);
                    whole.end
                }
                // INVARIANT: what is refused shifts nothing. So a rule's findings are those of its decided starts, in
                // whichever windows they are searched; and what was refused hides no match inside it.
                None => text.ceil_char_boundary(whole.start + 1),
            };
            if anchored != Anchored::No {
                return;
            }
        }
    }

    /// Looks for phrases among words.
    fn listen(&mut self, index: u32, confidence: u8, words: &[&[TextSpan]]) {
        if let Some(watch) = &mut self.watch {
            watch.push(Sighting::Searched { rule: index });
        }
        let Some(phrase) = self.rules.get(index as usize).and_then(|rule| rule.matcher.phrase.as_ref()) else { return };
        let (text, mut free) = (self.window.text(), self.window.from);
        phrase.find(text, words, &mut |span| {
            if span.start >= free && span.start < self.open {
                free = span.end;
                self.accept(index, span, span, Judged { confidence, context: false });
            }
        });
    }

    /// The next match of a pattern; its groups are then in `slots`.
    ///
    /// Where the text is not ASCII, Unicode's word boundaries leave only the slowest of the pattern's engines. So the pattern
    /// without them says first where a match can begin at all.
    fn next(&mut self, matcher: &Matcher, mut range: Range<usize>, ascii_from: usize) -> Option<TextSpan> {
        let text = self.window.text();
        // With the character before it, at which a boundary looks.
        let ascii = range.start.saturating_sub(1) >= ascii_from;
        if let Some(sieve) = matcher.sieve.as_ref().filter(|_| !ascii) {
            for _ in 0..MOST_SIEVED {
                let start = sieve.search(&Input::new(text).range(range.clone()))?.start();
                if let Some(found) = self.find(matcher, start..range.end, Anchored::Yes) {
                    return Some(found);
                }
                range.start = text.ceil_char_boundary(start + 1);
                if range.is_empty() {
                    return None;
                }
            }
        }
        self.find(matcher, range, Anchored::No)
    }

    /// A match of a pattern, anywhere in `range` or at its beginning; its groups are then in `slots`.
    fn find(&mut self, matcher: &Matcher, range: Range<usize>, anchored: Anchored) -> Option<TextSpan> {
        self.slots.fill(None);
        // SECURITY: only the places that this pattern fills. Asked for more than it has, the search of a large pattern without
        // groups finds nothing at all.
        let used = 2 * (matcher.secret.unwrap_or(0) + 1);
        let slots = self.slots.get_mut(..used).unwrap_or_default();
        matcher.regex.search_slots(&Input::new(self.window.text()).range(range).anchored(anchored), slots)?;
        self.group(0)
    }

    /// Judges a match, and where it is refused though it goes over a space, the shorter ones at the same place: a number with another
    /// one behind it on the next line has matched as one. The match that is accepted, its span and its confidence.
    fn try_match(
        &mut self,
        rule: u32,
        matcher: &Matcher,
        confidence: u8,
        mut whole: TextSpan,
    ) -> Option<(TextSpan, TextSpan, Judged)> {
        for _ in 0..=MOST_SHORTER {
            let span = matcher.secret.and_then(|g| self.group(g)).filter(|s| !s.is_empty()).unwrap_or(whole);
            let surroundings = Surroundings { window: self.window, span, ahead: self.scope.phase == Phase::Request };
            match judge::judge(matcher, confidence, &surroundings, whole) {
                Ok(judged) => return Some((whole, span, judged)),
                Err(fate) => {
                    // What is missing around a match is missing around a shorter one.
                    let hopeless = matches!(fate, Fate::NoKeyword | Fate::NoContext);
                    self.tell(rule, span, fate);
                    if hopeless {
                        return None;
                    }
                }
            }
            let text = self.window.text();
            let shorter = text.get(whole.range())?.trim_end_matches(|c: char| !c.is_whitespace()).trim_end();
            let end = whole.start + shorter.len();
            if matcher.injection || end <= whole.start {
                return None;
            }
            whole = self.find(matcher, whole.start..end, Anchored::Yes)?;
        }
        None
    }

    fn accept(&mut self, rule: u32, whole: TextSpan, span: TextSpan, Judged { confidence, context }: Judged) {
        let text = self.window.text().get(span.range()).unwrap_or_default();
        // INVARIANT: what is not admitted has matched all the same, so that nothing is found inside it.
        match self.tuning.get(rule as usize).map_or(Ok(()), |row| row.admit(confidence, text)) {
            Ok(()) => {
                self.state.pending.push(Candidate { rule, span: self.window.raw(span), confidence });
                self.tell(rule, span, Fate::Candidate { confidence, context });
            }
            Err(fate) => self.tell(rule, span, fate),
        }
        let end = self.window.raw(whole).end;
        match self.state.busy.binary_search_by_key(&rule, |(rule, _)| *rule) {
            Ok(at) => self.state.busy.get_mut(at).into_iter().for_each(|busy| busy.1 = end),
            Err(at) => self.state.busy.insert(at, (rule, end)),
        }
    }

    fn tell(&mut self, rule: u32, span: TextSpan, fate: Fate) {
        if let Some(watch) = &mut self.watch {
            watch.push(Sighting::Matched { rule, span: self.window.raw(span), fate });
        }
    }

    fn group(&self, index: usize) -> Option<TextSpan> {
        let slot = |i: usize| self.slots.get(i).copied().flatten().map(NonMaxUsize::get);
        Some(TextSpan::new(slot(index * 2)?, slot(index * 2 + 1)?))
    }
}

/// From where on `text[start..end]`, with the character on either side of it, is ASCII.
fn ascii_from(text: &[u8], start: usize, end: usize) -> usize {
    let first = start.saturating_sub(1);
    let around = text.get(first..end.saturating_add(1).min(text.len())).unwrap_or_default();
    if around.is_ascii() {
        return first;
    }
    around.iter().rposition(|byte| !byte.is_ascii()).map_or(first, |last| first + last + 1)
}
