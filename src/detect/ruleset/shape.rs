//! What can be proven of a pattern from its syntax: where in every match a keyword must stand, how its digits lie.
//!
//! A prefilter that misses a match is a hole, and one whose windows depend on chance makes findings depend on how the
//! text was cut. So a rule's windows are *proven* to hold all of its matches; a pattern that does not let itself
//! be proven is run on all of the text, and lint says so.

use std::sync::LazyLock;

use regex_syntax::hir::{Capture, Class, ClassUnicode, Hir, HirKind, Look, LookSet, Repetition};

/// LIMIT: strings that one stretch of a pattern may stand for while its keywords are proven.
const MAX_STRINGS: usize = 512;
/// LIMIT: characters of a class that are tried one by one.
const MAX_CLASS: u32 = 24;

/// Infinity of lengths.
pub(super) const UNBOUNDED: usize = usize::MAX;

/// How far a match can reach around its prefilter's hit, in view bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Around {
    /// From the match's first byte to the end of the keyword (digits: to the first digit).
    pub(crate) lead: usize,
    /// From the first byte of the keyword (digits: after the last digit) to the match's end.
    pub(crate) trail: usize,
    /// The keyword stands at the beginning of a word: no ASCII letter or digit is in front of it.
    pub(crate) starts: bool,
}

/// What is known of no keyword at all.
pub(super) const NOWHERE: Around = Around { lead: 0, trail: 0, starts: false };

/// The longest match in bytes.
pub(super) fn max_len(hir: &Hir) -> usize {
    hir.properties().maximum_len().unwrap_or(UNBOUNDED)
}

/// `hir` without Unicode word boundaries and without groups: matches wherever `hir` does, if it may.
pub(super) fn unbounded(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(look) if LookSet::singleton(*look).contains_word_unicode() => Hir::empty(),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
        HirKind::Capture(c) => unbounded(&c.sub),
        HirKind::Concat(all) => Hir::concat(all.iter().map(unbounded).collect()),
        HirKind::Alternation(all) => Hir::alternation(all.iter().map(unbounded).collect()),
        HirKind::Repetition(r) => Hir::repetition(Repetition { sub: Box::new(unbounded(&r.sub)), ..r.clone() }),
    }
}

/// `hir` without the characters beyond ASCII that views do not hold, since folding makes ASCII of them: digits of other scripts (`\\d`),
/// and what `(?i)` adds to `s` and `k`. What is left of most patterns is ASCII, and its automata are a fraction of what they were.
pub(super) fn folded(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            let mut kept = class.clone();
            NOT_HELD.iter().for_each(|absent| kept.difference(absent));
            // Wide classes (`[^"]`) would only become more intricate.
            if kept.is_ascii() { Hir::class(Class::Unicode(kept)) } else { hir.clone() }
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
        HirKind::Capture(c) => Hir::capture(Capture { sub: Box::new(folded(&c.sub)), ..c.clone() }),
        HirKind::Concat(all) => Hir::concat(all.iter().map(folded).collect()),
        HirKind::Alternation(all) => Hir::alternation(all.iter().map(folded).collect()),
        HirKind::Repetition(r) => Hir::repetition(Repetition { sub: Box::new(folded(&r.sub)), ..r.clone() }),
    }
}

/// What views do not hold, see [`folded`].
static NOT_HELD: LazyLock<Option<ClassUnicode>> = LazyLock::new(|| {
    let parsed = regex_syntax::parse(r"[[\d\x{17F}\x{212A}]&&[^0-9]]").ok()?;
    if let HirKind::Class(Class::Unicode(class)) = parsed.into_kind() { Some(class) } else { None }
});

/// `hir` without groups.
pub(super) fn ungrouped(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
        HirKind::Capture(c) => ungrouped(&c.sub),
        HirKind::Concat(all) => Hir::concat(all.iter().map(ungrouped).collect()),
        HirKind::Alternation(all) => Hir::alternation(all.iter().map(ungrouped).collect()),
        HirKind::Repetition(r) => Hir::repetition(Repetition { sub: Box::new(ungrouped(&r.sub)), ..r.clone() }),
    }
}

/// Proves that every match contains one of `keywords` (lower case) and says where; `None` if it cannot be proven.
pub(super) fn keyword(hir: &Hir, keywords: &[String]) -> Option<Around> {
    keyword_after(hir, keywords, false)
}

