//! Where rules for numbers have to look: one pass over the text finds its runs of digits, and each rule sees only those that lie
//! as the digits of its matches may ([`Numeral`]).

use std::sync::Arc;

use super::{Each, Place};
use crate::detect::ruleset::numeral::{LENGTHS, Numeral};

/// Rules are grouped by the gap that their digits may have between them, so that far-reaching rules do not make the others look at
/// numbers that only they could join.
const GAPS: [usize; 4] = [2, 8, 48, usize::MAX];
/// Bytes of text that are searched for a digit at a time.
const BLOCK: usize = 64;

/// All rules for numbers.
#[derive(Default)]
pub(super) struct Digits {
    groups: Vec<Group>,
}

/// Rules whose digits lie about as close.
struct Group {
    gap: usize,
    /// Fewest digits of any of its rules.
    least: usize,
    /// Rules whose matches begin at a run of digits, by the length of that run, each with its place among them.
    begin: [Vec<(u32, usize, Arc<Numeral>)>; LENGTHS],
    /// How many these are.
    beginning: usize,
    /// The others.
    others: Vec<(u32, Arc<Numeral>)>,
}

/// Digits beside one another.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
}

/// Runs of digits that are close enough for a group's rules.
#[derive(Debug, Default)]
struct Cluster {
    runs: Vec<Run>,
    digits: usize,
    /// Up to each run: the digits of those before it.
    before: Vec<usize>,
    /// For each of the group's rules that begin at a run: the last stretch of runs looked at which may stand in one match of it. Runs of a
    /// stretch are asked once, however many of them a match could begin at.
    stretches: Vec<Stretch>,
    /// Tells this cluster's stretches from those of clusters before.
    number: u64,
}

/// Runs, by their index, all of which may stand in one match.
#[derive(Debug, Clone, Copy, Default)]
struct Stretch {
    cluster: u64,
    first: usize,
    end: usize,
}

impl Cluster {
    /// How many digits a match of the rule at `slot` may have that begins with run number `first`.
    fn reach(&mut self, slot: usize, numeral: &Numeral, first: usize, text: &[u8]) -> usize {
        if self.stretches.len() <= slot {
            self.stretches.resize(slot + 1, Stretch::default());
        }
        let Some(stretch) = self.stretches.get_mut(slot) else { return 0 };
        if stretch.cluster != self.number || !(stretch.first..stretch.end).contains(&first) {
            let rest = self.runs.get(first..).unwrap_or_default();
            let end = first + chain(numeral, rest, text).0;
            *stretch = Stretch { cluster: self.number, first, end };
        }
        let before = |run: usize| self.before.get(run).copied().unwrap_or(self.digits);
        before(stretch.end).saturating_sub(before(first))
    }
}

/// The working memory of one pass, reused.
#[derive(Debug, Default)]
pub(super) struct Clusters([Cluster; GAPS.len()]);

impl Digits {
    pub(super) fn add(&mut self, rule: u32, numeral: Numeral) {
        let gap = GAPS.into_iter().find(|step| numeral.gap <= *step).unwrap_or(usize::MAX);
        let at = self.groups.iter().position(|g| g.gap == gap).unwrap_or_else(|| {
            let begin = std::array::from_fn(|_| Vec::new());
            self.groups.push(Group { gap, least: usize::MAX, begin, beginning: 0, others: Vec::new() });
            self.groups.len() - 1
        });
        let Some(group) = self.groups.get_mut(at) else { return };
        group.least = group.least.min(numeral.least);
        let numeral = Arc::new(numeral);
        match numeral.begins {
            Some(_) => {
                let fitting = group.begin.iter_mut().enumerate().filter(|(len, _)| numeral.has_run(*len));
                fitting.for_each(|(_, rules)| rules.push((rule, group.beginning, Arc::clone(&numeral))));
                group.beginning += 1;
            }
            None => group.others.push((rule, numeral)),
        }
    }

    /// Calls `each` with each rule and the places at which a match may be that starts at or after `from`; a rule's places come in order.
    pub(super) fn find(&self, text: &str, from: usize, clusters: &mut Clusters, each: Each<'_>) {
        let text = text.as_bytes();
        let mut start = None;
        let mut push = |run: Run| {
            for (cluster, group) in clusters.0.iter_mut().zip(&self.groups) {
                if cluster.runs.last().is_some_and(|last| run.start - last.end > group.gap) {
                    group.close(cluster, text, from, each);
                }
                cluster.before.push(cluster.digits);
                cluster.digits += run.end - run.start;
                cluster.runs.push(run);
            }
        };
        for (block, base) in text.get(from..).unwrap_or_default().chunks(BLOCK).zip((from..).step_by(BLOCK)) {
            // Written so that the compiler makes it a vector comparison.
            if block.iter().map(|b| u8::from(b.wrapping_sub(b'0') < 10)).sum::<u8>() == 0 {
                if let Some(start) = start.take() {
                    push(Run { start, end: base });
                }
                continue;
            }
            for (at, byte) in (base..).zip(block) {
                match (byte.is_ascii_digit(), start) {
                    (true, None) => start = Some(at),
                    (false, Some(first)) => {
                        push(Run { start: first, end: at });
                        start = None;
                    }
                    _ => {}
                }
            }
        }
        if let Some(start) = start {
            push(Run { start, end: text.len() });
        }
        for (cluster, group) in clusters.0.iter_mut().zip(&self.groups) {
            group.close(cluster, text, from, each);
        }
    }
}

