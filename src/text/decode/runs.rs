//! Runs of base64 (RFC 4648, either alphabet, padded or not, in MIME lines or not) and of hex.

use std::borrow::Cow;

use super::{Limits, afford};
use crate::text::TextSpan;
use crate::text::view::{Builder, Origin, View};

/// LIMIT: shorter runs hold no finding worth the noise: 16 characters are 12 bytes of base64, 8 of hex.
const SHORTEST: usize = 16;

/// Lines of wrapped base64 are at least this long (PEM 64, MIME 76); a run goes on over the end of such a line.
const WRAPPED_LINE: usize = 60;

/// Of `lenient` runs, at least this many in 8 characters must be printable.
const MOSTLY: usize = 7;

/// Appends a view for each run that decodes to text.
pub(super) fn decode(view: &View<'_>, limits: Limits, left: &mut usize, out: &mut Vec<View<'static>>) {
    let bytes = view.text.as_bytes();
    let mut done = 0;
    // Every run has a byte at a multiple of its least length.
    let mut probe = SHORTEST - 1;
    while let Some(&byte) = bytes.get(probe) {
        if !is_code(byte) || probe < done {
            probe += SHORTEST;
            continue;
        }
        let back = bytes.get(done..probe).unwrap_or_default().iter().rev().take_while(|&&b| is_code(b)).count();
        let start = probe - back;
        let end = run_end(bytes, start);
        done = end;
        if end - start >= SHORTEST {
            decode_run(view, TextSpan::new(start, end), limits, left, out);
        }
        probe = (end / SHORTEST + 1) * SHORTEST - 1;
    }
}

/// Where the run that may still be open at the end of `text` (or the last piece of it) begins.
pub(super) fn open_from(text: &str, longest: usize) -> usize {
    let bytes = text.as_bytes();
    let mut start = bytes.len();
    loop {
        start -= bytes.get(..start).unwrap_or_default().iter().rev().take_while(|&&b| is_code(b)).count();
        // The run may be the next line of one that began before.
        let line_end = match bytes.get(..start) {
            Some([.., b'\r', b'\n']) => start - 2,
            Some([.., b'\n']) => start - 1,
            Some([.., b'\r']) if start == bytes.len() => start - 1,
            _ => break,
        };
        let line = bytes.get(..line_end).unwrap_or_default().iter().rev().take_while(|&&b| is_code(b)).count();
        if line < WRAPPED_LINE {
            break;
        }
        start = line_end;
    }
    // Padding closes a run once a third sign cannot follow.
    let padding = bytes.iter().rev().take_while(|&&b| b == b'=').count();
    if start == bytes.len() && matches!(padding, 1 | 2) {
        let end = bytes.len() - padding;
        let run = bytes.get(..end).unwrap_or_default().iter().rev().take_while(|&&b| is_code(b)).count();
        start = if run == 0 { start } else { end - run };
    }
    let first = start;
    while bytes.len() - start > longest {
        start += longest;
    }
    let tail = bytes.get(start..).unwrap_or_default();
    let plausible = |decoded: Option<Vec<u8>>| decoded.is_some_and(|d| is_text_so_far(&d));
    let open = first < bytes.len() && (plausible(base64(tail)) || plausible(hex_so_far(tail)));
    if open { start } else { bytes.len() }
}

fn decode_run(view: &View<'_>, run: TextSpan, limits: Limits, left: &mut usize, out: &mut Vec<View<'static>>) {
    let mut start = run.start;
    while start < run.end {
        let end = run.end.min(start + limits.run.max(SHORTEST));
        let piece = view.text.as_bytes().get(start..end).unwrap_or_default();
        let found = hex(piece)
            .and_then(|bytes| text(bytes, limits.lenient))
            .map(|text| ("hex", text))
            .or_else(|| base64_text(piece, limits.lenient).map(|text| ("base64", text)));
        if let Some((name, text)) = found
            && afford(left, text.len())
        {
            let mut builder = Builder::with_capacity(text.len());
            builder.replace(&text, view.to_raw(TextSpan::new(start, end)));
            out.push(builder.finish(Origin::Decoded(name)));
        }
        start = end;
    }
}

fn base64_text(piece: &[u8], lenient: bool) -> Option<String> {
    // Something glued to the front shifts the groups of four.
    let shifts = if lenient { 4 } else { 1 };
    (0..shifts).find_map(|shift| text(base64(piece.get(shift..)?)?, lenient))
}

/// The end of the run that begins at `start`, with its padding.
fn run_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    loop {
        let line = bytes.get(at..).unwrap_or_default().iter().take_while(|&&b| is_code(b)).count();
        at += line;
        let next = match bytes.get(at..) {
            Some([b'\r', b'\n', next, ..]) if is_code(*next) => 2,
            Some([b'\n', next, ..]) if is_code(*next) => 1,
            rest => return at + rest.unwrap_or_default().iter().take(2).take_while(|&&b| b == b'=').count(),
        };
        if line < WRAPPED_LINE {
            return at;
        }
        at += next;
    }
}

fn is_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Decodes base64; line ends are skipped, padding is not asked for, spare bits are dropped.
fn base64(run: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(run.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0u32, 0);
    for &byte in run {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' | b'=' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff).try_into().ok()?);
        }
    }
    Some(out)
}

/// Decodes hex, with `0x` before it or not; `None` if it is anything else.
fn hex(run: &[u8]) -> Option<Vec<u8>> {
    let digits = run.strip_prefix(b"0x").unwrap_or(run);
    if digits.len() % 2 == 1 { None } else { hex_so_far(run) }
}

fn hex_so_far(run: &[u8]) -> Option<Vec<u8>> {
    let digits = match run {
        b"0" => &[],
        _ => run.strip_prefix(b"0x").unwrap_or(run),
    };
    let value = |b: u8| char::from(b).to_digit(16).and_then(|v| u8::try_from(v).ok());
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(value(high)? << 4 | value(low)?)).collect()
}

/// `bytes` as text, if they are that.
fn text(bytes: Vec<u8>, lenient: bool) -> Option<String> {
    match String::from_utf8(bytes) {
        Ok(text) if text.chars().all(is_printable) => Some(text),
        Ok(text) if lenient => mostly(Cow::Owned(text)),
        Err(error) if lenient => mostly(String::from_utf8_lossy(error.as_bytes())),
        _ => None,
    }
    .filter(|text| !text.is_empty())
}

fn mostly(text: Cow<'_, str>) -> Option<String> {
    let (mut printable, mut all) = (0, 0);
    for c in text.chars() {
        all += 1;
        printable += usize::from(is_printable(c) && c != char::REPLACEMENT_CHARACTER);
    }
    (printable * 8 >= all * MOSTLY).then(|| text.into_owned())
}

fn is_printable(c: char) -> bool {
    !c.is_control() || matches!(c, '\n' | '\t' | '\r')
}

/// True if text may begin with `bytes`.
fn is_text_so_far(bytes: &[u8]) -> bool {
    let valid = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).and_then(|b| str::from_utf8(b).ok()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    valid.chars().all(is_printable)
}