/// `clear`: what `hir` matches has no ASCII letter or digit in front of it.
fn keyword_after(hir: &Hir, keywords: &[String], clear: bool) -> Option<Around> {
    let clear = clear || opens_word(hir);
    if let Some(found) = strings(hir).and_then(|all| in_strings(&all, keywords, clear)) {
        return Some(found);
    }
    match hir.kind() {
        HirKind::Capture(c) => keyword_after(&c.sub, keywords, clear),
        HirKind::Repetition(r) if r.min > 0 => {
            let once = keyword_after(&r.sub, keywords, clear)?;
            let more = r.max.map_or(UNBOUNDED, |max| (max as usize).saturating_sub(1).saturating_mul(max_len(&r.sub)));
            Some(Around { trail: once.trail.saturating_add(more), ..once })
        }
        HirKind::Alternation(all) => {
            all.iter().map(|h| keyword_after(h, keywords, clear)).reduce(|a, b| Some(a?.or(b?)))?
        }
        HirKind::Concat(all) => (0..all.len())
            .filter_map(|i| keyword_from(all, i, keywords, clear))
            .min_by_key(|a| a.lead.saturating_add(a.trail)),
        _ => None,
    }
}

impl Around {
    /// Either of two.
    fn or(self, other: Self) -> Self {
        let starts = self.starts && other.starts;
        Self { lead: self.lead.max(other.lead), trail: self.trail.max(other.trail), starts }
    }
}

/// The keyword in the stretch of a concatenation that begins with its part `first`.
fn keyword_from(all: &[Hir], first: usize, keywords: &[String], clear: bool) -> Option<Around> {
    let (before, rest) = all.split_at_checked(first)?;
    let clear =
        before.iter().fold(clear, |clear, part| stays_clear(part, clear)) || rest.first().is_some_and(opens_word);
    let before = total_len(before);
    let wrap = |found: Around, after: &[Hir]| Around {
        lead: before.saturating_add(found.lead),
        trail: found.trail.saturating_add(total_len(after)),
        ..found
    };
    let mut run = vec![String::new()];
    for (i, part) in rest.iter().enumerate() {
        let after = rest.get(i + 1..).unwrap_or_default();
        if i == 0
            && let Some(found) = keyword_after(part, keywords, clear)
        {
            return Some(wrap(found, after));
        }
        run = product(&run, &strings(part)?)?;
        if let Some(found) = in_strings(&run, keywords, clear) {
            return Some(wrap(found, after));
        }
    }
    None
}

/// True if matches of `hir` begin at a word boundary. In front of a letter or digit, that is the beginning of a word.
fn opens_word(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Look(look) => is_boundary(*look),
        HirKind::Capture(c) => opens_word(&c.sub),
        HirKind::Concat(all) => all.first().is_some_and(opens_word),
        HirKind::Alternation(all) => all.iter().all(opens_word),
        _ => false,
    }
}

fn is_boundary(look: Look) -> bool {
    matches!(look, Look::WordAscii | Look::WordUnicode | Look::WordStartAscii | Look::WordStartUnicode)
}

/// True if what follows a match of `hir` never has an ASCII letter or digit in front of it, or can have none if it is a letter or
/// digit itself; `clear`: so it is with `hir`.
fn stays_clear(hir: &Hir, clear: bool) -> bool {
    match hir.kind() {
        HirKind::Empty => clear,
        HirKind::Look(look) => clear || is_boundary(*look),
        HirKind::Literal(l) => l.0.last().is_some_and(|b| !b.is_ascii_alphanumeric()),
        HirKind::Class(class) => {
            let has = |low: char, high: char| match class {
                Class::Unicode(c) => c.iter().any(|r| r.start() <= high && r.end() >= low),
                Class::Bytes(c) => c.iter().any(|r| char::from(r.start()) <= high && char::from(r.end()) >= low),
            };
            !has('0', '9') && !has('A', 'Z') && !has('a', 'z')
        }
        HirKind::Capture(c) => stays_clear(&c.sub, clear),
        HirKind::Concat(all) => all.iter().fold(clear, |clear, part| stays_clear(part, clear)),
        HirKind::Alternation(all) => all.iter().all(|part| stays_clear(part, clear)),
        HirKind::Repetition(r) => (r.min > 0 || clear) && stays_clear(&r.sub, false),
    }
}

fn total_len(parts: &[Hir]) -> usize {
    parts.iter().fold(0usize, |sum, h| sum.saturating_add(max_len(h)))
}

fn in_strings(all: &[String], keywords: &[String], clear: bool) -> Option<Around> {
    let one = |s: &String| {
        let (at, len) = keywords.iter().filter_map(|k| s.find(k.as_str()).map(|at| (at, k.len()))).min()?;
        let (before, found) = s.split_at_checked(at)?;
        let open = before.bytes().next_back().map_or(clear, |b| !b.is_ascii_alphanumeric());
        let starts = open && found.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        Some(Around { lead: at + len, trail: found.len(), starts })
    };
    all.iter().map(one).reduce(|a, b| Some(a?.or(b?)))?
}