impl Group {
    fn close(&self, cluster: &mut Cluster, text: &[u8], from: usize, each: Each<'_>) {
        if cluster.digits >= self.least {
            for first in 0..cluster.runs.len() {
                let Some(run) = cluster.runs.get(first).copied() else { break };
                let rules = self.begin.get((run.end - run.start).min(LENGTHS - 1)).into_iter().flatten();
                for (rule, slot, numeral) in rules {
                    if cluster.digits < numeral.least {
                        continue;
                    }
                    let begins = numeral.begins.as_deref().unwrap_or_default();
                    let start = run.start.checked_sub(begins.len()).filter(|start| *start >= from);
                    if let Some(start) = start
                        && Numeral::may_begin(begins, text.get(start..run.start).unwrap_or_default())
                        && cluster.reach(*slot, numeral, first, text) >= numeral.least
                    {
                        each(*rule, Place::At(start));
                    }
                }
            }
            for (rule, numeral) in self.others.iter().filter(|(_, numeral)| cluster.digits >= numeral.least) {
                let mut runs = cluster.runs.as_slice();
                while let Some(first) = runs.first() {
                    let (count, digits) = chain(numeral, runs, text);
                    let (own, rest) = runs.split_at_checked(count.max(1)).unwrap_or((runs, &[]));
                    if digits >= numeral.least
                        && let Some(last) = own.last()
                    {
                        let start = first.start.saturating_sub(numeral.lead);
                        each(*rule, Place::Within(start, last.end.saturating_add(numeral.trail)));
                    }
                    runs = rest;
                }
            }
        }
        cluster.runs.clear();
        cluster.before.clear();
        cluster.digits = 0;
        cluster.number = cluster.number.wrapping_add(1);
    }
}

/// How many of `runs`, from the first on, may stand in one match, and how many digits they have.
fn chain(numeral: &Numeral, runs: &[Run], text: &[u8]) -> (usize, usize) {
    let (mut count, mut digits) = (0, 0);
    let mut last: Option<Run> = None;
    for run in runs {
        let joined = last.is_none_or(|last| numeral.joins(text.get(last.end..run.start).unwrap_or_default()));
        if !joined || !numeral.has_run(run.end - run.start) {
            break;
        }
        (count, digits, last) = (count + 1, digits + run.end - run.start, Some(*run));
    }
    (count, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(pattern: &str, least: usize, text: &str) -> Vec<Place<'static>> {
        let mut digits = Digits::default();
        digits.add(0, Numeral::of(&regex_syntax::parse(pattern).unwrap(), least).unwrap());
        let mut found = Vec::new();
        digits.find(text, 0, &mut Clusters::default(), &mut |_, place| {
            found.push(match place {
                Place::At(at) => Place::At(at),
                Place::Within(start, end) => Place::Within(start, end),
                Place::Words(_) => panic!("digits are no words"),
            });
        });
        found
    }

    #[test]
    fn a_rule_looks_where_its_digits_may_lie() {
        let ssn = r"\b\d{3}-\d{2}-\d{4}\b";
        for (text, expected) in [
            ("078-05-1120", vec![Place::At(0)]),
            ("at 078-05-1120.", vec![Place::At(3)]),
            ("1700000000", vec![]),
            ("078.05.1120", vec![]),
            ("2024-01-31", vec![]),
            ("1 078-05-1120 9", vec![Place::At(2)]),
            ("077-078-05-1120", vec![Place::At(0), Place::At(4)]),
        ] {
            assert_eq!(places(ssn, 9, text), expected, "{text}");
        }
    }

    #[test]
    fn a_rule_without_a_known_beginning_looks_at_the_stretch_of_such_digits() {
        let rule = r"\(?\d{3}\)? ?\d{4}\b";
        assert_eq!(places(rule, 7, "call (555) 0199 or 12"), [Place::Within(5, 15)]);
        assert_eq!(places(rule, 7, "555x0199"), []);
    }

    #[test]
    fn runs_over_the_blocks_are_one() {
        let text = format!("{}4111111111111111 {}", "x ".repeat(BLOCK / 2 - 4), "y".repeat(BLOCK));
        assert_eq!(places(r"\b\d{16}\b", 16, &text), [Place::At(BLOCK - 8)]);
        let text = format!("{}4111", "x ".repeat(BLOCK / 2 - 2));
        assert_eq!(places(r"\b\d{4}\b", 4, &text), [Place::At(BLOCK - 4)]);
    }
}
