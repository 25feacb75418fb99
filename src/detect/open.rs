//! Hold-back: from where on can text that is still to come change what is found?
//!
//! A match that starts at some place is decided once no continuation of the text can make a (longer) match there. That
//! is so exactly when the text from that place to its end is no *beginning* of any string that a rule's pattern
//! matches. So the patterns are turned into patterns of their beginnings, these into one automaton that reads
//! backwards from the text's end, and the longest beginning it finds is the tail that must be held. In prose it
//! dies after the last partial word, in a number after the number.
//!
//! Where exactness costs too much (counted repetitions, boundaries), the automaton accepts more. That is sound: more is
//! held, never less. A tail is never longer than the longest match of its rules.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition};

use super::ruleset::bytes::{Bytes, bytes, first_byte};

/// Counted repetitions above this count as unbounded: keeps the automaton small.
const MAX_COUNTED: u32 = 6;
/// What is kept of the lower bound of such a repetition.
const KEPT_MIN: u32 = 2;
/// LIMIT: bytes of one backward NFA; the shipped rules need about a tenth.
const NFA_BYTES: usize = 32 << 20;
/// LIMIT: bytes of one backward DFA's states, per thread that scans; it forgets states beyond.
const DFA_BYTES: usize = 1 << 20;
/// Rules are grouped by their longest match, so that one rule of long matches does not lend its length to all.
const GROUPS: [usize; 4] = [128, 512, 4096, usize::MAX];

/// So many patterns share an automaton: the states of a larger one multiply, those of two add up.
const TOGETHER: usize = 16;
/// Patterns whose matches are at most this long stand for one another where their bytes are alike ([`Plain`]).
const PLAIN_REACH: usize = GROUPS[0];

/// The backward automata of a ruleset.
#[derive(Debug, Default)]
pub(crate) struct OpenTail {
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    /// Longest match of the group's rules.
    reach: usize,
    dfa: DFA,
}

/// The working memory of an [`OpenTail`].
#[derive(Debug)]
pub(crate) struct OpenCache(Vec<Cache>);

impl OpenTail {
    /// For patterns with their longest match (bytes, bounded).
    ///
    /// # Errors
    /// The patterns together are too large.
    pub(crate) fn new<'a>(patterns: impl Iterator<Item = (&'a Hir, usize)>) -> Result<Self, String> {
        let mut sorted: [(usize, Vec<Hir>); 4] = Default::default();
        let mut plain: [Option<Plain>; 2] = [None; 2];
        for (hir, reach) in patterns {
            let group = GROUPS.iter().zip(&mut sorted).find(|(limit, _)| reach <= **limit);
            if let Some((_, (longest, hirs))) = group {
                *longest = (*longest).max(reach);
                let own = Plain::of(hir);
                let kind = own.kind().filter(|_| reach <= PLAIN_REACH);
                match kind.and_then(|kind| plain.get_mut(kind)) {
                    Some(of_kind) => *of_kind = Some(of_kind.map_or(own, |all| all.or(own))),
                    None => hirs.push(beginnings(hir, Hir::empty())),
                }
            }
        }
        if let Some((_, hirs)) = sorted.first_mut() {
            hirs.extend(plain.into_iter().flatten().map(Plain::beginnings));
        }
        let some = sorted.iter().flat_map(|(reach, hirs)| hirs.chunks(TOGETHER).map(move |some| (*reach, some)));
        let groups = some.map(|(reach, hirs)| Ok(Group { reach, dfa: backward(&Hir::alternation(hirs.to_vec()))? }));
        Ok(Self { groups: groups.collect::<Result<_, String>>()? })
    }

    pub(crate) fn cache(&self) -> OpenCache {
        OpenCache(self.groups.iter().map(|g| g.dfa.create_cache()).collect())
    }

    /// The offset from which on `text` is open. Nothing before `from` is looked at.
    pub(crate) fn start(&self, cache: &mut OpenCache, text: &str, from: usize) -> usize {
        let mut open = text.len();
        for (group, cache) in self.groups.iter().zip(&mut cache.0) {
            let mut lowest = text.len().saturating_sub(group.reach).max(from).min(text.len());
            while !text.is_char_boundary(lowest) {
                lowest += 1;
            }
            if lowest >= open {
                continue;
            }
            let input = Input::new(text).range(lowest..text.len()).anchored(Anchored::Yes);
            let start = match group.dfa.try_search_rev(cache, &input) {
                Ok(found) => found.map_or(text.len(), |m| m.offset()),
                // The automaton cannot say: hold all that could be open.
                Err(_) => lowest,
            };
            open = open.min(start);
        }
        open
    }
}