fn product(a: &[String], b: &[String]) -> Option<Vec<String>> {
    if a.len().saturating_mul(b.len()) > MAX_STRINGS {
        return None;
    }
    let mut all: Vec<String> = a.iter().flat_map(|x| b.iter().map(move |y| format!("{x}{y}"))).collect();
    all.sort_unstable();
    all.dedup();
    Some(all)
}

/// All strings (lower case) that `hir` matches, if they are few.
fn strings(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![String::new()]),
        HirKind::Literal(l) => Some(vec![std::str::from_utf8(&l.0).ok()?.chars().map(fold_case).collect()]),
        HirKind::Class(Class::Unicode(c)) => {
            let size: u32 = c.iter().map(|r| u32::from(r.end()) - u32::from(r.start()) + 1).sum();
            let few = size <= MAX_CLASS;
            let all = few.then(|| c.iter().flat_map(|r| r.start()..=r.end()).map(|c| fold_case(c).to_string()))?;
            product(&[String::new()], &all.collect::<Vec<_>>())
        }
        HirKind::Class(Class::Bytes(_)) => None,
        HirKind::Capture(c) => strings(&c.sub),
        HirKind::Alternation(all) => {
            let mut union = Vec::new();
            for part in all {
                union.extend(strings(part)?);
            }
            product(&[String::new()], &union)
        }
        HirKind::Concat(all) => all.iter().try_fold(vec![String::new()], |run, part| product(&run, &strings(part)?)),
        HirKind::Repetition(r) => {
            let (max, sub) = (r.max?, strings(&r.sub)?);
            let (mut union, mut power) = (Vec::new(), vec![String::new()]);
            for n in 0..=max {
                if n >= r.min {
                    union.extend(power.iter().cloned());
                }
                if n < max {
                    power = product(&power, &sub)?;
                }
                if union.len() > MAX_STRINGS {
                    return None;
                }
            }
            product(&[String::new()], &union)
        }
    }
}

/// Views hold neither the long s nor the Kelvin sign (NFKC), which `(?i)` adds to `s` and `k`.
fn fold_case(c: char) -> char {
    match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    }
}

/// How the decimal digits of a pattern's matches lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits {
    /// Least number of digits in a match.
    pub(super) min: usize,
    /// Bytes before the first digit, after the last, and between two: at most so many.
    pub(super) some: Option<(usize, usize, usize)>,
    /// Longest match without any digit; `None`: there is none.
    none: Option<usize>,
}

/// See [`Digits`].
pub(super) fn digits(hir: &Hir) -> Digits {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Digits { min: 0, some: None, none: Some(0) },
        HirKind::Literal(l) => l.0.iter().map(|b| of_byte(*b)).reduce(concat).unwrap_or(of_byte(b' ')),
        HirKind::Class(class) => of_class(class, max_len(hir)),
        HirKind::Capture(c) => digits(&c.sub),
        HirKind::Concat(all) => {
            all.iter().map(digits).reduce(concat).unwrap_or(Digits { min: 0, some: None, none: Some(0) })
        }
        HirKind::Alternation(all) => {
            all.iter().map(digits).reduce(either).unwrap_or(Digits { min: 0, some: None, none: Some(0) })
        }
        HirKind::Repetition(r) => {
            let x = digits(&r.sub);
            let times = r.max.map_or(UNBOUNDED, |m| m as usize);
            if times == 0 {
                return Digits { min: 0, some: None, none: Some(0) };
            }
            let blank = x.none.unwrap_or(0);
            let blanks = |n: usize| if blank == 0 { 0 } else { blank.saturating_mul(n) };
            let some = x.some.map(|(pre, post, gap)| {
                let (pre_all, post_all) =
                    (pre.saturating_add(blanks(times - 1)), post.saturating_add(blanks(times - 1)));
                let between = post.saturating_add(pre).saturating_add(blanks(times.saturating_sub(2)));
                (pre_all, post_all, if times > 1 { gap.max(between) } else { gap })
            });
            let none = x.none.map(|_| blanks(times)).or((r.min == 0).then_some(0));
            Digits { min: x.min.saturating_mul(r.min as usize), some, none }
        }
    }
}

fn of_byte(b: u8) -> Digits {
    match b.is_ascii_digit() {
        true => Digits { min: 1, some: Some((0, 0, 0)), none: None },
        false => Digits { min: 0, some: None, none: Some(1) },
    }
}

fn of_class(class: &Class, len: usize) -> Digits {
    // Views hold ASCII digits only, so that other digits of a class (`\d`) cannot occur.
    let is_digit = |c: char| c.is_ascii_digit() || (!c.is_ascii() && c.is_numeric());
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(c) => c.iter().map(|r| (r.start(), r.end())).collect(),
        Class::Bytes(c) => c.iter().map(|r| (char::from(r.start()), char::from(r.end()))).collect(),
    };
    let all = ranges.iter().all(|(a, b)| is_digit(*a) && is_digit(*b) && (a.is_ascii() == b.is_ascii()));
    let any = ranges.iter().any(|(a, b)| *a <= '9' && *b >= '0');
    match (all, any) {
        (true, _) => Digits { min: 1, some: Some((0, 0, 0)), none: None },
        (false, true) => Digits { min: 0, some: Some((0, 0, 0)), none: Some(len) },
        (false, false) => Digits { min: 0, some: None, none: Some(len) },
    }
}

