//! Where rules have to look: one pass for the keywords of all rules, one for digits.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use super::judge::CONTEXT_BEFORE;
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
}

impl Windows {
    pub(super) fn new(rules: usize) -> Self {
        Self { open: vec![None; rules], touched: Vec::with_capacity(rules) }
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
            let hit = |lead: usize, trail: usize| match injection {
                true => {
                    Hit { rule: number, injection, lead: lead.min(INJECTION_REACH), trail: trail.min(INJECTION_REACH) }
                }
                false => Hit { rule: number, injection, lead, trail },
            };
            match rule.matcher.prefilter {
                Prefilter::Always => this.always.push(number),
                Prefilter::Never => {}
                Prefilter::Digits { least, gap, lead, trail } => this.add_digits(gap, least, hit(lead, trail)),
                Prefilter::Keywords(around) => {
                    for word in &rule.matcher.keywords {
                        let at = words.iter().position(|w| w == word).unwrap_or_else(|| {
                            words.push(word.clone());
                            this.by_keyword.push(Vec::new());
                            words.len() - 1
                        });
                        let rules = this.by_keyword.get_mut(at).filter(|r| r.iter().all(|h| h.rule != number));
                        rules.into_iter().for_each(|r| r.push(hit(around.lead, around.trail)));
                    }
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
                windows.add(hit.rule, start, end.min(text.len()), search);
            }
        };
        if let Some(keywords) = &self.keywords {
            // A keyword may stand shortly before a match.
            let start = text.floor_char_boundary(from.saturating_sub(CONTEXT_BEFORE));
            for found in keywords.find_overlapping_iter(Input::new(text).range(start..)) {
                for hit in self.by_keyword.get(found.pattern().as_usize()).into_iter().flatten() {
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
