//! Runs of base 85: Ascii85 (Adobe, `<~…~>` or bare) and the alphabet of RFC 1924 (Git, Python's `b85encode`).
//!
//! Groups of five characters are four bytes. Where a run begins in step is not known (quotation marks and brackets are characters of
//! Ascii85), so each of five shifts is tried; the first character alone shows at a glance whether a group can hold text.

use super::runs::runs;
use super::{Reading, Readings, Task, is_printable};
use crate::text::TextSpan;
use crate::text::view::{Builder, Origin};

/// LIMIT: decoded bytes of the shortest view, and its groups; fewer come about by chance.
const SHORTEST_GROUPS: usize = 3;

/// Two groups and the beginning of a third.
const SHORTEST_RUN: usize = 12;

/// The alphabet of RFC 1924 in order of value.
const RFC1924: &[u8; 85] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// The value of each byte in both alphabets; 255: none.
const VALUES: [[u8; 256]; 2] = values();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "evaluated when compiled")]
const fn values() -> [[u8; 256]; 2] {
    let mut tables = [[255; 256]; 2];
    let mut at = 0;
    while at < 85 {
        tables[0][b'!' as usize + at] = at as u8;
        tables[1][RFC1924[at] as usize] = at as u8;
        at += 1;
    }
    tables
}

const NAMES: [&str; 2] = ["ascii85", "base85"];

/// See [`super::Codec`].
pub(super) fn read(task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
    let bytes = task.bytes();
    for (start, end) in runs(bytes, from, SHORTEST_RUN, is_sign, word_end) {
        let open = !task.ended && end == bytes.len();
        if !open && end - start < SHORTEST_RUN {
            continue;
        }
        let mut piece = start;
        loop {
            let cut = end.min(piece + task.limits.stretch);
            for alphabet in 0..VALUES.len() {
                read_run(task, TextSpan::new(piece, cut), alphabet, open && cut == end, out);
            }
            if cut == end {
                break;
            }
            piece += task.limits.stretch / 4 * 3;
        }
        if open {
            return piece;
        }
    }
    bytes.len()
}

fn word_end(bytes: &[u8], at: usize) -> usize {
    at + bytes.get(at..).unwrap_or_default().iter().take_while(|b| is_sign(**b)).count()
}

fn is_sign(byte: u8) -> bool {
    byte.wrapping_sub(b'!') < 94
}

fn read_run(task: &Task<'_>, run: TextSpan, alphabet: usize, open: bool, out: &mut Readings) {
    let bytes = task.bytes().get(run.range()).unwrap_or_default();
    let Some(values) = VALUES.get(alphabet) else { return };
    for shift in 0..5.min(bytes.len()) {
        let (mut groups, mut at) = (Vec::new(), shift);
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let group = group(values, rest, !open);
            if let Some(group) = group {
                let whole = groups.len() * 5;
                // The characters of a short group may be none of the text's.
                if group.1 < 4 && groups.len() >= SHORTEST_GROUPS && rest.len() > group.1 + 1 {
                    write(task, run.start, at - whole..at, &groups, (alphabet, false), out);
                }
                groups.push(group);
                at += 5;
                if rest.len() > 5 && group.1 == 4 {
                    continue;
                }
            }
            // A group that the end cuts may become one.
            let reaches =
                open && rest.len() <= 5 && (group.is_some() || rest.iter().all(|b| value(values, *b).is_some()));
            let first = at - 5 * groups.len();
            let end = at.min(bytes.len());
            let text = groups.len() >= SHORTEST_GROUPS
                && write(task, run.start, first..end, &groups, (alphabet, reaches), out);
            if reaches && !text {
                out.hold(task, run.start + first.min(bytes.len().saturating_sub(1)));
            }
            if rest.len() <= 5 {
                break;
            }
            at += if group.is_some() { 0 } else { 5 };
            groups.clear();
        }
    }
}

fn value(values: &[u8; 256], byte: u8) -> Option<u32> {
    values.get(usize::from(byte)).filter(|v| **v < 85).map(|v| u32::from(*v))
}

/// Four bytes of text (fewer from the last group of a run), or `None`.
fn group(values: &[u8; 256], rest: &[u8], last: bool) -> Option<([u8; 4], usize)> {
    let len = rest.iter().take(5).take_while(|b| value(values, **b).is_some()).count();
    if len < 2 || (len == rest.len() && len < 5 && !last) {
        return None;
    }
    let first = value(values, *rest.first()?)?;
    // Text begins with a byte of 0x09 to 0x7e, or of a character of several.
    if first < 2 {
        return None;
    }
    let mut number = u64::from(first);
    for at in 1..5 {
        let digit = rest.get(at).filter(|_| at < len).map_or(Some(84), |byte| value(values, *byte))?;
        number = number * 85 + u64::from(digit);
    }
    let bytes = u32::try_from(number).ok()?.to_be_bytes();
    let whole = len - 1;
    let textual = |b: &u8| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x80..);
    bytes.iter().take(whole).all(textual).then_some((bytes, whole))
}

/// Pushes what `groups` say, if it is text. True if it did.
fn write(
    task: &Task<'_>,
    base: usize,
    range: std::ops::Range<usize>,
    groups: &[([u8; 4], usize)],
    (alphabet, open): (usize, bool),
    out: &mut Readings,
) -> bool {
    let bytes: Vec<u8> = groups.iter().flat_map(|(bytes, len)| bytes.iter().take(*len)).copied().collect();
    let text = match str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) if open && error.error_len().is_none() => {
            str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    // Bytes beyond ASCII come about by chance: most of a text is none.
    if text.is_empty()
        || !text.chars().all(is_printable)
        || text.chars().filter(|c| !c.is_ascii()).count() * 2 > text.len()
    {
        return false;
    }
    let mut builder = Builder::with_capacity(text.len());
    let mut from = 0;
    while from < text.len() {
        let to = text.ceil_char_boundary(from + 4).min(text.len());
        let first = range.start + from / 4 * 5;
        let last = (range.start + to.div_ceil(4) * 5).min(range.end);
        builder.replace(
            text.get(from..to).unwrap_or_default(),
            task.view.to_raw(TextSpan::new(base + first, base + last)),
        );
        from = to;
    }
    let name = NAMES.get(alphabet).copied().unwrap_or_default();
    out.views.push(Reading { view: builder.finish(Origin::Decoded(name)), open, sure: true });
    true
}
