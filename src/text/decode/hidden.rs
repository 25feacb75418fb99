//! Texts written in characters that nobody sees: tag characters, variation selectors, and bits in zero-width characters.

use super::{Reading, Readings, Task, is_printable};
use crate::text::TextSpan;
use crate::text::view::{Builder, Origin, View};

/// LIMIT: shorter texts say nothing; a flag emoji has up to seven tags, and they decode to harmless letters.
const SHORTEST: usize = 4;
/// LIMIT: bytes of visible text between two carriers of one hidden text.
const GAP: usize = 64;

/// See [`super::Codec`].
pub(super) fn read(task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
    let text = task.text();
    let mut from = from;
    loop {
        let next = |from| next_carrier(text, from, task.ended);
        let Some((first, _)) = next(from) else { return text.len() };
        let (mut end, mut count) = (first, 0);
        while let Some((at, c)) = next(end).filter(|(at, _)| *at - end <= GAP || *at == first) {
            end = at + c.len_utf8();
            count += 1;
            if end - first > task.limits.stretch {
                break;
            }
        }
        // What the last one is may yet depend on its neighbour.
        let cut = end - first > task.limits.stretch && (task.ended || end < text.len());
        let open = !task.ended && !cut && text.len() - end <= GAP;
        if open {
            // Bits and bytes have no meaning before all are there.
            out.hold(task, first);
            return first;
        }
        if count >= SHORTEST {
            let stretch = TextSpan::new(first, end);
            let carriers = [tags(task, stretch), selectors(task, stretch), bits(task, stretch)];
            for view in carriers.into_iter().flatten() {
                out.views.push(Reading { view, open: false, sure: true });
            }
        }
        from = if cut { text.ceil_char_boundary(first + task.limits.stretch / 4 * 3) } else { end };
    }
}

/// The next character that may carry something. One selector or joiner alone shapes what it stands beside.
fn next_carrier(text: &str, from: usize, ended: bool) -> Option<(usize, char)> {
    // All are of three or four bytes and begin with one of these.
    let bytes = text.as_bytes().get(from..)?;
    memchr::memchr3_iter(0xe2, 0xef, 0xf3, bytes).map(|at| from + at).find_map(|at| {
        let (before, rest) = text.split_at_checked(at)?;
        let mut rest = rest.chars();
        let c = rest.next()?;
        let shapes = |c: char| selected(c).is_some() || bit(c).is_some();
        let mut beside = || {
            let next = rest.next();
            before.chars().next_back().is_some_and(shapes) || next.map_or(!ended, shapes)
        };
        (is_tag(c) || (shapes(c) && beside())).then_some((at, c))
    })
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007e}')
}

/// Tag characters U+E0020 to U+E007E spell ASCII.
fn tags(task: &Task<'_>, stretch: TextSpan) -> Option<View<'static>> {
    let mut out = Builder::default();
    for (at, c) in characters(task, stretch).filter(|(_, c)| is_tag(*c)) {
        let ascii = char::from_u32(u32::from(c) - 0xe0000)?;
        out.replace(ascii.encode_utf8(&mut [0; 4]), task.view.to_raw(TextSpan::new(at, at + c.len_utf8())));
    }
    (out.len() >= SHORTEST).then(|| out.finish(Origin::Decoded("tags")))
}

/// One selector alone says how an emoji or an ideograph looks; a message takes several in a row, one byte each.
fn selectors(task: &Task<'_>, stretch: TextSpan) -> Option<View<'static>> {
    let mut carriers: Vec<(u8, TextSpan)> = Vec::new();
    let mut before = None;
    for (at, c) in characters(task, stretch) {
        let now = selected(c).map(|byte| (byte, TextSpan::new(at, at + c.len_utf8())));
        if let (Some(first), Some(second)) = (before, now) {
            let known = carriers.last().is_some_and(|last| *last == first);
            carriers.extend((!known).then_some(first).into_iter().chain([second]));
        }
        before = now;
    }
    written(task, &carriers, "variation-selectors")
}

/// The byte that a variation selector stands for: VS1–VS16 are 0–15, VS17–VS256 are 16–255.
fn selected(c: char) -> Option<u8> {
    let code = u32::from(c);
    let value = match c {
        '\u{fe00}'..='\u{fe0f}' => code - 0xfe00,
        '\u{e0100}'..='\u{e01ef}' => code - 0xe0100 + 16,
        _ => return None,
    };
    u8::try_from(value).ok()
}

/// Two zero-width characters for 0 and 1, eight or seven a byte; a third one may part bytes.
fn bits(task: &Task<'_>, stretch: TextSpan) -> Option<View<'static>> {
    let all: Vec<(char, TextSpan)> = characters(task, stretch)
        .filter(|(_, c)| bit(*c).is_some())
        .map(|(at, c)| (c, TextSpan::new(at, at + c.len_utf8())))
        .collect();
    if all.len() < SHORTEST * 7 {
        return None;
    }
    let mut signs: Vec<(char, usize)> = Vec::new();
    for (c, _) in &all {
        match signs.iter_mut().find(|(sign, _)| sign == c) {
            Some((_, count)) => *count += 1,
            None => signs.push((*c, 1)),
        }
    }
    signs.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let &[(a, _), (b, _), ..] = signs.as_slice() else { return None };
    let digits: Vec<(char, TextSpan)> = all.into_iter().filter(|(c, _)| *c == a || *c == b).collect();
    [(8, a), (8, b), (7, a), (7, b)].into_iter().find_map(|(width, one)| {
        let bytes: Vec<(u8, TextSpan)> = digits
            .chunks_exact(width)
            .map(|byte| {
                let value = byte.iter().fold(0, |value, (c, _)| value << 1 | u8::from(*c == one));
                let end = byte.last().map_or(0, |(_, span)| span.end);
                (value, TextSpan::new(byte.first().map_or(end, |(_, span)| span.start), end))
            })
            .collect();
        let readable = bytes.iter().filter(|(b, _)| (b' '..=b'~').contains(b)).count();
        (readable * 8 >= bytes.len() * 7).then(|| written(task, &bytes, "zero-width")).flatten()
    })
}

fn bit(c: char) -> Option<()> {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}').then_some(())
}

fn characters<'t>(task: &Task<'t>, stretch: TextSpan) -> impl Iterator<Item = (usize, char)> + 't {
    let text = task.text().get(stretch.range()).unwrap_or_default();
    text.char_indices().map(move |(at, c)| (stretch.start + at, c))
}

/// The text that bytes make.
fn written(task: &Task<'_>, bytes: &[(u8, TextSpan)], codec: &'static str) -> Option<View<'static>> {
    let raw: Vec<u8> = bytes.iter().map(|(byte, _)| *byte).collect();
    let mut out = Builder::default();
    let mut first = 0;
    for chunk in raw.utf8_chunks() {
        for c in chunk.valid().chars() {
            let span = bytes.get(first).zip(bytes.get(first + c.len_utf8() - 1));
            if let Some(((_, start), (_, last))) = span.filter(|_| is_printable(c)) {
                out.replace(c.encode_utf8(&mut [0; 4]), task.view.to_raw(TextSpan::new(start.start, last.end)));
            }
            first += c.len_utf8();
        }
        first += chunk.invalid().len();
    }
    (out.len() >= SHORTEST).then(|| out.finish(Origin::Decoded(codec)))
}
