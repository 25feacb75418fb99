//! JSON string literals and the text they stand for, both ways, with a map from the text back to the literal.

mod map;

use std::borrow::Cow;

pub use map::EscapeMap;

use super::bytescan::plain_run;

/// What is wrong with an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EscapeFault {
    /// The input ends within it.
    Cut,
    /// RFC 8259, section 7 does not know it.
    Unknown,
    /// It is half of a surrogate pair.
    LoneSurrogate,
}

/// Bytes of a two-character escape: `\n`.
const SHORT: usize = 2;
/// Bytes of a `\uXXXX` escape.
const UNICODE: usize = 6;

/// Decodes the escape at the start of `raw` (a backslash): the character, and how many bytes it takes
/// ([RFC 8259, section 7](https://www.rfc-editor.org/rfc/rfc8259#section-7)).
///
/// # Errors
/// What the scanner refuses.
#[inline]
pub fn decode_escape(raw: &[u8]) -> Result<(char, usize), EscapeFault> {
    let character = match raw.get(1) {
        Some(b'n') => '\n',
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return decode_unicode(raw),
        Some(_) => return Err(EscapeFault::Unknown),
        None => return Err(EscapeFault::Cut),
    };
    Ok((character, SHORT))
}

#[inline]
fn decode_unicode(raw: &[u8]) -> Result<(char, usize), EscapeFault> {
    let first = hex_unit(raw)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, UNICODE));
    }
    // Not a scalar value, so a surrogate: only a high one with a low one behind it means something.
    let second = raw.get(UNICODE..).filter(|rest| rest.starts_with(b"\\u")).ok_or(EscapeFault::LoneSurrogate)?;
    let second = hex_unit(second)?;
    if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
        return Err(EscapeFault::LoneSurrogate);
    }
    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    char::from_u32(code).map(|character| (character, 2 * UNICODE)).ok_or(EscapeFault::LoneSurrogate)
}

/// The UTF-16 code unit of `\uXXXX`.
#[inline]
fn hex_unit(raw: &[u8]) -> Result<u32, EscapeFault> {
    let digits = raw.get(SHORT..).and_then(<[u8]>::first_chunk::<4>).ok_or(EscapeFault::Cut)?;
    let values = digits.map(|digit| HEX_VALUES.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT));
    let unit = values.iter().fold(0, |unit, &value| (unit << 4) | u32::from(value));
    // Checked once for all four, because text beyond ASCII may consist of nothing but such escapes.
    if values.contains(&NO_DIGIT) { Err(EscapeFault::Unknown) } else { Ok(unit) }
}

/// In `HEX_VALUES`, for whatever is no hexadecimal digit.
const NO_DIGIT: u8 = 0xff;

/// The value of each hexadecimal digit.
const HEX_VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut rest: &[u8] = b"0123456789abcdefABCDEF";
    while let [digit, after @ ..] = rest {
        let value = match *digit {
            b'0'..=b'9' => *digit - b'0',
            b'a'..=b'f' => *digit - b'a' + 10,
            _ => *digit - b'A' + 10,
        };
        let (_, from) = values.split_at_mut(*digit as usize);
        if let [slot, ..] = from {
            *slot = value;
        }
        rest = after;
    }
    values
};

/// The text of a literal that the scanner has accepted (what stands between its quotes). Borrowed if `escaped` is
/// false. What the scanner would have refused stands for itself (a bad escape) or for U+FFFD (bad UTF-8).
#[must_use]
pub fn unescape(raw: &[u8], escaped: bool) -> Cow<'_, str> {
    if !escaped {
        return as_text(raw);
    }
    let mut text = String::with_capacity(raw.len());
    decode(raw, &mut text, |_, _, _, _| {});
    Cow::Owned(text)
}

/// Appends the text of a literal to `out` and makes `map` the map of this literal: its text offsets count from where
/// `out` ended before, its raw offsets from the start of `raw`. Give it `raw` as for [`unescape`].
pub fn unescape_mapped(raw: &[u8], out: &mut String, map: &mut EscapeMap) {
    map.clear();
    let base = out.len();
    decode(raw, out, |text, text_len, raw, raw_len| map.push(text - base, text_len, raw, raw_len));
}

/// Appends the decoded text, and tells of each escape: where its character begins in `out`, the character's length,
/// where it begins in `raw`, its own length.
#[inline]
fn decode(raw: &[u8], out: &mut String, mut on_escape: impl FnMut(usize, usize, usize, usize)) {
    let mut rest = raw;
    while let Some(run) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        out.push_str(&as_text(plain));
        let (character, len) = decode_escape(escape).unwrap_or(('\\', 1));
        on_escape(out.len(), character.len_utf8(), raw.len() - escape.len(), len);
        out.push(character);
        rest = escape.get(len..).unwrap_or_default();
    }
    out.push_str(&as_text(rest));
}

/// The text of a literal without escapes. Checked again, because only the caller knows that the scanner has done so; it costs next to
/// nothing.
pub(crate) fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    simdutf8::basic::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Appends `text` as it stands between the quotes of a JSON string. Escapes only what must be: quote, backslash and
/// control characters; all else stays raw UTF-8, U+2028 and U+2029 too.
pub fn escape_into(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len());
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at_checked(plain_run(rest)).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else { return };
        match short_escape(byte) {
            Some(letter) => out.extend_from_slice(&[b'\\', letter]),
            None => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex_digit(byte >> 4), hex_digit(byte & 0xf)]),
        }
        rest = after;
    }
}

/// The letter of the two-character escape, where there is one.
const fn short_escape(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => return None,
    })
}

const fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

#[cfg(test)]
mod tests;
