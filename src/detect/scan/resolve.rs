//! Overlaps: of candidates that share text one is reported, always the same one.
//!
//! Candidates that overlap, directly or through others, form a cluster; a cluster is settled as a whole, once no further
//! candidate can join it. So the outcome depends on the candidates alone, not on when they were found.

use std::cmp::Reverse;

use crate::detect::finding::Finding;
use crate::detect::ruleset::Rule;
use crate::text::TextSpan;

/// A match that passed its rule's checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) rule: u32,
    /// In raw channel text.
    pub(super) span: TextSpan,
    pub(super) confidence: u8,
}

/// Reports the winners of all clusters that end at or before `known` and takes the clusters out of `pending`. Returns the
/// decided offset.
pub(super) fn resolve(
    pending: &mut Vec<Candidate>,
    known: usize,
    ended: bool,
    rules: &[Rule],
    out: &mut Vec<Finding>,
) -> usize {
    if pending.is_empty() {
        return known;
    }
    pending.sort_unstable_by_key(|c| (c.span.start, c.span.end, c.rule));
    let mut rest = pending.as_mut_slice();
    let (mut settled, mut decided) = (0, known);
    while let Some(first) = rest.first() {
        let (start, mut end) = (first.span.start, first.span.end);
        let more = rest.iter().skip(1).take_while(|c| {
            let joins = c.span.start < end;
            end = end.max(if joins { c.span.end } else { 0 });
            joins
        });
        let len = 1 + more.count();
        if end > known && !ended {
            decided = decided.min(start);
            break;
        }
        let Some((cluster, others)) = rest.split_at_mut_checked(len) else { break };
        report(cluster, rules, out);
        settled += len;
        rest = others;
    }
    pending.drain(..settled);
    decided
}

fn report(cluster: &mut [Candidate], rules: &[Rule], out: &mut Vec<Finding>) {
    cluster.sort_by(|a, b| {
        let (x, y) = (rules.get(a.rule as usize), rules.get(b.rule as usize));
        // Injection findings give way: what they cover is not redacted, what lies in them may have to be.
        let key = |c: &Candidate, r: Option<&Rule>| {
            (r.is_some_and(|r| r.matcher.injection), Reverse(c.confidence), Reverse(c.span.len()), c.span.start)
        };
        key(a, x).cmp(&key(b, y)).then_with(|| x.map(|r| &r.info.id).cmp(&y.map(|r| &r.info.id)))
    });
    let first = out.len();
    // What is reported so far: disjoint, in order. LIMIT: a cluster may be as long as the text, so that each candidate looks at those only
    // that it overlaps.
    let mut taken: Vec<TextSpan> = Vec::new();
    for candidate in cluster.iter() {
        let Some(rule) = rules.get(candidate.rule as usize) else { continue };
        let from = taken.partition_point(|other| other.end <= candidate.span.start);
        let to = taken.partition_point(|other| other.start < candidate.span.end);
        let over = taken.get(from..to).unwrap_or_default();
        let span = match rule.matcher.injection {
            false => Some(candidate.span).filter(|_| over.is_empty()),
            true => remainder(candidate.span, over),
        };
        if let Some(span) = span {
            taken.insert(taken.partition_point(|other| other.start < span.start), span);
            out.push(Finding { rule: rule.info.clone(), span, confidence: candidate.confidence });
        }
    }
    if let Some(new) = out.get_mut(first..) {
        new.sort_unstable_by_key(|f| f.span.start);
    }
}

/// The longest part of `span` that none of `over`, which overlap it, covers: an injection does not go unreported for an address inside it.
fn remainder(span: TextSpan, over: &[TextSpan]) -> Option<TextSpan> {
    let ends = over.iter().map(|s| s.end);
    let starts = over.iter().map(|s| s.start).chain([span.end]);
    let gaps =
        [span.start].into_iter().chain(ends).zip(starts).filter(|(a, b)| a < b).map(|(a, b)| TextSpan::new(a, b));
    gaps.max_by_key(|s| (s.len(), Reverse(s.start)))
}
