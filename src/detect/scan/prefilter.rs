//! Where rules have to look: one pass for the keywords of all rules, one for digits.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use super::judge::CONTEXT_BEFORE;
use crate::detect::ruleset::shape::Around;
use crate::detect::ruleset::{Prefilter, Rule, Scope};

/// LIMIT: keyword bytes up to which the automaton is a full table: about one KiB of table a byte.
const MAX_DFA_KEYWORD_BYTES: usize = 8 << 10;
/// Farthest that an unbounded injection pattern is followed around a keyword. LIMIT: longer matches are not found.
const INJECTION_REACH: usize = 4 << 10;
/// Gaps between digits are rounded up to one of these: wider windows, but few clusters to keep.
const GAPS: [usize; 6] = [1, 2, 4, 12, 48, usize::MAX];
/// Bytes of text that are searched for a digit at a time.
const BLOCK: usize = 64;

/// Finds the places at which rules have to run.
#[derive(Default)]
pub(super) struct Finder {
    keywords: Option<AhoCorasick>,
    /// By keyword: the rules that have it.
    by_keyword: Vec<Vec<Hit>>,
    digits: Vec<DigitGroup>,
    always: Vec<u32>,
}

/// A rule and how far its matches reach around a hit.
#[derive(Debug, Clone, Copy)]
struct Hit {
    rule: u32,
    injection: bool,
    lead: usize,
    trail: usize,
    /// Hits inside a word are none.
    starts: bool,
    side: Side,
}

/// What a hit is to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// All that a match needs.
    Alone,
    /// One of `keywords`, where a match needs one of `also` too.
    Keyword,
    /// One of `also`.
    Also,
}

/// Rules whose digits lie alike.
struct DigitGroup {
    gap: usize,
    /// Least number of digits of any rule in it.
    least: usize,
    rules: Vec<(usize, Hit)>,
}

/// Digits that lie together.
#[derive(Debug, Clone, Copy, Default)]
struct Cluster {
    first: usize,
    last: usize,
    count: usize,
}

/// The open window of each rule. Windows that touch are one, so that no text is searched twice.
pub(super) struct Windows {
    open: Vec<Option<(usize, usize)>>,
    touched: Vec<u32>,
    /// By rule that needs two words: the last stretch around one and around the other.
    pairs: Vec<[Option<(usize, usize)>; 2]>,
    paired: Vec<u32>,
}

impl Windows {
    pub(super) fn new(rules: usize) -> Self {
        Self {
            open: vec![None; rules],
            touched: Vec::with_capacity(rules),
            pairs: vec![[None; 2]; rules],
            paired: Vec::with_capacity(rules),
        }
    }

    fn hit(&mut self, hit: &Hit, start: usize, end: usize, search: &mut dyn FnMut(u32, usize, usize)) {
        if hit.side == Side::Alone {
            return self.add(hit.rule, start, end, search);
        }
        let Some([keyword, also]) = self.pairs.get_mut(hit.rule as usize) else { return };
        if keyword.is_none() && also.is_none() {
            self.paired.push(hit.rule);
        }
        let (own, other) = if hit.side == Side::Keyword { (keyword, also) } else { (also, keyword) };
        match own {
            Some(stretch) if start <= stretch.1 => stretch.1 = stretch.1.max(end),
            _ => *own = Some((start, end)),
        }
        // INVARIANT: a match lies within the stretches around both of its words. The later of the two finds that around the
        // earlier: another one has replaced it only if it ends before the later word does.
        if let Some((first, last)) = *other
            && first.max(start) < last.min(end)
        {
            self.add(hit.rule, first.max(start), last.min(end), search);
        }
    }

    fn add(&mut self, rule: u32, start: usize, end: usize, search: &mut dyn FnMut(u32, usize, usize)) {
        let Some(slot) = self.open.get_mut(rule as usize) else { return };
        match slot {
            // Hits come in order of their ends, so a window may begin before the one before it.
            Some(window) if start <= window.1 => *window = (window.0.min(start), window.1.max(end)),
            Some(window) => {
                search(rule, window.0, window.1);
                *window = (start, end);
            }
            None => {
                *slot = Some((start, end));
                self.touched.push(rule);
            }
        }
    }

    fn finish(&mut self, search: &mut dyn FnMut(u32, usize, usize)) {
        for rule in self.touched.drain(..) {
            if let Some((start, end)) = self.open.get_mut(rule as usize).and_then(Option::take) {
                search(rule, start, end);
            }
        }
        for rule in self.paired.drain(..) {
            self.pairs.get_mut(rule as usize).into_iter().for_each(|pair| *pair = [None; 2]);
        }
    }
}

