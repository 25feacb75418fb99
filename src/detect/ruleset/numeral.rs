//! What can be proven of a pattern's numbers: how long the runs of digits in a match are, what stands between them, how far before
//! the first of them a match begins.
//!
//! Text is full of numbers and most belong to no rule. A rule's pattern runs only where the digits lie as its matches' digits may:
//! a timestamp of ten digits is no card number, and no pattern needs to look at it. All of this is read off the pattern, so
//! that no rule has to say it and none can say it wrong.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::bytes::{Bytes, bytes, positions};
use super::shape;

/// Lengths of runs of digits, as a set: bit `n` for `n` digits, the last bit for all that are longer.
type Lengths = u32;
/// Stands for all lengths from here on.
const LONGEST: u32 = 31;
/// How many lengths are told apart.
pub(crate) const LENGTHS: usize = LONGEST as usize + 1;
/// Nothing but the empty run.
const EMPTY: Lengths = 1;
/// LIMIT: repetitions followed one by one; by then every length has been seen.
const MOST_TIMES: u32 = 40;
/// LIMIT: bytes before the first digit that are compared one by one.
const MOST_LEAD: usize = 4;

/// How the digits of a rule's matches lie.
#[derive(Debug, Clone)]
pub(crate) struct Numeral {
    /// Fewest digits.
    pub(crate) least: usize,
    /// Most bytes between two digits.
    pub(crate) gap: usize,
    /// Most bytes before the first digit, and after the last.
    pub(crate) lead: usize,
    pub(crate) trail: usize,
    /// Lengths that runs of digits may have, of which a match holds a digit.
    runs: Lengths,
    /// What may stand between two digits.
    between: Bytes,
    /// Every match begins so many bytes before a run of digits: what these bytes may be.
    pub(crate) begins: Option<Box<[Bytes]>>,
}

impl Numeral {
    /// What is proven of `hir`, whose matches are to have `least` digits; `None`: it has none with so many.
    pub(crate) fn of(hir: &Hir, least: usize) -> Option<Self> {
        let (lead, trail, gap) = shape::digits(hir).some?;
        let lie = lie(hir);
        let (begins_whole, ends_whole) = (whole(hir, Side::Start), whole(hir, Side::End));
        let mut runs = lie.inner | lie.pre | lie.post | lie.pure;
        // Where nothing keeps a match from beginning or ending within a run, the run may be longer than what it holds of it.
        for (whole, edge) in [(begins_whole, lie.pre), (ends_whole, lie.post)] {
            let shortest = (edge | lie.pure) & !EMPTY;
            if !whole && shortest != 0 {
                runs |= u32::MAX << shortest.trailing_zeros();
            }
        }
        let begins = begins_whole && lead <= MOST_LEAD && least_lead(hir) == Some(lead);
        let begins = begins.then(|| positions(hir, lead)).filter(|found| found.len() == lead);
        let between = bytes(hir);
        Some(Self { least, gap, lead, trail, runs: runs & !EMPTY, between, begins: begins.map(Into::into) })
    }

    /// True if a match may hold digits of a run of `len`.
    #[inline]
    pub(crate) fn has_run(&self, len: usize) -> bool {
        let len = u32::try_from(len).map_or(LONGEST, |len| len.min(LONGEST));
        self.runs >> len & 1 == 1
    }

    /// True if `bytes` may stand between two digits of a match.
    #[inline]
    pub(crate) fn joins(&self, bytes: &[u8]) -> bool {
        bytes.len() <= self.gap && bytes.iter().all(|byte| self.between.has(*byte))
    }

    /// True if `bytes`, in front of a run of digits, may be the beginning of a match.
    #[inline]
    pub(crate) fn may_begin(begins: &[Bytes], bytes: &[u8]) -> bool {
        begins.len() == bytes.len() && begins.iter().zip(bytes).all(|(set, byte)| set.has(*byte))
    }
}

/// How the digits of matches lie: which lengths runs may have, by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lie {
    /// Matches of digits alone.
    pure: Lengths,
    /// The first and the last run of matches that hold something else too (length 0: they begin or end with it); no bit: there
    /// are no such matches.
    pre: Lengths,
    post: Lengths,
    /// Runs between something else.
    inner: Lengths,
}

const NOTHING: Lie = Lie { pure: EMPTY, pre: 0, post: 0, inner: 0 };
const DIGIT: Lie = Lie { pure: 2, pre: 0, post: 0, inner: 0 };
const OTHER: Lie = Lie { pure: 0, pre: EMPTY, post: EMPTY, inner: 0 };