fn concat(a: Digits, b: Digits) -> Digits {
    let widest = |x: Option<(usize, usize, usize)>, y: (usize, usize, usize)| {
        Some(x.map_or(y, |x| (x.0.max(y.0), x.1.max(y.1), x.2.max(y.2))))
    };
    let mut some = None;
    if let (Some((pre, post, gap)), Some(n)) = (a.some, b.none) {
        some = widest(some, (pre, post.saturating_add(n), gap));
    }
    if let (Some(n), Some((pre, post, gap))) = (a.none, b.some) {
        some = widest(some, (pre.saturating_add(n), post, gap));
    }
    if let (Some(x), Some(y)) = (a.some, b.some) {
        some = widest(some, (x.0, y.1, x.2.max(y.2).max(x.1.saturating_add(y.0))));
    }
    let none = a.none.zip(b.none).map(|(x, y)| x.saturating_add(y));
    Digits { min: a.min.saturating_add(b.min), some, none }
}

fn either(a: Digits, b: Digits) -> Digits {
    let some = match (a.some, b.some) {
        (Some(x), Some(y)) => Some((x.0.max(y.0), x.1.max(y.1), x.2.max(y.2))),
        (x, y) => x.or(y),
    };
    let none = match (a.none, b.none) {
        (Some(x), Some(y)) => Some(x.max(y)),
        (x, y) => x.or(y),
    };
    Digits { min: a.min.min(b.min), some, none }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hir(pattern: &str) -> Hir {
        regex_syntax::parse(pattern).unwrap()
    }

    fn proof(pattern: &str, keywords: &[&str]) -> Option<(usize, usize)> {
        let keywords: Vec<String> = keywords.iter().map(|k| k.to_lowercase()).collect();
        keyword(&hir(pattern), &keywords).map(|a| (a.lead, a.trail))
    }

    #[test]
    fn keywords_are_proven_or_not() {
        for (pattern, keywords, expected) in [
            (r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b", &["AKIA", "ASIA"][..], Some((4, 20))),
            (r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b", &["AKIA"], None),
            (r"(?i)\bsk_(?:live|test)_[0-9a-z]{8}", &["sk_live", "sk_test"], Some((7, 32))),
            (r"(?i)api[_-]?key\s{0,2}=[a-z]{4}", &["apikey", "api_key", "api-key"], Some((7, 26))),
            (r"[a-z]{1,9}@[a-z]{1,5}", &["@"], Some((10, 6))),
            (r"(?:foo){2,3}", &["oof"], Some((4, 8))),
            (r"(?:foo)?bar", &["foo"], None),
            (r"(?:ab|cd)+", &["ab", "cd"], Some((2, UNBOUNDED))),
        ] {
            assert_eq!(proof(pattern, keywords), expected, "{pattern}");
        }
    }

    #[test]
    fn keywords_at_the_beginning_of_words_are_seen() {
        for (pattern, expected) in [
            (r"\bai\b", true),
            (r"(?:\b(?:an?|the)[ _]{1,3}){0,2}ai", false),
            (r"\bto[ _]{1,3}(?:(?:an?|the)[ _]{1,3}){0,2}(?:ai|ais)", true),
            (r"[a-z]{1,3}ai", false),
            (r"\bx?ai", false),
            (r"ai", false),
            (r"\b-ai", true),
            (r"\b(?:the[ ])?(?:ai|ais) x{1,900}", true),
        ] {
            assert_eq!(keyword(&hir(pattern), &["ai".to_owned()]).map(|a| a.starts), Some(expected), "{pattern}");
        }
    }

    #[test]
    fn digits_are_counted_and_their_gaps_measured() {
        for (pattern, min, some) in [
            (r"\b\d{3}-\d{2}-\d{4}\b", 9, Some((0, 0, 1))),
            (r"\+?(?:[0-9][ -]?){13,19}", 13, Some((1, 1, 1))),
            (r"[A-Z]{2}[0-9]{2}(?:[ ]?[A-Z0-9]{4}){2}", 2, Some((2, 10, 9))),
            (r"[a-z]+", 0, None),
            (r"(?:x\d|yy)z\d", 1, Some((3, 0, 1))),
        ] {
            let found = digits(&hir(pattern));
            assert_eq!((found.min, found.some), (min, some), "{pattern}");
        }
    }
}
