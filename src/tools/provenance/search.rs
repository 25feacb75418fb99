//! The search for what a call's arguments say in texts, exact and linear.
//!
//! *Runs*: every window of [`RUN`] bytes of the arguments is in a set; a text is looked at in steps of [`GRAM`] bytes, and since a run of
//! `RUN` holds an aligned gram wherever it begins, none is missed.
//!
//! *Words*: shorter arguments and numbers are in a set by themselves; wherever a word of a text may begin, the set is asked for each
//! length that there is. A few bits for first letters spare most of that.

use hashbrown::{HashMap, HashSet};
use serde_json::Value;

use super::plain;

/// Bytes of a run that is no coincidence: longer than common words, shorter than an address or an account number with its separators.
pub(super) const RUN: usize = 16;

/// Step through untrusted text. INVARIANT: `RUN >= 2 * GRAM - 1`, so that each run holds a gram at a multiple of `GRAM`.
const GRAM: usize = 8;
const _: () = assert!(RUN >= 2 * GRAM - 1);

/// Bytes of a short argument that says anything: shorter words are everywhere.
pub(super) const MIN_WORD: usize = 4;
/// Digits of a number that says anything.
const MIN_DIGITS: usize = 3;

/// LIMIT: short arguments that are looked for; a call with more is taken as tainted if there is any untrusted text.
pub(super) const MAX_WORDS: usize = 1_024;

/// Bits of the filter for each byte of the arguments: one false alarm in 64.
const FILTER_BITS: usize = 64;
/// LIMIT: bits of the filter: 2 MiB.
const MAX_FILTER_BITS: usize = 1 << 24;

/// What is looked for.
#[derive(Default)]
pub(super) struct Needles {
    /// Texts of at least `RUN` bytes.
    long: Vec<String>,
    words: HashSet<String>,
    pub(super) overflow: bool,
}

impl Needles {
    pub(super) fn collect(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                let text = plain(text);
                if text.len() >= RUN {
                    self.long.push(text);
                } else if text.len() >= MIN_WORD {
                    self.words.insert(text);
                }
            }
            Value::Number(number) => self.number(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Object(members) => members.values().for_each(|member| self.collect(member)),
            Value::Null | Value::Bool(_) => {}
        }
        self.overflow |= self.words.len() > MAX_WORDS;
    }

    /// A number as people write it: plain, and with thousands set apart.
    fn number(&mut self, text: &str) {
        let text = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.len() + fraction.len() < MIN_DIGITS || !whole.bytes().all(|b| b.is_ascii_digit()) {
            return;
        }
        let fraction = fraction.trim_end_matches('0');
        for (apart, point) in [("", "."), (",", "."), (".", ","), ("'", "."), (" ", ",")] {
            let mut text = String::new();
            for (at, digit) in whole.chars().enumerate() {
                if at > 0 && (whole.len() - at) % 3 == 0 {
                    text.push_str(apart);
                }
                text.push(digit);
            }
            if !fraction.is_empty() {
                text.push_str(point);
                text.push_str(fraction);
            }
            self.words.insert(text);
        }
    }

    /// The search for what no trusted text says.
    pub(super) fn search<'t, T: Iterator<Item = &'t str>>(self, trusted: impl Fn() -> T) -> Search {
        let windows: HashSet<[u8; RUN]> = self.long.iter().flat_map(|text| windows(text.as_bytes())).collect();
        let mut search = Search { filter: Filter::of(&self.long), windows, words: Words::of(self.words) };
        let mut said: Vec<String> = Vec::new();
        let mut shared: Vec<[u8; RUN]> = Vec::new();
        for text in trusted() {
            search.runs(text.as_bytes(), |window| {
                shared.push(*window);
                true
            });
            search.words.standing(text, |word| {
                said.push(word.to_owned());
                true
            });
        }
        for window in &shared {
            search.windows.remove(window);
        }
        for word in &said {
            search.words.all.remove(word.as_str());
        }
        search
    }
}

fn windows(bytes: &[u8]) -> impl Iterator<Item = [u8; RUN]> + '_ {
    bytes.windows(RUN).filter_map(|window| window.first_chunk::<RUN>().copied())
}

/// Grams that some window holds, and by chance others.
struct Filter {
    bits: Vec<u64>,
    shift: u32,
}

impl Filter {
    fn of(texts: &[String]) -> Self {
        let bytes: usize = texts.iter().map(String::len).sum();
        let bits = (bytes.max(1) * FILTER_BITS).next_power_of_two().min(MAX_FILTER_BITS);
        let mut filter = Self { bits: vec![0; bits.div_ceil(64)], shift: 64 - bits.trailing_zeros() };
        for text in texts {
            // Any gram of a run may be the aligned one.
            for gram in text.as_bytes().windows(GRAM) {
                let at = filter.place(gram);
                if let Some(word) = filter.bits.get_mut(at / 64) {
                    *word |= 1 << (at % 64);
                }
            }
        }
        filter
    }