impl Finder {
    /// # Errors
    /// The keywords together are too large.
    pub(super) fn new(rules: &[Rule]) -> Result<Self, String> {
        let mut words: Vec<String> = Vec::new();
        let mut this = Self::default();
        for (rule, number) in rules.iter().zip(0u32..) {
            let injection = rule.matcher.injection;
            let reach = if injection { INJECTION_REACH } else { usize::MAX };
            let hit = |lead: usize, trail: usize| Hit {
                rule: number,
                injection,
                lead: lead.min(reach),
                trail: trail.min(reach),
                starts: false,
                side: Side::Alone,
            };
            let around = |around: Around, side| Hit { starts: around.starts, side, ..hit(around.lead, around.trail) };
            match rule.matcher.prefilter {
                Prefilter::Always => this.always.push(number),
                Prefilter::Never => {}
                Prefilter::Digits { least, gap, lead, trail } => this.add_digits(gap, least, hit(lead, trail)),
                Prefilter::Keywords(found) if rule.matcher.also.is_empty() => {
                    this.add_words(&mut words, &rule.matcher.keywords, around(found, Side::Alone));
                }
                Prefilter::Keywords(found) => {
                    this.add_words(&mut words, &rule.matcher.keywords, around(found, Side::Keyword));
                    this.add_words(&mut words, &rule.matcher.also, around(rule.matcher.around_also, Side::Also));
                }
            }
        }
        if !words.is_empty() {
            let full = words.iter().map(String::len).sum::<usize>() <= MAX_DFA_KEYWORD_BYTES;
            let kind = if full { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
            let mut builder = AhoCorasick::builder();
            builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard).kind(Some(kind));
            this.keywords = Some(builder.build(&words).map_err(|e| format!("keywords: {e}"))?);
        }
        Ok(this)
    }

    fn add_words(&mut self, words: &mut Vec<String>, new: &[String], hit: Hit) {
        for word in new {
            let at = words.iter().position(|w| w == word).unwrap_or_else(|| {
                words.push(word.clone());
                self.by_keyword.push(Vec::new());
                words.len() - 1
            });
            let hits = self.by_keyword.get_mut(at);
            let hits = hits.filter(|hits| hits.iter().all(|h| (h.rule, h.side) != (hit.rule, hit.side)));
            hits.into_iter().for_each(|hits| hits.push(hit));
        }
    }

    fn add_digits(&mut self, gap: usize, least: usize, hit: Hit) {
        let gap = GAPS.into_iter().find(|step| gap <= *step).unwrap_or(usize::MAX);
        if let Some(group) = self.digits.iter_mut().find(|g| g.gap == gap) {
            group.least = group.least.min(least);
            group.rules.push((least, hit));
        } else {
            self.digits.push(DigitGroup { gap, least, rules: vec![(least, hit)] });
        }
    }

    /// Calls `search` with each rule and stretch of `text` in which a match may lie that starts in `from..open`.
    pub(super) fn run(
        &self,
        rules: &[Rule],
        scope: Scope,
        text: &str,
        Range { start: from, end: open }: Range<usize>,
        windows: &mut Windows,
        search: &mut dyn FnMut(u32, usize, usize),
    ) {
        if from >= open {
            return;
        }
        for rule in &self.always {
            if scope.injection || rules.get(*rule as usize).is_some_and(|r| !r.matcher.injection) {
                search(*rule, from, text.len());
            }
        }
        let mut add = |hit: &Hit, start: usize, end: usize| {
            if (scope.injection || !hit.injection) && start < open {
                windows.hit(hit, start, end.min(text.len()), search);
            }
        };
        if let Some(keywords) = &self.keywords {
            // A keyword may stand shortly before a match.
            let start = text.floor_char_boundary(from.saturating_sub(CONTEXT_BEFORE));
            for found in keywords.find_overlapping_iter(Input::new(text).range(start..)) {
                let before = found.start().checked_sub(1).and_then(|at| text.as_bytes().get(at));
                let inside = before.is_some_and(u8::is_ascii_alphanumeric);
                let hits = self.by_keyword.get(found.pattern().as_usize()).into_iter().flatten();
                for hit in hits.filter(|hit| !(inside && hit.starts)) {
                    add(hit, found.end().saturating_sub(hit.lead), found.start().saturating_add(hit.trail));
                }
            }
        }
        self.find_digits(text, from, &mut add);
        windows.finish(search);
    }

    fn find_digits(&self, text: &str, from: usize, add: &mut dyn FnMut(&Hit, usize, usize)) {
        let bytes = text.as_bytes().get(from..).unwrap_or_default();
        let mut clusters = [Cluster::default(); GAPS.len()];
        for (block, base) in bytes.chunks(BLOCK).zip((from..).step_by(BLOCK)) {
            // Written so that the compiler makes it a vector comparison.
            if block.iter().map(|b| u8::from(b.wrapping_sub(b'0') < 10)).sum::<u8>() == 0 {
                continue;
            }
            for (at, _) in (base..).zip(block).filter(|(_, b)| b.is_ascii_digit()) {
                for (cluster, group) in clusters.iter_mut().zip(&self.digits) {
                    if cluster.count > 0 && at - cluster.last > group.gap.saturating_add(1) {
                        group.close(cluster, add);
                    }
                    if cluster.count == 0 {
                        cluster.first = at;
                    }
                    cluster.last = at;
                    cluster.count += 1;
                }
            }
        }
        for (cluster, group) in clusters.iter_mut().zip(&self.digits) {
            group.close(cluster, add);
        }
    }
}

impl DigitGroup {
    fn close(&self, cluster: &mut Cluster, add: &mut dyn FnMut(&Hit, usize, usize)) {
        if cluster.count >= self.least {
            for (_, hit) in self.rules.iter().filter(|(least, _)| cluster.count >= *least) {
                let end = (cluster.last + 1).saturating_add(hit.trail);
                add(hit, cluster.first.saturating_sub(hit.lead), end);
            }
        }
        cluster.count = 0;
    }
}
