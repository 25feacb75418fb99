//! Groups of digits with separators that no rule expects: `4111 | 1111 | 1111 | 1111`, `078*05*1120`. They are read with hyphens instead.
//!
//! One and the same separator throughout, at least three groups: so times, ranges and columns of tables are not read as one number.

use super::stretch::{Escape, InPlace, Means, Parsed};
use super::{Readings, Task};

/// LIMIT: digits of one group.
const GROUP: usize = 8;
/// LIMIT: bytes of a separator: a dash between two spaces has five.
const SEPARATOR: usize = 6;
/// LIMIT: bytes of all groups together: more than a card number with its separators.
const LONGEST: usize = 96;
/// Digits of the shortest number that is looked for, and of the longest.
const DIGITS: std::ops::RangeInclusive<usize> = 9..=19;
/// Fewest groups.
const GROUPS: usize = 3;
/// Digits of the smallest group.
const SMALL: usize = 3;

const GROUPED: InPlace = InPlace { mark, parse, sure: false };

/// Bytes that are searched for digits at a time.
const BLOCK: usize = 64;

/// See [`super::Codec`].
pub(super) fn read(task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
    GROUPED.read(task, from, out)
}

/// The next digit that no letter or digit stands before.
fn mark(bytes: &[u8], from: usize) -> Option<usize> {
    let mut base = from;
    let mut glued = from.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    for block in bytes.get(from..)?.chunks(BLOCK) {
        // Written so that the compiler makes it a vector comparison.
        if block.iter().map(|b| u8::from(b.wrapping_sub(b'0') < 10)).sum::<u8>() > 0 {
            for (at, byte) in (base..).zip(block) {
                if byte.is_ascii_digit() && !glued {
                    return Some(at);
                }
                glued = byte.is_ascii_alphanumeric();
            }
        }
        glued = block.last().is_some_and(u8::is_ascii_alphanumeric);
        base += block.len();
    }
    None
}

fn parse(text: &str, at: usize, _joined: &str, ended: bool) -> Parsed {
    let bytes = text.as_bytes().get(at..).unwrap_or_default();
    let bytes = bytes.get(..LONGEST.min(bytes.len())).unwrap_or_default();
    let count = |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = count(0);
    if end > GROUP {
        return Parsed::Not;
    }
    let first = end;
    // Most numbers are seen to be none of these by their first two groups.
    let begun = first < bytes.len();
    if begun && (first < SMALL || bytes.get(first).is_some_and(u8::is_ascii_alphanumeric)) {
        return Parsed::Not;
    }
    // Nothing is written down before there is a second group.
    let mut others: Vec<std::ops::Range<usize>> = Vec::new();
    let mut separator: &[u8] = &[];
    loop {
        let rest = bytes.get(end..).unwrap_or_default();
        let len = rest.iter().take_while(|b| is_separator(**b)).take(SEPARATOR + 1).count();
        let found = rest.get(..len).unwrap_or_default();
        let digits = count(end + len);
        let goes_on = others.is_empty() || separator.starts_with(found) || found == separator;
        if !ended && end + len + digits == bytes.len() && bytes.len() < LONGEST && goes_on {
            return Parsed::MayBe;
        }
        let other = !others.is_empty() && found != separator;
        if len == 0 || len > SEPARATOR || digits == 0 || digits > GROUP || other {
            break;
        }
        if is_expected(found) {
            return Parsed::Not;
        }
        separator = found;
        others.push(end + len..end + len + digits);
        end += len + digits;
    }
    let sizes: Vec<usize> = [first].into_iter().chain(others.iter().map(|g| g.len())).collect();
    // Lists of small numbers, codes, times; the one number with a group of two is a social security number.
    let small = sizes.iter().any(|size| *size < SMALL) && sizes != [3, 2, 4];
    if sizes.len() < GROUPS || !DIGITS.contains(&sizes.iter().sum()) || small {
        return Parsed::Not;
    }
    let groups = std::iter::once(0..first).chain(others).map(|g| bytes.get(g).unwrap_or_default());
    let written: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    Parsed::Is(Escape { codec: "digit-groups", lead: 0, len: end, means: Means::Text(written.join("-")) })
}

/// True for a separator that rules for numbers expect themselves.
fn is_expected(separator: &[u8]) -> bool {
    matches!(separator, [b' ' | b'.' | b'_' | b'/' | b'-'])
}

/// Lists and tables are written with commas, semicolons and tabs; times and addresses with colons.
fn is_separator(byte: u8) -> bool {
    (byte.is_ascii_punctuation() || byte == b' ' || !byte.is_ascii()) && !b",;=\"'`([{}])<>%$".contains(&byte)
}