/// Which bytes the matches of a pattern begin with, and which they have.
///
/// Hundreds of patterns for numbers and tokens, each with counts of its own, make an automaton of endless states, built anew at every
/// turn of a text. But what is open at a text's end differs little between them: digits with what stands between digits, or a
/// token. So short patterns that have nothing else are held by their bytes alone: a number, a token is open until it ends.
#[derive(Debug, Clone, Copy)]
struct Plain {
    first: Bytes,
    all: Bytes,
}

impl Plain {
    fn of(hir: &Hir) -> Self {
        Self { first: first_byte(hir), all: bytes(hir) }
    }

    /// Numbers (0) have no letters, tokens (1) no spaces; what has both, or goes beyond ASCII, is neither.
    fn kind(&self) -> Option<usize> {
        let has = |test: fn(&u8) -> bool| (0..=u8::MAX).any(|byte| self.all.has(byte) && test(&byte));
        match (has(|b| !b.is_ascii()), has(u8::is_ascii_alphabetic), has(u8::is_ascii_whitespace)) {
            (false, false, _) => Some(0),
            (false, true, false) => Some(1),
            _ => None,
        }
    }

    const fn or(self, other: Self) -> Self {
        Self { first: self.first.or(other.first), all: self.all.or(other.all) }
    }

    /// All beginnings of all that has these bytes.
    fn beginnings(self) -> Hir {
        let class = |bytes: Bytes| {
            let ranges = (0..=u8::MAX)
                .filter(|byte| bytes.has(*byte))
                .map(|byte| ClassUnicodeRange::new(byte.into(), byte.into()));
            Hir::class(Class::Unicode(ClassUnicode::new(ranges)))
        };
        optional(Hir::concat(vec![class(self.first), repeat(class(self.all), 0, None)]))
    }
}

fn backward(hir: &Hir) -> Result<DFA, String> {
    let config =
        thompson::Config::new().reverse(true).which_captures(WhichCaptures::None).nfa_size_limit(Some(NFA_BYTES));
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(hir).map_err(|e| e.to_string())?;
    let config = DFA::config().match_kind(MatchKind::All).cache_capacity(DFA_BYTES).skip_cache_capacity_check(true);
    DFA::builder().configure(config).build_from_nfa(nfa).map_err(|e| e.to_string())
}

/// A pattern of all beginnings (also the empty and the whole one) of `hir` followed by `then`, where `then` is itself
/// such a pattern.
fn beginnings(hir: &Hir, then: Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => then,
        HirKind::Literal(l) => {
            l.0.iter().rev().fold(then, |rest, b| optional(Hir::concat(vec![Hir::literal([*b]), rest])))
        }
        HirKind::Class(c) => optional(Hir::concat(vec![coarse(c), then])),
        HirKind::Capture(c) => beginnings(&c.sub, then),
        HirKind::Concat(all) => all.iter().rev().fold(then, |rest, part| beginnings(part, rest)),
        HirKind::Alternation(all) => {
            let mut parts: Vec<Hir> = all.iter().map(|h| beginnings(h, Hir::empty())).collect();
            parts.push(Hir::concat(vec![widened(hir), then]));
            Hir::alternation(parts)
        }
        HirKind::Repetition(r) => {
            let sub = widened(&r.sub);
            let (min, max) = counted(r.min, r.max);
            let again = repeat(sub.clone(), 0, max.map(|m| m.saturating_sub(1)));
            let part = Hir::concat(vec![again, beginnings(&r.sub, Hir::empty())]);
            Hir::alternation(vec![part, Hir::concat(vec![repeat(sub, min, max), then])])
        }
    }
}

