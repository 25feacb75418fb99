//! Character codes one by one: `52 49 49 49`, `0x34, 0x31`, `34:31:31`, `00110100 00110001`, `064 061`.

use super::{Reading, Readings, Task};
use crate::text::TextSpan;
use crate::text::view::{Builder, Origin};

/// LIMIT: codes of the shortest view; shorter lists are numbers.
const SHORTEST: usize = 8;
/// So many codes are no number, whatever rules make of their digits: card numbers in pairs have ten, addresses eight.
const NO_NUMBER: usize = 12;
/// LIMIT: bytes between two codes.
const SEPARATOR: usize = 3;
/// Bytes that are searched for digits at a time.
const BLOCK: usize = 64;

/// How a list writes its codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Style {
    name: &'static str,
    radix: u32,
    /// Digits of a code.
    least: usize,
    most: usize,
}

const STYLES: [Style; 4] = [
    Style { name: "hex-codes", radix: 16, least: 2, most: 2 },
    Style { name: "decimal-codes", radix: 10, least: 2, most: 3 },
    Style { name: "octal-codes", radix: 8, least: 3, most: 3 },
    Style { name: "binary-codes", radix: 2, least: 7, most: 8 },
];

/// See [`super::Codec`].
pub(super) fn read(task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
    let bytes = task.bytes();
    let mut at = from;
    while let Some(start) = next_word(bytes, at) {
        let mut reached = start + 1;
        let len = word_end(bytes, start) - start;
        for style in STYLES {
            let prefixed = style.radix == 16 && len == 4;
            let cut = !task.ended && start + len == bytes.len() && len < style.most.max(4);
            if !((style.least..=style.most).contains(&len) || prefixed || cut) {
                continue;
            }
            let list = List::read(task, start, style);
            let open = !task.ended && list.reaches_end && !list.is_cut;
            if open && list.codes.len() < NO_NUMBER {
                out.hold(task, start);
            }
            if let (Some((_, last)), NO_NUMBER..) = (list.codes.last(), list.codes.len()) {
                let span = task.view.to_raw(TextSpan::new(start, last.end));
                out.codes.push(span);
            }
            if list.codes.len() >= SHORTEST {
                list.write(task, style, open, out);
            }
            if open && (list.codes.len() >= SHORTEST || list.end == bytes.len()) {
                // Other styles of the same list are read again with it.
                reached = usize::MAX;
            }
            if reached != usize::MAX && list.codes.len() >= SHORTEST {
                reached = reached.max(list.next);
            }
        }
        if reached == usize::MAX {
            return start;
        }
        at = reached.max(start + len);
    }
    bytes.len()
}

/// The next digit that no letter or digit stands before.
fn next_word(bytes: &[u8], from: usize) -> Option<usize> {
    let mut base = from;
    let mut glued = from.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    for block in bytes.get(from..)?.chunks(BLOCK) {
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

fn word_end(bytes: &[u8], start: usize) -> usize {
    start + bytes.get(start..).unwrap_or_default().iter().take_while(|b| b.is_ascii_alphanumeric()).count()
}

/// A list of codes.
struct List {
    codes: Vec<(u8, TextSpan)>,
    /// Nothing but the text's end stops it.
    reaches_end: bool,
    /// It is longer than one view may be.
    is_cut: bool,
    end: usize,
    /// Where the next list may begin.
    next: usize,
}

impl List {
    fn read(task: &Task<'_>, start: usize, style: Style) -> Self {
        let (bytes, longest) = (task.bytes(), task.limits.stretch);
        let mut list = Self { codes: Vec::new(), reaches_end: false, is_cut: false, end: start, next: start };
        let mut at = start;
        loop {
            if at - start > longest {
                list.is_cut = true;
                return list;
            }
            let word = bytes.get(at..word_end(bytes, at)).unwrap_or_default();
            let digits = word.strip_prefix(b"0x").filter(|_| style.radix == 16).unwrap_or(word);
            let cut = !task.ended && at + word.len() == bytes.len();
            let code = code(digits, style);
            if cut
                && (code.is_some()
                    || (digits.len() < style.most && digits.iter().all(|b| char::from(*b).is_digit(style.radix))))
            {
                // The last code may have more digits.
                list.reaches_end = true;
                list.end = bytes.len();
                if let Some(code) = code.filter(|_| digits.len() == style.most) {
                    list.codes.push((code, TextSpan::new(at, at + word.len())));
                }
                return list;
            }
            let Some(code) = code else { return list };
            list.codes.push((code, TextSpan::new(at, at + word.len())));
            at += word.len();
            list.end = at;
            if at - start <= longest / 4 * 3 {
                list.next = at;
            }
            let rest = bytes.get(at..).unwrap_or_default();
            let gap = rest.iter().take(SEPARATOR + 1).take_while(|b| b" ,;:-\n\t\\.".contains(b)).count();
            if gap == rest.len() {
                list.reaches_end = true;
                list.end = bytes.len();
                return list;
            }
            if gap == 0 || gap > SEPARATOR {
                return list;
            }
            at += gap;
        }
    }

    fn write(&self, task: &Task<'_>, style: Style, open: bool, out: &mut Readings) {
        let mut builder = Builder::default();
        let bytes: Vec<u8> = self.codes.iter().map(|(code, _)| *code).collect();
        let mut at = 0;
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                if let (Some((_, first)), Some((_, last))) = (self.codes.get(at), self.codes.get(at + c.len_utf8() - 1))
                {
                    builder.replace(c.encode_utf8(&mut [0; 4]), task.view.to_raw(TextSpan::new(first.start, last.end)));
                }
                at += c.len_utf8();
            }
            at += chunk.invalid().len();
        }
        if builder.len() >= SHORTEST {
            if open {
                out.hold(
                    task,
                    self.codes.last().map_or(self.end, |(_, span)| span.end).min(task.bytes().len().saturating_sub(1)),
                );
            }
            out.views.push(Reading { view: builder.finish(Origin::Decoded(style.name)), open, sure: true });
        } else if open && let Some((_, first)) = self.codes.first() {
            out.hold(task, first.start);
        }
    }
}

/// The code that `digits` write, if it is one of readable text.
fn code(digits: &[u8], style: Style) -> Option<u8> {
    if !(style.least..=style.most).contains(&digits.len()) {
        return None;
    }
    let number = u32::from_str_radix(str::from_utf8(digits).ok()?, style.radix).ok()?;
    let byte = u8::try_from(number).ok()?;
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0xc2..=0xf4 | 0x80..=0xbf).then_some(byte)
}
