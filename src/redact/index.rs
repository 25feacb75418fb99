//! Which codes were issued under which word, in the order in which a reader tries them.

use std::collections::BTreeMap;

use crate::redact::placeholder::{CODE_LEN, Code};

/// Issued codes by word, and the bytes that a placeholder can start with.
#[derive(Debug)]
pub(super) struct Index {
    /// INVARIANT: longer words first: where one word begins with another, the longer is meant.
    words: Vec<Issued>,
    starts: [bool; 256],
}

/// The codes of one word.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) word: Box<str>,
    codes: BTreeMap<Code, usize>,
}

impl Index {
    /// Nothing issued. `openers`: the first bytes of all forms of an opening bracket.
    pub(super) fn new(openers: impl Iterator<Item = u8>) -> Self {
        let mut starts = [false; 256];
        openers.for_each(|b| mark(&mut starts, b));
        Self { words: Vec::new(), starts }
    }

    /// Remembers that `code` of `word` is `entry`. False if the code is taken already.
    pub(super) fn insert(&mut self, word: &str, code: Code, entry: usize) -> bool {
        let at = match self.words.iter().position(|issued| &*issued.word == word) {
            Some(at) => at,
            None => {
                let first = word.bytes().next().unwrap_or_default();
                mark(&mut self.starts, first.to_ascii_lowercase());
                mark(&mut self.starts, first.to_ascii_uppercase());
                let at = self.words.partition_point(|issued| issued.word.len() >= word.len());
                self.words.insert(at, Issued { word: word.into(), codes: BTreeMap::new() });
                at
            }
        };
        let Some(issued) = self.words.get_mut(at) else { return false };
        if issued.codes.contains_key(&code) {
            return false;
        }
        issued.codes.insert(code, entry);
        true
    }

    /// The words under which anything was issued.
    pub(super) fn words(&self) -> impl Iterator<Item = &Issued> {
        self.words.iter()
    }

    /// True if a placeholder can start with `byte`.
    pub(super) fn is_start(&self, byte: u8) -> bool {
        self.starts.get(usize::from(byte)).copied().unwrap_or(false)
    }
}

fn mark(starts: &mut [bool; 256], byte: u8) {
    if let Some(start) = starts.get_mut(usize::from(byte)) {
        *start = true;
    }
}

impl Issued {
    /// The entry of `code`.
    pub(super) fn entry(&self, code: Code) -> Option<usize> {
        self.codes.get(&code).copied()
    }

    /// True if an issued code begins with the first `len` symbols of `code`.
    pub(super) fn may_begin(&self, code: Code, len: usize) -> bool {
        let mut least = [0; CODE_LEN];
        least.iter_mut().zip(code).take(len).for_each(|(to, from)| *to = from);
        let next = self.codes.range(least..).next();
        next.is_some_and(|(issued, _)| issued.iter().zip(code).take(len).all(|(a, b)| *a == b))
    }

    /// True if an issued code is one wrong symbol, or one exchange of neighbours, away from `code`.
    pub(super) fn is_near(&self, code: Code) -> bool {
        self.codes.keys().any(|issued| {
            let wrong: Vec<usize> = (0..CODE_LEN).filter(|&at| issued.get(at) != code.get(at)).collect();
            match wrong.as_slice() {
                [_] => true,
                [a, b] => b - a == 1 && issued.get(*a) == code.get(*b) && issued.get(*b) == code.get(*a),
                _ => false,
            }
        })
    }
}