fn lie(hir: &Hir) -> Lie {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => NOTHING,
        HirKind::Literal(l) => {
            l.0.iter().map(|b| if b.is_ascii_digit() { DIGIT } else { OTHER }).fold(NOTHING, Lie::then)
        }
        HirKind::Class(class) => match class_ranges(class) {
            (true, true) => DIGIT.or(OTHER),
            (true, false) => DIGIT,
            (false, _) => OTHER,
        },
        HirKind::Capture(c) => lie(&c.sub),
        HirKind::Concat(all) => all.iter().map(lie).fold(NOTHING, Lie::then),
        HirKind::Alternation(all) => all.iter().map(lie).reduce(Lie::or).unwrap_or(NOTHING),
        HirKind::Repetition(r) => {
            let once = lie(&r.sub);
            let mut power = NOTHING;
            let mut all = (r.min == 0).then_some(NOTHING);
            for times in 1..=r.max.unwrap_or(MOST_TIMES).min(MOST_TIMES.max(r.min)) {
                power = power.then(once);
                if times >= r.min {
                    all = Some(all.map_or(power, |all| all.or(power)));
                }
            }
            all.unwrap_or(power)
        }
    }
}

impl Lie {
    fn then(self, next: Self) -> Self {
        let (mixed, next_mixed) = (self.pre != 0, next.pre != 0);
        Self {
            pure: sums(self.pure, next.pure),
            pre: self.pre | if next_mixed { sums(self.pure, next.pre) } else { 0 },
            post: next.post | if mixed { sums(self.post, next.pure) } else { 0 },
            inner: self.inner | next.inner | if mixed && next_mixed { sums(self.post, next.pre) } else { 0 },
        }
    }

    const fn or(self, other: Self) -> Self {
        Self {
            pure: self.pure | other.pure,
            pre: self.pre | other.pre,
            post: self.post | other.post,
            inner: self.inner | other.inner,
        }
    }
}

/// All sums of a length of `a` and one of `b`.
fn sums(a: Lengths, b: Lengths) -> Lengths {
    (0..=LONGEST).filter(|n| a >> n & 1 == 1).fold(0, |all, n| {
        let over = if n > 0 && b >> (LONGEST - n) != 0 { 1 << LONGEST } else { 0 };
        all | b << n | over
    })
}

/// Whether a class has digits, and whether it has anything else. Views hold ASCII digits only, so that other digits of a class (`\d`)
/// cannot occur.
fn class_ranges(class: &Class) -> (bool, bool) {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(c) => c.iter().map(|r| (u32::from(r.start()), u32::from(r.end()))).collect(),
        Class::Bytes(c) => c.iter().map(|r| (u32::from(r.start()), u32::from(r.end()))).collect(),
    };
    let digit = |c: u32| char::from_u32(c).is_some_and(|c| c.is_ascii_digit() || !c.is_ascii() && c.is_numeric());
    let has = ranges.iter().any(|(first, last)| *first <= u32::from(b'9') && *last >= u32::from(b'0'));
    // The longest range of digits is that of the mathematical ones: five sets of ten.
    let other = ranges.iter().any(|(first, last)| last - first >= 50 || (*first..=*last).any(|c| !digit(c)));
    (has, other)
}

/// Which end of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Start,
    End,
}

/// True if no match cuts a run of digits in two at this end: it ends with something else, or at a word's boundary.
fn whole(hir: &Hir, side: Side) -> bool {
    match hir.kind() {
        HirKind::Empty => false,
        HirKind::Look(look) => matches!(
            (look, side),
            (Look::WordAscii | Look::WordUnicode, _)
                | (Look::WordStartAscii | Look::WordStartUnicode | Look::Start, Side::Start)
                | (Look::WordEndAscii | Look::WordEndUnicode | Look::End, Side::End)
        ),
        HirKind::Literal(l) => {
            let edge = if side == Side::Start { l.0.first() } else { l.0.last() };
            edge.is_some_and(|b| !b.is_ascii_digit())
        }
        HirKind::Class(class) => !class_ranges(class).0,
        HirKind::Capture(c) => whole(&c.sub, side),
        HirKind::Alternation(all) => all.iter().all(|part| whole(part, side)),
        HirKind::Repetition(r) => r.min > 0 && whole(&r.sub, side),
        HirKind::Concat(all) => {
            // What may be empty leaves the end to its neighbour; it must keep whole what it does not leave.
            let parts: Vec<&Hir> = if side == Side::Start { all.iter().collect() } else { all.iter().rev().collect() };
            for part in parts {
                if whole(part, side) {
                    return true;
                }
                if part.properties().minimum_len() != Some(0) || !whole_unless_empty(part, side) {
                    return false;
                }
            }
            false
        }
    }
}

fn whole_unless_empty(hir: &Hir, side: Side) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Capture(c) => whole_unless_empty(&c.sub, side),
        HirKind::Repetition(r) => whole_unless_empty(&r.sub, side),
        HirKind::Alternation(all) => all.iter().all(|part| whole_unless_empty(part, side)),
        HirKind::Literal(_) | HirKind::Class(_) | HirKind::Concat(_) => whole(hir, side),
    }
}

