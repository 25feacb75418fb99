//! Which codes were issued under which word, in the order in which a reader tries them.

use std::collections::BTreeMap;

use crate::redact::placeholder::{CODE_LEN, Code};

/// Issued codes by word, and the bytes that a placeholder can start with.
#[derive(Debug)]
pub(super) struct Index {
    /// INVARIANT: longer words first: where one word begins with another, the longer is meant.
    words: Vec<Issued>,
    /// What each byte may be: `OPENER`, `FIRST`, `SECOND`. Words begin with letters that every text is full of; with the second one,
    /// few places are left to read closely.
    roles: [u8; 256],
}

/// The first byte of an opening bracket.
const OPENER: u8 = 1;
/// The first byte of a word, in either case.
const FIRST: u8 = 2;
/// The second byte of a word, in either case.
const SECOND: u8 = 4;

/// The codes of one word.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) word: Box<str>,
    codes: BTreeMap<Code, usize>,
}

impl Index {
    /// Nothing issued. `openers`: the first bytes of all forms of an opening bracket.
    pub(super) fn new(openers: impl Iterator<Item = u8>) -> Self {
        let mut roles = [0; 256];
        openers.for_each(|b| mark(&mut roles, b, OPENER));
        Self { words: Vec::new(), roles }
    }

    /// Remembers that `code` of `word` is `entry`. False if the code is taken already.
    pub(super) fn insert(&mut self, word: &str, code: Code, entry: usize) -> bool {
        let at = match self.words.iter().position(|issued| &*issued.word == word) {
            Some(at) => at,
            None => {
                for (byte, role) in word.bytes().zip([FIRST, SECOND]) {
                    mark(&mut self.roles, byte.to_ascii_lowercase(), role);
                    mark(&mut self.roles, byte.to_ascii_uppercase(), role);
                }
                if !matches!(word.as_bytes(), [_, second, ..] if second.is_ascii_alphanumeric()) {
                    // A separator comes second, and those are many.
                    self.roles.iter_mut().for_each(|roles| *roles |= SECOND);
                }
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

    /// Where in `bytes` a placeholder may first start.
    pub(super) fn next_start(&self, bytes: &[u8]) -> Option<usize> {
        let mut following = bytes.iter().skip(1);
        bytes.iter().position(|&byte| {
            let next = following.next();
            let roles = self.roles(byte);
            // Where the text ends, anything may follow yet.
            roles & OPENER != 0 || roles & FIRST != 0 && next.is_none_or(|&next| self.roles(next) & SECOND != 0)
        })
    }

    fn roles(&self, byte: u8) -> u8 {
        self.roles.get(usize::from(byte)).copied().unwrap_or_default()
    }
}

fn mark(all: &mut [u8; 256], byte: u8, role: u8) {
    if let Some(roles) = all.get_mut(usize::from(byte)) {
        *roles |= role;
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
