//! Escapes that stand for one character or byte each: percent (RFC 3986), HTML character references,
//! `\u`, `\x` and octal escapes of program texts, Markdown's backslash, quoted-printable (RFC 2045).

use super::stretch::{Escape, InPlace, Means, Parsed, nearest};
use super::{Readings, Task};

/// LIMIT: the longest escape: `&#x0010FFFF;`.
const LONGEST: usize = 12;

const ESCAPES: InPlace = InPlace { mark, parse, sure: true };

/// See [`super::Codec`].
pub(super) fn read(task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
    ESCAPES.read(task, from, out)
}

fn mark(bytes: &[u8], from: usize) -> Option<usize> {
    nearest(bytes, from, |block| {
        let mark = memchr::memchr3(b'%', b'&', b'\\', block);
        memchr::memchr(b'=', block.get(..mark.unwrap_or(block.len())).unwrap_or_default()).or(mark)
    })
}

fn parse(text: &str, at: usize, joined: &str, ended: bool) -> Parsed {
    let rest = text.get(at..).unwrap_or_default();
    match escape(rest, joined == "quoted-printable") {
        // Digits, a semicolon may follow.
        Some(escape) if !ended && escape.len == rest.len() && !rest.ends_with(';') && rest.starts_with(['&', '\\']) => {
            Parsed::MayBe
        }
        Some(escape) => Parsed::Is(escape),
        None if !ended && may_become(rest) => Parsed::MayBe,
        None => Parsed::Not,
    }
}

fn may_become(rest: &str) -> bool {
    let body = rest.get(1..).unwrap_or_default();
    let word = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric());
    match rest.bytes().next() {
        Some(b'&') => body.len() < LONGEST && word(body.strip_prefix('#').unwrap_or(body)),
        Some(b'%') => body.len() < 5 && word(body),
        Some(b'\\') => body.len() < LONGEST && word(body.strip_prefix("u{").unwrap_or(&body.replace('\\', ""))),
        _ => body.len() < 3 && (word(body) || body == "\r"),
    }
}

/// The escape that `rest` starts with. `joined`: one of quoted-printable ends right before it.
fn escape(rest: &str, joined: bool) -> Option<Escape> {
    let bytes = rest.as_bytes();
    let byte = |high: u8, low: u8| Some(Means::Byte(hex(&[high, low])?.try_into().ok()?));
    let (codec, len, means) = match bytes {
        // ECMA-262, B.2.1.
        [b'%', b'u', digits @ ..] => ("percent", 6, Means::Char(char::from_u32(hex(digits.get(..4)?)?)?)),
        [b'%', high, low, ..] => ("percent", 3, byte(*high, *low)?),
        [b'=', b'\n', ..] => ("quoted-printable", 2, Means::Nothing),
        [b'=', b'\r', b'\n', ..] => ("quoted-printable", 3, Means::Nothing),
        [b'=', b'0'..=b'9' | b'A'..=b'F', b'0'..=b'9' | b'A'..=b'F', next @ ..] => {
            let value: u8 = hex(bytes.get(1..3)?)?.try_into().ok()?;
            // `a=42` is an assignment; signs, and letters in a row, are written like this by encoders only.
            let likely = joined || next.first() == Some(&b'=') || !value.is_ascii_alphanumeric();
            ("quoted-printable", 3, likely.then_some(Means::Byte(value))?)
        }
        [b'\\', b'x', high, low, ..] => ("escape", 4, byte(*high, *low)?),
        [b'\\', b'u', b'{', digits @ ..] => {
            let len = digits.iter().take(7).position(|&b| b == b'}')?;
            ("escape", len + 4, Means::Char(char::from_u32(hex(digits.get(..len)?)?)?))
        }
        [b'\\', b'u', digits @ ..] => unicode(digits)?,
        [b'\\', b'U', digits @ ..] => ("escape", 10, Means::Char(char::from_u32(hex(digits.get(2..8)?)?)?)),
        [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            ("escape", 4, Means::Byte((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')))
        }
        // `\nAKIA…`: the letter of an escape must not pass for the first one of a word.
        [b'\\', b'n' | b't' | b'r', b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z', ..] => ("escape", 2, Means::Char('\n')),
        // Markdown (CommonMark 2.4), and JSON's solidus.
        [b'\\', c @ (b'@' | b'.' | b'_' | b'-' | b'+' | b'/'), ..] => ("escape", 2, Means::Char(char::from(*c))),
        [b'&', b'#', ..] => numeric(rest)?,
        [b'&', ..] => named(rest)?,
        _ => return None,
    };
    match means {
        Means::Byte(0..=8 | 11..=12 | 14..=31 | 127) => None,
        Means::Char(c) if c.is_control() && !matches!(c, '\n' | '\t' | '\r') => None,
        means => Some(Escape { codec, lead: 0, len, means }),
    }
}

/// `\uXXXX`, or two of them as a surrogate pair.
fn unicode(digits: &[u8]) -> Option<(&'static str, usize, Means)> {
    let first = hex(digits.get(..4)?)?;
    if let 0xd800..0xdc00 = first {
        let [b'\\', b'u', second @ ..] = digits.get(4..)? else { return None };
        let low = hex(second.get(..4)?)?.checked_sub(0xdc00).filter(|&low| low < 0x400)?;
        let c = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)?;
        return Some(("escape", 12, Means::Char(c)));
    }
    Some(("escape", 6, Means::Char(char::from_u32(first)?)))
}

fn numeric(rest: &str) -> Option<(&'static str, usize, Means)> {
    let body = rest.get(2..)?;
    let (digits, radix) = match body.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (body, 10),
    };
    let len = digits.bytes().take(8).take_while(|&b| char::from(b).is_digit(radix)).count();
    let code = u32::from_str_radix(digits.get(..len)?, radix).ok()?;
    // Browsers do without the semicolon.
    let closed = usize::from(digits.as_bytes().get(len) == Some(&b';'));
    Some(("entity", rest.len() - digits.len() + len + closed, Means::Char(char::from_u32(code)?)))
}

fn named(rest: &str) -> Option<(&'static str, usize, Means)> {
    let body = rest.get(1..)?;
    NAMED.iter().find_map(|&(name, c)| {
        body.strip_prefix(name)?.starts_with(';').then_some(("entity", name.len() + 2, Means::Char(c)))
    })
}

fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 6 {
        return None;
    }
    digits.iter().try_fold(0, |sum, &b| Some(sum << 4 | char::from(b).to_digit(16)?))
}

/// Character references that text is disguised with (HTML Standard, named character references).
const NAMED: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("commat", '@'),
    ("period", '.'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("lowbar", '_'),
    ("colon", ':'),
    ("sol", '/'),
    ("num", '#'),
    ("plus", '+'),
    ("equals", '='),
    ("percnt", '%'),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("shy", '\u{ad}'),
    ("ZeroWidthSpace", '\u{200b}'),
];
