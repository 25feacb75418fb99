//! Escapes that stand for one character or byte each: percent (RFC 3986), HTML character references,
//! `\u` and `\x` of program texts, quoted-printable (RFC 2045).

use super::afford;
use crate::text::TextSpan;
use crate::text::view::{Builder, Origin, View};

/// How much text around escapes goes into their view: enough for the longest finding that an escape may be a part of, and
/// its context words.
const AROUND: usize = 128;

/// LIMIT: the longest escape: `&#x0010FFFF;`.
const LONGEST: usize = 12;

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

/// One escape.
#[derive(Debug, Clone, Copy)]
struct Escape {
    codec: &'static str,
    len: usize,
    means: Means,
}

#[derive(Debug, Clone, Copy)]
enum Means {
    Byte(u8),
    Char(char),
    /// A line break that the encoding put in.
    Nothing,
}

/// Appends a view for each stretch of text with escapes in it.
pub(super) fn decode(view: &View<'_>, left: &mut usize, out: &mut Vec<View<'static>>) {
    let text = &*view.text;
    let mut stretch: Option<Stretch<'_>> = None;
    let mut after = 0;
    let mut previous = None;
    let marks = memchr::memchr3_iter(b'%', b'&', b'\\', text.as_bytes());
    let equals = memchr::memchr_iter(b'=', text.as_bytes());
    for at in merge(marks, equals) {
        if at < after {
            continue;
        }
        let joined = previous.is_some_and(|(end, codec)| end == at && codec == "quoted-printable");
        let Some(escape) = text.get(at..).and_then(|rest| parse(rest, joined)) else { continue };
        after = at + escape.len;
        previous = Some((after, escape.codec));
        let current = match stretch.take() {
            Some(open) if at - open.done <= 2 * AROUND => stretch.insert(open),
            closed => {
                closed.into_iter().for_each(|s| s.finish(left, out));
                stretch.insert(Stretch::begin(view, at, escape.codec))
            }
        };
        current.add(at, escape);
    }
    stretch.into_iter().for_each(|s| s.finish(left, out));
}

/// Where an escape begins that the end of `text` may have cut.
pub(super) fn open_from(text: &str) -> usize {
    let from = text.floor_char_boundary(text.len().saturating_sub(LONGEST + 2));
    let tail = text.get(from..).unwrap_or_default();
    tail.char_indices()
        .filter(|&(_, c)| matches!(c, '%' | '&' | '\\' | '='))
        .map(|(at, _)| from + at)
        .find(|&at| {
            let rest = text.get(at..).unwrap_or_default();
            // Bytes may go on to a character of several.
            match parse(rest, true) {
                Some(escape) => escape.len == rest.len() && matches!(escape.means, Means::Byte(0x80..)),
                None => may_become(rest),
            }
        })
        .unwrap_or(text.len())
}

fn may_become(rest: &str) -> bool {
    let body = rest.get(1..).unwrap_or_default();
    let word = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric());
    match rest.bytes().next() {
        Some(b'&') => word(body.strip_prefix('#').unwrap_or(body)),
        Some(b'%') => body.len() < 2 && word(body),
        Some(b'\\') => body.len() < 10 && word(body.strip_prefix("u{").unwrap_or(body)),
        _ => body.len() < 2 && (word(body) || body == "\r"),
    }
}

fn merge(a: impl Iterator<Item = usize>, b: impl Iterator<Item = usize>) -> impl Iterator<Item = usize> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if x < y => a.next(),
        (Some(_), None) => a.next(),
        _ => b.next(),
    })
}

/// The escape that `rest` starts with. `joined`: one of quoted-printable ends right before it.
fn parse(rest: &str, joined: bool) -> Option<Escape> {
    let bytes = rest.as_bytes();
    let byte = |high: u8, low: u8| Some(Means::Byte(hex(&[high, low])?.try_into().ok()?));
    let (codec, len, means) = match bytes {
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
        // `\nAKIA…`: the letter of an escape must not pass for the first one of a word.
        [b'\\', b'n' | b't' | b'r', b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z', ..] => ("escape", 2, Means::Char('\n')),
        [b'&', b'#', ..] => numeric(rest)?,
        [b'&', ..] => named(rest)?,
        _ => return None,
    };
    match means {
        Means::Byte(0..=8 | 11..=12 | 14..=31 | 127) => None,
        Means::Char(c) if c.is_control() && !matches!(c, '\n' | '\t' | '\r') => None,
        means => Some(Escape { codec, len, means }),
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

/// Escapes near one another, with the text between and around them.
struct Stretch<'v> {
    view: &'v View<'v>,
    builder: Builder,
    codec: &'static str,
    /// Everything of the view before here is written.
    done: usize,
    /// Escaped bytes that may be parts of one character, and where each stands.
    bytes: Vec<(u8, TextSpan)>,
}

impl<'v> Stretch<'v> {
    fn begin(view: &'v View<'v>, at: usize, codec: &'static str) -> Self {
        let done = view.text.floor_char_boundary(at.saturating_sub(AROUND));
        Self { view, builder: Builder::default(), codec, done, bytes: Vec::new() }
    }

    fn add(&mut self, at: usize, escape: Escape) {
        if at > self.done {
            self.flush();
            self.builder.inherit(self.view, TextSpan::new(self.done, at));
        }
        self.done = at + escape.len;
        let span = TextSpan::new(at, self.done);
        match escape.means {
            Means::Byte(byte) => self.bytes.push((byte, span)),
            Means::Char(c) => {
                self.flush();
                self.builder.replace(c.encode_utf8(&mut [0; 4]), self.view.to_raw(span));
            }
            Means::Nothing => self.flush(),
        }
    }

    /// Writes the bytes so far as characters; what is not UTF-8 as it stood.
    fn flush(&mut self) {
        let taken = std::mem::take(&mut self.bytes);
        let bytes: Vec<u8> = taken.iter().map(|&(byte, _)| byte).collect();
        let mut spans = taken.iter().map(|&(_, span)| span);
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                let mut of = spans.by_ref().take(c.len_utf8());
                if let Some(first) = of.next() {
                    let span = TextSpan::new(first.start, of.last().unwrap_or(first).end);
                    self.builder.replace(c.encode_utf8(&mut [0; 4]), self.view.to_raw(span));
                }
            }
            for span in spans.by_ref().take(chunk.invalid().len()) {
                self.builder.inherit(self.view, span);
            }
        }
    }

    fn finish(mut self, left: &mut usize, out: &mut Vec<View<'static>>) {
        self.flush();
        let end = self.view.text.floor_char_boundary((self.done + AROUND).min(self.view.text.len()));
        self.builder.inherit(self.view, TextSpan::new(self.done, end));
        if self.builder.len() > 0 && afford(left, self.builder.len()) {
            out.push(self.builder.finish(Origin::Decoded(self.codec)));
        }
    }
}
