//! Addresses and keys written backwards: words with an `@`, or of letters and digits and longer than words are.

use super::{Reading, Readings, Task};
use crate::text::TextSpan;
use crate::text::view::{Builder, Origin};

/// What views of this codec are called.
pub(super) const NAME: &str = "reversed";

/// LIMIT: words that are read backwards, in bytes.
const WORD: std::ops::RangeInclusive<usize> = 8..=96;
/// The shortest word without an `@`.
const KEY: usize = 16;
/// Bytes that are searched for digits at a time.
const BLOCK: usize = 64;

/// See [`super::Codec`].
pub(super) fn read(task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
    let bytes = task.bytes();
    let mut at = from;
    while at < bytes.len() {
        // A word that is worth a look has a digit or an `@`.
        let block = bytes.get(at..(at + BLOCK).min(bytes.len())).unwrap_or_default();
        let telling = |b: u8| u8::from(b.wrapping_sub(b'0') < 10) | u8::from(b == b'@');
        if block.iter().map(|b| telling(*b)).sum::<u8>() == 0 && at + BLOCK < bytes.len() {
            // The block's last word may go on.
            let tail = block.iter().rev().take_while(|b| in_word(**b)).count();
            if tail < block.len() {
                at += block.len() - tail;
                continue;
            }
        }
        // What is left of a word that was too long.
        if at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|b| in_word(*b)) {
            at += bytes.get(at..).unwrap_or_default().iter().take_while(|b| in_word(**b)).count();
        }
        let start = at + bytes.get(at..).unwrap_or_default().iter().take_while(|b| !in_word(**b)).count();
        let len = bytes.get(start..).unwrap_or_default().iter().take_while(|b| in_word(**b)).count();
        if !task.ended && start + len == bytes.len() && len <= *WORD.end() {
            // What is a version so far may go on as something else.
            let word = bytes.get(start..).unwrap_or_default();
            if word.contains(&b'@') || is_telling(word) {
                out.hold(task, start);
            }
            return start;
        }
        let word = TextSpan::new(start, start + len);
        if WORD.contains(&len) && is_telling(bytes.get(word.range()).unwrap_or_default()) {
            let text: String = task.text().get(word.range()).unwrap_or_default().chars().rev().collect();
            let mut builder = Builder::with_capacity(len);
            builder.replace(&text, task.view.to_raw(word));
            out.views.push(Reading { view: builder.finish(Origin::Decoded(NAME)), open: false, sure: false });
        }
        at = word.end;
    }
    bytes.len()
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"@._+-".contains(&byte)
}

/// True for what may be an address or a key.
fn is_telling(word: &[u8]) -> bool {
    // `blk_4702684774678057084` is a name and a number, and neither is a key backwards.
    let mixed = |part: &[u8]| part.iter().any(u8::is_ascii_digit) && part.iter().any(u8::is_ascii_alphabetic);
    let at = word.iter().position(|b| *b == b'@');
    // `lodash.sortby@4.7.0` is a package and its version.
    let version = |part: &[u8]| part.contains(&b'.') && part.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    if at.is_some_and(|at| word.get(at + 1..).is_some_and(version)) {
        return false;
    }
    at.is_some() || (word.len() >= KEY && word.split(|b| !b.is_ascii_alphanumeric()).any(mixed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_versions_are_no_keys_and_addresses_backwards() {
        for word in [
            "blk_-4702684774678057084",
            "part-00000000001976",
            "attempt_20081109203",
            "lodash.sortby@4.7.0",
            "node-16@10.0.3",
        ] {
            assert!(!is_telling(word.as_bytes()), "{word}");
        }
        for word in ["moc.elpmaxe@ada", "moc.elpmaxe@12345", "moc.elpmaxe@4.ada", "H58D7wKbT4r7XmL2fZ9q_evil_ks"] {
            assert!(is_telling(word.as_bytes()), "{word}");
        }
    }
}