/// `hir` without boundaries and groups, with large counts made unbounded: matches all that `hir` does, and more.
fn widened(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Hir::empty(),
        HirKind::Literal(_) => hir.clone(),
        HirKind::Class(c) => coarse(c),
        HirKind::Capture(c) => widened(&c.sub),
        HirKind::Concat(all) => Hir::concat(all.iter().map(widened).collect()),
        HirKind::Alternation(all) => Hir::alternation(all.iter().map(widened).collect()),
        HirKind::Repetition(r) => {
            let (min, max) = counted(r.min, r.max);
            repeat(widened(&r.sub), min, max)
        }
    }
}

/// A class with all of Unicode beyond ASCII instead of some: a tenth of the automaton.
fn coarse(class: &Class) -> Hir {
    let Class::Unicode(class) = class else { return Hir::class(class.clone()) };
    let mut class = class.clone();
    if class.iter().any(|r| !r.end().is_ascii()) {
        class.push(ClassUnicodeRange::new('\u{80}', char::MAX));
    }
    Hir::class(Class::Unicode(class))
}

fn counted(min: u32, max: Option<u32>) -> (u32, Option<u32>) {
    match max {
        Some(max) if max <= MAX_COUNTED => (min, Some(max)),
        _ => (min.min(KEPT_MIN), None),
    }
}

fn repeat(sub: Hir, min: u32, max: Option<u32>) -> Hir {
    Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(sub) })
}

fn optional(hir: Hir) -> Hir {
    repeat(hir, 0, Some(1))
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    fn tail(patterns: &[&str], text: &str) -> String {
        let hirs: Vec<Hir> = patterns.iter().map(|p| regex_syntax::parse(p).unwrap()).collect();
        let open = OpenTail::new(hirs.iter().map(|h| (h, h.properties().maximum_len().unwrap()))).unwrap();
        text[open.start(&mut open.cache(), text, 0)..].to_owned()
    }

    #[test]
    fn only_what_can_still_become_a_match_is_open() {
        let rules = [r"\bAKIA[A-Z2-7]{16}\b", r"\b[a-z.]{1,40}@[a-z]{1,20}\.[a-z]{2,8}\b", r"\b(?:\d[ -]?){13,19}\b"];
        for (text, open) in [
            ("", ""),
            ("hello there, ", ""),
            ("hello wor", "wor"),
            ("ask jo@example.c", "jo@example.c"),
            ("ask jo@example.com now", "now"),
            ("key AKIAABC", "AKIAABC"),
            ("key AKIAABC1", "1"),
            ("key AKI", "AKI"),
            // A token of letters is held to its end, whether or not it can still match.
            ("key AKIx", "AKIx"),
            ("key AKIx ", ""),
            ("card 4111 1111 ", "4111 1111 "),
            ("card 4111 1111 1", "4111 1111 1"),
            ("card 4111 1111 x", "x"),
            ("Ünïcode ", ""),
        ] {
            assert_eq!(tail(&rules, text), open, "{text}");
        }
    }

    #[test]
    fn a_tail_is_no_longer_than_the_longest_match() {
        assert_eq!(tail(&["a{2,20}"], &"a".repeat(90)).len(), 20);
        let long = format!("BEGIN{}", "é".repeat(300));
        assert_eq!(tail(&["BEGIN[^-]{0,100}END"], &long), "");
        let short = format!("BEGIN{}", "é".repeat(100));
        assert_eq!(tail(&["BEGIN[^-]{0,100}END"], &short), short);
    }
}
