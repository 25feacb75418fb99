//! Values cut in two by what is not part of them: string concatenation in program texts, line ends, `[at]` and `(dot)`.
//!
//! All but the first are guesses: what a text says without them comes first.

use super::stretch::{Escape, InPlace, Means, Parsed, nearest};
use super::{Readings, Task};

/// LIMIT: bytes of a word that are looked at on either side of a line end.
const WORD: usize = 64;
/// LIMIT: white space and an operator between two string literals.
const GAP: usize = 24;
/// The shortest key that is looked for over a line end.
const SHORTEST_KEY: usize = 16;
/// How far before a line end the beginning of an IBAN may stand.
const IBAN: usize = 40;

const LITERALS: InPlace = InPlace {
    mark: |bytes, from| memchr::memchr2(b'"', b'\'', bytes.get(from..)?).map(|at| from + at),
    parse: |text, at, _, _| concatenation(text.as_bytes(), at),
    sure: true,
};

const LINES: InPlace = InPlace { mark, parse, sure: false };

/// See [`super::Codec`].
pub(super) fn read_literals(task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
    LITERALS.read(task, from, out)
}

/// See [`super::Codec`].
pub(super) fn read(task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
    LINES.read(task, from, out)
}

fn mark(bytes: &[u8], from: usize) -> Option<usize> {
    nearest(bytes, from, |block| {
        let line = memchr::memchr2(b'\n', b'\r', block);
        memchr::memchr3(b'[', b'(', b'{', block.get(..line.unwrap_or(block.len())).unwrap_or_default()).or(line)
    })
}

fn parse(text: &str, at: usize, _joined: &str, ended: bool) -> Parsed {
    let bytes = text.as_bytes();
    match bytes.get(at) {
        Some(b'\n') => line_end(bytes, at, at, ended),
        Some(b'\r') => match bytes.get(at + 1) {
            Some(b'\n') => line_end(bytes, at, at + 1, ended),
            None => Parsed::MayBe,
            Some(_) => Parsed::Not,
        },
        Some(_) => spelled(bytes, at),
        None => Parsed::Not,
    }
}

fn is(codec: &'static str, lead: usize, len: usize, means: Means) -> Parsed {
    Parsed::Is(Escape { codec, lead, len, means })
}

/// `"41" + "11"`, `"41" "11"` (adjacent literals of C and Python), `'41' . '11'`.
fn concatenation(bytes: &[u8], at: usize) -> Parsed {
    let [quote, rest @ ..] = bytes.get(at..).unwrap_or_default() else { return Parsed::Not };
    let mut operator = 0;
    for (gap, &byte) in rest.iter().take(GAP).enumerate() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b'\\' => {}
            b'+' | b'.' | b'&' | b'|' | b'~' if operator < 2 => operator += 1,
            b'"' | b'\'' if gap > 0 && (operator > 0 || byte == *quote) => {
                return is("concatenation", 0, gap + 2, Means::Nothing);
            }
            _ => return Parsed::Not,
        }
    }
    if rest.len() < GAP { Parsed::MayBe } else { Parsed::Not }
}

/// `jo [at] example (dot) com`, with the spaces around.
fn spelled(bytes: &[u8], at: usize) -> Parsed {
    let rest = bytes.get(at + 1..).unwrap_or_default();
    let word = rest.trim_ascii_start();
    let (len, sign) = match word {
        [b'a' | b'A', b't' | b'T', ..] => (2, '@'),
        [b'd' | b'D', b'o' | b'O', b't' | b'T', ..] => (3, '.'),
        [b'@', ..] => (1, '@'),
        [b'.', ..] => (1, '.'),
        [] | [b'a' | b'A' | b'd' | b'D'] | [b'd' | b'D', b'o' | b'O'] if rest.len() < 5 => return Parsed::MayBe,
        _ => return Parsed::Not,
    };
    let after = word.get(len..).unwrap_or_default();
    let close = after.trim_ascii_start();
    match close {
        [b']' | b')' | b'}', next @ ..] => {
            let spaces = next.iter().take_while(|b| **b == b' ').take(2).count();
            if spaces == next.len() {
                return Parsed::MayBe;
            }
            let lead = bytes.get(..at).unwrap_or_default().iter().rev().take(2).take_while(|b| **b == b' ').count();
            is("spelled", lead, 1 + (rest.len() - next.len()) + spaces, Means::Char(sign))
        }
        [] if rest.len() < 8 => Parsed::MayBe,
        _ => Parsed::Not,
    }
}

/// A line end, with the next line's indent or quotation mark, inside an address, a key or an IBAN.
///
/// It begins at `at` and ends with the line feed at `feed`.
fn line_end(bytes: &[u8], at: usize, feed: usize, ended: bool) -> Parsed {
    let before = bytes.get(..at).unwrap_or_default();
    let first = before.get(before.len() - before.iter().rev().take(WORD).take_while(|b| in_word(**b)).count()..);
    let Some(first @ [.., last]) = first else { return Parsed::Not };
    if !(last.is_ascii_alphanumeric() || b"@-_=+/.".contains(last)) {
        return Parsed::Not;
    }
    let rest = bytes.get(feed + 1..).unwrap_or_default();
    let indent = rest.iter().take(12).take_while(|b| matches!(b, b' ' | b'\t' | b'>')).count();
    let second = rest.get(indent..).unwrap_or_default();
    let second_len = second.iter().take(WORD).take_while(|b| in_word(**b)).count();
    let cut = !ended && second_len == second.len() && second_len < WORD;
    let second = second.get(..second_len).unwrap_or_default();
    if second.is_empty() {
        return if cut { Parsed::MayBe } else { Parsed::Not };
    }
    let joint = || is("line-end", 0, feed + 1 - at + indent, Means::Nothing);
    if second.first() == Some(&b'@') || (first.contains(&b'@') && first.len() > 1) || first == b"@" {
        return joint();
    }
    let digit = |word: &[u8]| word.iter().any(u8::is_ascii_digit);
    if *last == b'-' && digit(first) && second.iter().take(2).all(u8::is_ascii_digit) {
        return joint();
    }
    let numeric = |word: &[u8]| word.iter().all(u8::is_ascii_alphanumeric) && word.len() <= 8;
    if numeric(first) && numeric(second) && in_iban(before) {
        return joint();
    }
    let upper = first.iter().all(u8::is_ascii_uppercase);
    let mixed =
        first.iter().any(u8::is_ascii_alphabetic) && first.iter().any(|b| b.is_ascii_digit() || b"_-".contains(b));
    if first.len() < 4 || !(upper || mixed) {
        return Parsed::Not;
    }
    if cut {
        return Parsed::MayBe;
    }
    match first.len() + second.len() >= SHORTEST_KEY && (digit(first) || digit(second)) {
        true => joint(),
        false => Parsed::Not,
    }
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"@._+-=/".contains(&byte)
}

/// True if an IBAN (two letters, two digits) may begin within what ends here.
fn in_iban(before: &[u8]) -> bool {
    let near = before.get(before.len().saturating_sub(IBAN)..).unwrap_or_default();
    let upper = |b: &u8| b.is_ascii_uppercase();
    let digit = |b: &u8| b.is_ascii_digit();
    near.windows(4).any(|w| matches!(w, [a, b, c, d] if upper(a) && upper(b) && digit(c) && digit(d)))
}
