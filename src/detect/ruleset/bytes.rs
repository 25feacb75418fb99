//! Which bytes a pattern's matches have, and which they begin with, read off the pattern.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::shape;

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes([u64; 4]);

impl Bytes {
    pub(super) const NONE: Self = Self([0; 4]);

    /// True if `byte` is in the set.
    #[inline]
    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    fn add(&mut self, first: u8, last: u8) {
        for byte in first..=last {
            if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
    }

    /// Both sets together.
    pub(crate) const fn or(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }
}

/// What the first `count` bytes of matches may be; fewer where they do not all have so many at known places.
pub(super) fn positions(hir: &Hir, count: usize) -> Vec<Bytes> {
    // The sets of the first bytes, and the length of all matches if they have one length.
    fn of(hir: &Hir, count: usize) -> (Vec<Bytes>, Option<usize>) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => (Vec::new(), Some(0)),
            HirKind::Literal(l) => {
                let sets = l.0.iter().take(count).map(|b| {
                    let mut set = Bytes::NONE;
                    set.add(*b, *b);
                    set
                });
                (sets.collect(), Some(l.0.len()))
            }
            HirKind::Class(_) => {
                let mut set = Bytes::NONE;
                collect_all(hir, &mut set);
                let one = hir.properties().minimum_len() == Some(1) && shape::max_len(hir) == 1;
                if one { (vec![set], Some(1)) } else { (Vec::new(), None) }
            }
            HirKind::Capture(c) => of(&c.sub, count),
            HirKind::Concat(all) => {
                let (mut sets, mut length) = (Vec::new(), Some(0));
                for part in all {
                    if sets.len() >= count || length != Some(sets.len()) {
                        break;
                    }
                    let (more, len) = of(part, count - sets.len());
                    sets.extend(more);
                    length = length.zip(len).map(|(a, b)| a + b);
                }
                (sets, length)
            }
            HirKind::Alternation(all) => all
                .iter()
                .map(|part| of(part, count))
                .reduce(|(mut a, len_a), (b, len_b)| {
                    a.truncate(b.len());
                    a.iter_mut().zip(&b).for_each(|(x, y)| *x = x.or(*y));
                    (a, if len_a == len_b { len_a } else { None })
                })
                .unwrap_or_default(),
            HirKind::Repetition(r) => {
                let (once, len) = of(&r.sub, count);
                let mut sets = Vec::new();
                for _ in 0..r.min {
                    if sets.len() >= count || len != Some(once.len()) {
                        break;
                    }
                    sets.extend_from_slice(&once);
                }
                sets.truncate(count);
                let exact = r.max == Some(r.min);
                (sets, len.filter(|_| exact).map(|len| len.saturating_mul(r.min as usize)))
            }
        }
    }
    of(hir, count).0
}

/// All bytes that matches may have.
pub(crate) fn bytes(hir: &Hir) -> Bytes {
    let mut all = Bytes::NONE;
    collect(hir, &mut all);
    all
}

/// What the first byte of matches may be.
pub(crate) fn first_byte(hir: &Hir) -> Bytes {
    // With it: whether a match may be empty, so that its first byte is one of what follows.
    fn first(hir: &Hir) -> (Bytes, bool) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => (Bytes::NONE, true),
            HirKind::Literal(l) => {
                let mut set = Bytes::NONE;
                l.0.first().iter().for_each(|b| set.add(**b, **b));
                (set, false)
            }
            HirKind::Class(_) => (bytes(hir), false),
            HirKind::Capture(c) => first(&c.sub),
            HirKind::Repetition(r) => {
                let (set, empty) = first(&r.sub);
                (set, empty || r.min == 0)
            }
            HirKind::Alternation(all) => {
                all.iter().map(first).fold((Bytes::NONE, false), |(set, empty), (more, or)| (set.or(more), empty || or))
            }
            HirKind::Concat(all) => {
                let mut set = Bytes::NONE;
                for part in all {
                    let (more, empty) = first(part);
                    set = set.or(more);
                    if !empty {
                        return (set, false);
                    }
                }
                (set, true)
            }
        }
    }
    first(hir).0
}

/// All bytes of a pattern.
fn collect(hir: &Hir, into: &mut Bytes) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(_) | HirKind::Class(_) => collect_all(hir, into),
        HirKind::Capture(c) => collect(&c.sub, into),
        HirKind::Repetition(r) => collect(&r.sub, into),
        HirKind::Concat(all) | HirKind::Alternation(all) => all.iter().for_each(|part| collect(part, into)),
    }
}

fn collect_all(hir: &Hir, into: &mut Bytes) {
    match hir.kind() {
        HirKind::Literal(l) => l.0.iter().for_each(|b| into.add(*b, *b)),
        HirKind::Class(Class::Bytes(c)) => c.iter().for_each(|r| into.add(r.start(), r.end())),
        HirKind::Class(Class::Unicode(c)) => {
            for range in c.iter() {
                let byte = |c: char| u8::try_from(u32::from(c)).unwrap_or(u8::MAX).min(0x7f);
                if range.start().is_ascii() {
                    into.add(byte(range.start()), byte(range.end()));
                }
                if !range.end().is_ascii() {
                    into.add(0x80, u8::MAX);
                }
            }
        }
        _ => {}
    }
}