/// Fewest bytes before the first digit of a match.
fn least_lead(hir: &Hir) -> Option<usize> {
    // The shortest match without digits of each part, or the fewest bytes before its first digit.
    fn of(hir: &Hir) -> (Option<usize>, Option<usize>) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => (Some(0), None),
            HirKind::Literal(l) => match l.0.iter().position(u8::is_ascii_digit) {
                Some(at) => (None, Some(at)),
                None => (Some(l.0.len()), None),
            },
            HirKind::Class(class) => {
                let (digit, other) = class_ranges(class);
                (other.then_some(1), digit.then_some(0))
            }
            HirKind::Capture(c) => of(&c.sub),
            HirKind::Concat(all) => all.iter().map(of).fold((Some(0), None), |(none, some), (next_none, next_some)| {
                let later = none.zip(next_some).map(|(a, b)| a + b);
                (none.zip(next_none).map(|(a, b)| a + b), least(some, later))
            }),
            HirKind::Alternation(all) => {
                all.iter().map(of).reduce(|a, b| (least(a.0, b.0), least(a.1, b.1))).unwrap_or((Some(0), None))
            }
            HirKind::Repetition(r) => {
                let (none, some) = of(&r.sub);
                let none = if r.min == 0 { Some(0) } else { none.map(|n| n.saturating_mul(r.min as usize)) };
                (none, some)
            }
        }
    }
    fn least(a: Option<usize>, b: Option<usize>) -> Option<usize> {
        a.map_or(b, |a| Some(b.map_or(a, |b| a.min(b))))
    }
    of(hir).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeral(pattern: &str) -> Numeral {
        Numeral::of(&regex_syntax::parse(pattern).unwrap(), 1).unwrap()
    }

    fn runs(pattern: &str) -> Vec<u32> {
        let found = Numeral::of(&regex_syntax::parse(pattern).unwrap(), 1).unwrap().runs;
        (0..=LONGEST).filter(|n| found >> n & 1 == 1).collect()
    }

    #[test]
    fn runs_have_the_lengths_that_matches_allow() {
        for (pattern, expected) in [
            (r"\b\d{3}-\d{2}-\d{4}\b", vec![2, 3, 4]),
            (r"\b(?:\d{9}|\d{3} \d{3} \d{3})\b", vec![3, 9]),
            (r"\b\d(?:[ -]?\d){3}\b", vec![1, 2, 3, 4]),
            (r"\b[A-Z]{2}\d{2}[ ]\d{4}\b", vec![2, 4]),
            (r"\b\d{30,40}\b", vec![30, 31]),
            (r"x\d{2,3}y\d*\b", (1..=31).collect()),
            (r"\b(?:a1|2b)\d\b", vec![1, 2]),
        ] {
            assert_eq!(runs(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn a_run_that_a_match_may_cut_has_any_greater_length() {
        assert_eq!(runs(r"\b\d{3}-\d{29}"), [3, 29, 30, 31]);
        assert_eq!(runs(r"\d{29}-\d{3}\b"), [3, 29, 30, 31]);
        assert_eq!(runs(r"(?:\b|x)\d{30}\b"), [30]);
        assert_eq!(runs(r"(?:\b|\B)\d{30}\b"), [30, 31]);
        assert_eq!(runs(r"\b\d{30}(?:[^0-9]|\z)"), [30]);
        assert_eq!(runs(r"\(?\d{30}\)"), [30, 31]);
        assert_eq!(runs(r"\b\(?\d{30}\)"), [30]);
    }

    #[test]
    fn a_known_beginning_is_known_byte_by_byte() {
        for (pattern, text, expected) in [
            (r"\b\d{9}\b", "", Some(true)),
            (r"\b(?:NO|D[EK])\d\d[A-Z]{5}\b", "DK", Some(true)),
            (r"\b(?:NO|D[EK])\d\d[A-Z]{5}\b", "NK", Some(true)),
            (r"\b(?:NO|D[EK])\d\d[A-Z]{5}\b", "DX", Some(false)),
            (r"\b[A-Z]?\d{9}\b", "", None),
            (r"\b[A-Z0-9]{2}\d{9}\b", "", None),
            (r"(?:\b|\B)\d{9}", "", None),
            (r"\bé\d{9}\b", "é", Some(true)),
        ] {
            let found = numeral(pattern).begins.map(|begins| Numeral::may_begin(&begins, text.as_bytes()));
            assert_eq!(found, expected, "{pattern}");
        }
    }

    #[test]
    fn what_joins_two_runs_is_what_the_pattern_has() {
        let numeral = numeral(r"\b\d{3}[ -]{1,2}\d{3}\b");
        for (bytes, expected) in [(" ", true), (" -", true), ("   ", false), (".", false), ("x", false)] {
            assert_eq!(numeral.joins(bytes.as_bytes()), expected, "{bytes}");
        }
    }

    #[test]
    fn sums_are_of_all_pairs() {
        assert_eq!(sums(0b110, 0b1001), 0b11_0110);
        assert_eq!(sums(1 << 20, 1 << 20), 1 << LONGEST);
        assert_eq!(sums(EMPTY, 1 << LONGEST), 1 << LONGEST);
    }
}
