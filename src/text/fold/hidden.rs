//! Texts written in characters that nobody sees.

use crate::text::TextSpan;
use crate::text::view::{Builder, Origin, View};

/// LIMIT: shorter runs say nothing; a flag emoji has up to seven tags, and they decode to harmless letters.
const FEWEST_CARRIERS: usize = 4;

/// Reads tag characters (U+E0020–U+E007E spell ASCII) and variation selectors (one byte each).
pub(super) fn read(raw: &str) -> Vec<View<'static>> {
    [tags(raw), selectors(raw)].into_iter().flatten().collect()
}

fn tags(raw: &str) -> Option<View<'static>> {
    let mut out = Builder::default();
    for (at, c) in raw.char_indices() {
        if let '\u{e0020}'..='\u{e007e}' = c
            && let Some(ascii) = char::from_u32(u32::from(c) - 0xe0000)
        {
            out.replace(ascii.encode_utf8(&mut [0; 4]), TextSpan::new(at, at + c.len_utf8()));
        }
    }
    (out.len() >= FEWEST_CARRIERS).then(|| out.finish(Origin::Decoded("tags")))
}

fn selectors(raw: &str) -> Option<View<'static>> {
    let mut carriers: Vec<(usize, u8)> = Vec::new();
    let mut before = None;
    for (at, c) in raw.char_indices() {
        let byte = selected(c);
        // One alone selects how an emoji or an ideograph looks; a message takes several in a row.
        if let (Some(first), Some(second)) = (before, byte) {
            let known = carriers.last().is_some_and(|&last| last == first);
            carriers.extend((!known).then_some(first).into_iter().chain([(at, second)]));
        }
        before = byte.map(|byte| (at, byte));
    }
    if carriers.len() < FEWEST_CARRIERS {
        return None;
    }
    let bytes: Vec<u8> = carriers.iter().map(|&(_, byte)| byte).collect();
    let mut out = Builder::default();
    let mut first = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let span = carriers.get(first).zip(carriers.get(first + c.len_utf8() - 1));
            if let Some((&(start, _), &(last, _))) = span {
                let end = last + raw.get(last..).and_then(|r| r.chars().next()).map_or(0, char::len_utf8);
                out.replace(c.encode_utf8(&mut [0; 4]), TextSpan::new(start, end));
            }
            first += c.len_utf8();
        }
        first += chunk.invalid().len();
    }
    (out.len() >= FEWEST_CARRIERS).then(|| out.finish(Origin::Decoded("variation-selectors")))
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