    fn place(&self, gram: &[u8]) -> usize {
        let gram = gram.first_chunk::<GRAM>().map_or(0, |gram| u64::from_le_bytes(*gram));
        // Fibonacci hashing: the golden ratio's bits spread neighbours; only speed depends on it.
        usize::try_from((gram ^ (gram >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift).unwrap_or(0)
    }

    fn may_have(&self, gram: &[u8]) -> bool {
        let at = self.place(gram);
        self.bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }
}

pub(super) struct Search {
    filter: Filter,
    windows: HashSet<[u8; RUN]>,
    words: Words,
}

impl Search {
    /// True if a run or a word stands in `text`.
    pub(super) fn any(&self, text: &str) -> bool {
        let mut found = false;
        self.runs(text.as_bytes(), |_| {
            found = true;
            false
        });
        if !found {
            self.words.standing(text, |_| {
                found = true;
                false
            });
        }
        found
    }

    /// Tells `each` the runs in `bytes` until it says false.
    fn runs(&self, bytes: &[u8], mut each: impl FnMut(&[u8; RUN]) -> bool) {
        if self.windows.is_empty() {
            return;
        }
        for (step, gram) in bytes.chunks_exact(GRAM).enumerate() {
            if !self.filter.may_have(gram) {
                continue;
            }
            let at = step * GRAM;
            for start in at.saturating_sub(RUN - GRAM)..=at {
                let window = bytes.get(start..).and_then(|rest| rest.first_chunk::<RUN>());
                if let Some(window) = window.filter(|window| self.windows.contains(*window))
                    && !each(window)
                {
                    return;
                }
            }
        }
    }
}

/// Short arguments.
struct Words {
    all: HashSet<String>,
    /// Lengths of the words with the same first bytes: a bit each, the last for all longer ones.
    lengths: HashMap<[u8; START], u64>,
    /// [`Words::place`]s of first bytes.
    starts: [u64; START_BITS / 64],
    /// Lengths over 63.
    longer: Vec<usize>,
}

/// Bytes of a word by which it is looked for: none is shorter.
const START: usize = MIN_DIGITS;
const _: () = assert!(START <= MIN_WORD);
/// Bits of the filter of starts; a call has a few dozen words.
const START_BITS: usize = 4_096;

impl Words {
    fn of(all: HashSet<String>) -> Self {
        let mut words = Self { all, lengths: HashMap::new(), starts: [0; START_BITS / 64], longer: Vec::new() };
        for word in &words.all {
            let Some(start) = word.as_bytes().first_chunk::<START>() else { continue };
            let place = Self::place(start);
            if let Some(bits) = words.starts.get_mut(place / 64) {
                *bits |= 1 << (place % 64);
            }
            let bit = word.len().min(63);
            *words.lengths.entry(*start).or_default() |= 1 << bit;
            if bit == 63 && !words.longer.contains(&word.len()) {
                words.longer.push(word.len());
            }
        }
        words
    }

    fn place(start: &[u8; START]) -> usize {
        let number = start.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        usize::try_from(number.wrapping_mul(0x9e37_79b1) >> (32 - START_BITS.trailing_zeros())).unwrap_or(0)
    }

    /// Tells `each` the words that stand in `text` between boundaries until it says false.
    fn standing(&self, text: &str, mut each: impl FnMut(&str) -> bool) {
        if self.all.is_empty() {
            return;
        }
        let bytes = text.as_bytes();
        let mut before = false;
        for (at, byte) in bytes.iter().enumerate() {
            let follows = std::mem::replace(&mut before, is_inside(*byte));
            if follows {
                continue;
            }
            let Some(start) = bytes.get(at..).and_then(|rest| rest.first_chunk::<START>()) else { return };
            let place = Self::place(start);
            if self.starts.get(place / 64).is_none_or(|bits| bits >> (place % 64) & 1 == 0) {
                continue;
            }
            let lengths = self.lengths.get(start).copied().unwrap_or_default();
            let shorter = (START..63).filter(|length| lengths >> length & 1 == 1);
            let longer = self.longer.iter().copied().filter(|_| lengths >> 63 == 1);
            for length in shorter.chain(longer) {
                if let Some(word) = text.get(at..at + length)
                    && bytes.get(at + length).is_none_or(|byte| !is_inside(*byte))
                    && self.all.contains(word)
                    && !each(word)
                {
                    return;
                }
            }
        }
    }
}

/// True for what makes words longer: letters, digits, all beyond ASCII.
fn is_inside(byte: u8) -> bool {
    INSIDE.get(usize::from(byte)).copied().unwrap_or(true)
}

const INSIDE: [bool; 256] = inside();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "evaluated when compiled")]
const fn inside() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || !(byte as u8).is_ascii();
        byte += 1;
    }
    table
}
