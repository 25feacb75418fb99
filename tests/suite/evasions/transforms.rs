//! Disguises: what people and programs do to a text so that a filter does not see it and a reader or a model does.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

/// What the engine promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// It is undone.
    Found,
    /// No machine undoes it with certainty: how often it is found is printed.
    Measured,
}

/// One disguise.
pub(crate) struct Transform {
    pub(crate) name: &'static str,
    pub(crate) promise: Promise,
    /// `None`: the disguise does not apply to such a text.
    pub(crate) apply: fn(&str) -> Option<String>,
}

const fn found(name: &'static str, apply: fn(&str) -> Option<String>) -> Transform {
    Transform { name, promise: Promise::Found, apply }
}

const fn measured(name: &'static str, apply: fn(&str) -> Option<String>) -> Transform {
    Transform { name, promise: Promise::Measured, apply }
}

/// `between` after each character but the last.
fn between(text: &str, between: &str) -> Option<String> {
    Some(text.chars().map(String::from).collect::<Vec<_>>().join(between))
}

fn each(text: &str, change: impl Fn(char) -> String) -> Option<String> {
    Some(text.chars().map(change).collect())
}

fn each_byte(text: &str, change: impl Fn(u8) -> String, separator: &str) -> Option<String> {
    Some(text.bytes().map(change).collect::<Vec<_>>().join(separator))
}

/// Letters and digits moved to blocks that begin at these code points (`A`, `a`, `0`; 0: stays).
fn moved(text: &str, upper: u32, lower: u32, zero: u32) -> Option<String> {
    let to = |c: char, base: char, start: u32| {
        let moved = char::from_u32(start + u32::from(c) - u32::from(base)).filter(|_| start > 0);
        String::from(moved.filter(|c| !c.is_ascii()).unwrap_or(c))
    };
    each(text, |c| match c {
        'A'..='Z' => to(c, 'A', upper),
        'a'..='z' => to(c, 'a', lower),
        '0'..='9' => to(c, '0', zero),
        c => c.into(),
    })
}

/// Characters of `from` become those of `to`, pairwise.
fn swapped(text: &str, from: &str, to: &str) -> Option<String> {
    let changed = text.chars().any(|c| from.contains(c));
    let swap = |c: char| from.chars().zip(to.chars()).find(|(f, _)| *f == c).map_or(c, |(_, t)| t);
    changed.then(|| text.chars().map(swap).collect())
}

/// Digits in groups of four (cards only) with a separator.
fn grouped(text: &str, separator: &str) -> Option<String> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    let only = text.chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '-');
    (only && digits.len() == 16)
        .then(|| digits.chunks(4).map(|g| g.iter().collect::<String>()).collect::<Vec<_>>().join(separator))
}

/// In two halves, cut where neither ends with a blank, behind the sign of an address.
fn halves(text: &str) -> Option<(String, String)> {
    let chars: Vec<char> = text.chars().collect();
    let word = |c: char| c.is_ascii_alphanumeric();
    if let Some((name, host)) = text.split_once('@') {
        return Some((format!("{name}@{}", &host[..2]), host[2..].to_owned()));
    }
    let at = (chars.len() / 2..chars.len().saturating_sub(1)).find(|at| word(chars[*at]) && word(chars[at - 1]))?;
    Some((chars[..at].iter().collect(), chars[at..].iter().collect()))
}

fn cut(text: &str, by: &str) -> Option<String> {
    halves(text).map(|(a, b)| format!("{a}{by}{b}"))
}

/// Cut over a line end; numbers at one of their blanks only.
fn over_lines(text: &str, by: &str) -> Option<String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if text.contains('@') {
        return cut(text, by);
    }
    if text.chars().any(|c| c.is_ascii_alphabetic()) {
        let at = text.len() / 4;
        return text.is_ascii().then(|| format!("{}{by}{}", &text[..at], &text[at..]));
    }
    let at = text.find(' ')?;
    (by.len() < 3 && digits == 16).then(|| format!("{}{by}{}", &text[..at], &text[at + 1..]))
}

fn wrapped(text: &str) -> Option<String> {
    let long = STANDARD.encode(format!("{text}, ").repeat(6));
    let lines: Vec<&str> = long.as_bytes().chunks(76).map(|l| std::str::from_utf8(l).expect("ASCII")).collect();
    Some(lines.join("\r\n"))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

fn zlib(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

fn base32(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = text.bytes().map(|b| format!("{b:08b}")).collect();
    let digits = bits.as_bytes().chunks(5).map(|c| {
        let padded = format!("{:0<5}", std::str::from_utf8(c).expect("bits"));
        char::from(alphabet[usize::from_str_radix(&padded, 2).expect("bits")])
    });
    let mut out: String = digits.collect();
    while !out.len().is_multiple_of(8) {
        out.push('=');
    }
    out
}

fn base85(text: &str, alphabet: impl Fn(u32) -> u8) -> String {
    let mut out = String::new();
    for group in text.as_bytes().chunks(4) {
        let mut bytes = [0; 4];
        bytes[..group.len()].copy_from_slice(group);
        let mut number = u32::from_be_bytes(bytes);
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = number % 85;
            number /= 85;
        }
        out.extend(digits.iter().take(group.len() + 1).map(|d| char::from(alphabet(*d))));
    }
    out
}

const RFC1924: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

fn bits(text: &str, zero: char, one: char) -> Option<String> {
    let of = |b: u8| (0..8).rev().map(move |bit| if b >> bit & 1 == 1 { one } else { zero }).collect();
    each_byte(text, of, "")
}

fn carried(text: &str, carrier: impl Fn(u8) -> u32) -> Option<String> {
    text.bytes().map(|b| char::from_u32(carrier(b))).collect()
}

/// Letters of keys in capitals that Cyrillic has twins of, and so on.
const LATIN: &str = "ABCEHIJKMOPSTXYacehijopsxy";
const CYRILLIC: &str = "АВСЕНІЈКМОРЅТХҮасеһіјорѕху";

#[rustfmt::skip]
pub(crate) const TRANSFORMS: &[Transform] = &[
    // Characters that nobody sees, after each character.
    found("zero-width space", |t| between(t, "\u{200b}")),
    found("zero-width non-joiner", |t| between(t, "\u{200c}")),
    found("zero-width joiner", |t| between(t, "\u{200d}")),
    found("word joiner", |t| between(t, "\u{2060}")),
    found("byte order mark", |t| between(t, "\u{feff}")),
    found("soft hyphen", |t| between(t, "\u{ad}")),
    found("grapheme joiner", |t| between(t, "\u{34f}")),
    found("Hangul choseong filler", |t| between(t, "\u{115f}")),
    found("Hangul jungseong filler", |t| between(t, "\u{1160}")),
    found("Hangul filler", |t| between(t, "\u{3164}")),
    found("half-width Hangul filler", |t| between(t, "\u{ffa0}")),
    found("Mongolian vowel separator", |t| between(t, "\u{180e}")),
    found("function application", |t| between(t, "\u{2061}")),
    found("invisible times", |t| between(t, "\u{2062}")),
    found("invisible separator", |t| between(t, "\u{2063}")),
    found("invisible plus", |t| between(t, "\u{2064}")),
    found("symmetric swapping", |t| between(t, "\u{206a}")),
    found("variation selector 1", |t| between(t, "\u{fe00}")),
    found("variation selector 16", |t| between(t, "\u{fe0f}")),
    found("variation selector 17", |t| between(t, "\u{e0100}")),
    found("tag space", |t| between(t, "\u{e0020}")),
    found("Khmer inherent vowel", |t| between(t, "\u{17b4}")),
    found("several zero-width ones", |t| between(t, "\u{200b}\u{2060}\u{feff}")),
    // Directions.
    found("left-to-right mark", |t| between(t, "\u{200e}")),
    found("right-to-left mark", |t| between(t, "\u{200f}")),
    found("Arabic letter mark", |t| between(t, "\u{61c}")),
    found("override", |t| Some(format!("\u{202d}{t}\u{202c}"))),
    found("override of each", |t| each(t, |c| format!("\u{202d}{c}\u{202c}"))),
    found("isolate of each", |t| each(t, |c| format!("\u{2066}{c}\u{2069}"))),
    // Marks.
    found("acute", |t| each(t, |c| format!("{c}\u{301}"))),
    found("long stroke", |t| each(t, |c| format!("{c}\u{336}"))),
    found("enclosing circle", |t| each(t, |c| format!("{c}\u{20dd}"))),
    found("zalgo", |t| each(t, |c| format!("{c}\u{300}\u{31b}\u{357}"))),
    found("Hebrew point", |t| each(t, |c| format!("{c}\u{5b0}"))),
    found("Thai vowel", |t| each(t, |c| format!("{c}\u{e31}"))),
    // Control characters.
    found("control character", |t| between(t, "\u{1}")),
    found("backspace", |t| between(t, "\u{8}")),
    found("delete", |t| between(t, "\u{7f}")),
    found("colours", |t| each(t, |c| format!("\u{1b}[31m{c}\u{1b}[0m"))),
    found("terminal title", |t| between(t, "\u{1b}]0;x\u{7}")),
    // Compatibility forms.
    found("full width", |t| each(t, |c| char::from_u32(u32::from(c) + 0xfee0).filter(|_| c > ' ').unwrap_or(c).into())),
    found("mathematical bold", |t| moved(t, 0x1d400, 0x1d41a, 0x1d7ce)),
    found("mathematical sans-serif", |t| moved(t, 0x1d5a0, 0x1d5ba, 0x1d7e2)),
    found("mathematical sans-serif bold", |t| moved(t, 0x1d5d4, 0x1d5ee, 0x1d7ec)),
    found("mathematical monospace", |t| moved(t, 0x1d670, 0x1d68a, 0x1d7f6)),
    found("mathematical fraktur", |t| moved(t, 0x1d56c, 0x1d586, 0x1d7d8)),
    found("bold italic", |t| moved(t, 0x1d468, 0x1d482, 0)),
    found("bold script", |t| moved(t, 0x1d4d0, 0x1d4ea, 0)),
    found("circled", |t| moved(t, 0x24b6, 0x24d0, 0)),
    found("circled digits", |t| swapped(t, "0123456789", "⓪①②③④⑤⑥⑦⑧⑨")),
    found("squared", |t| swapped(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "🄰🄱🄲🄳🄴🄵🄶🄷🄸🄹🄺🄻🄼🄽🄾🄿🅀🅁🅂🅃🅄🅅🅆🅇🅈🅉")),
    found("superscript digits", |t| swapped(t, "0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),
    found("subscript digits", |t| swapped(t, "0123456789", "₀₁₂₃₄₅₆₇₈₉")),
    // Digits of other scripts.
    found("Arabic-Indic digits", |t| moved(t, 0, 0, 0x660)),
    found("Persian digits", |t| moved(t, 0, 0, 0x6f0)),
    found("N'Ko digits", |t| moved(t, 0, 0, 0x7c0)),
    found("Devanagari digits", |t| moved(t, 0, 0, 0x966)),
    found("Bengali digits", |t| moved(t, 0, 0, 0x9e6)),
    found("Tamil digits", |t| moved(t, 0, 0, 0xbe6)),
    found("Thai digits", |t| moved(t, 0, 0, 0xe50)),
    found("Tibetan digits", |t| moved(t, 0, 0, 0xf20)),
    found("Khmer digits", |t| moved(t, 0, 0, 0x17e0)),
    found("Mongolian digits", |t| moved(t, 0, 0, 0x1810)),
    found("Osmanya digits", |t| moved(t, 0, 0, 0x104a0)),
    found("Adlam digits", |t| moved(t, 0, 0, 0x1e950)),
    found("segmented digits", |t| moved(t, 0, 0, 0x1fbf0)),
    // Look-alikes.
    found("Cyrillic look-alikes", |t| swapped(t, LATIN, CYRILLIC)),
    found("Greek look-alikes", |t| swapped(t, "ABEHIKMNOPTXYZ", "ΑΒΕΗΙΚΜΝΟΡΤΧΥΖ")),
    found("one Cyrillic letter", |t| swapped(t, "aA", "аА")),
    found("accented letters", |t| swapped(t, "aeiouAEIOU", "àéîõüÀÉÎÕÜ")),
    // Blanks, dashes and signs.
    found("no-break spaces", |t| swapped(t, " ", "\u{a0}")),
    found("figure spaces", |t| swapped(t, " ", "\u{2007}")),
    found("thin spaces", |t| swapped(t, " ", "\u{2009}")),
    found("narrow no-break spaces", |t| swapped(t, " ", "\u{202f}")),
    found("ideographic spaces", |t| swapped(t, " ", "\u{3000}")),
    found("line separators", |t| grouped(t, "\u{2028}")),
    found("hyphens", |t| swapped(t, "-", "\u{2010}")),
    found("non-breaking hyphens", |t| swapped(t, "-", "\u{2011}")),
    found("en dashes", |t| swapped(t, "-", "\u{2013}")),
    found("minus signs", |t| swapped(t, "-", "\u{2212}")),
    found("small signs", |t| swapped(t, "@.-", "\u{fe6b}\u{fe52}\u{fe63}")),
    found("ideographic full stops", |t| swapped(t, ".", "\u{3002}")),
    found("half-width full stops", |t| swapped(t, ".", "\u{ff61}")),
    // Separators of card numbers.
    found("grouped by hyphens", |t| grouped(t, "-")),
    found("grouped by dots", |t| grouped(t, ".")),
    found("grouped by slashes", |t| grouped(t, "/")),
    found("grouped by underscores", |t| grouped(t, "_")),
    found("grouped by bars", |t| grouped(t, "|")),
    found("grouped by spaced bars", |t| grouped(t, " | ")),
    found("grouped by spaced hyphens", |t| grouped(t, " - ")),
    found("grouped by stars", |t| grouped(t, "*")),
    found("grouped by tildes", |t| grouped(t, "~")),
    found("grouped by dashes", |t| grouped(t, " – ")),
    found("grouped by line ends", |t| grouped(t, "\n")),
    found("grouped by Windows line ends", |t| grouped(t, "\r\n")),
    // Encodings.
    found("base64", |t| Some(STANDARD.encode(t))),
    found("base64 without padding", |t| Some(STANDARD_NO_PAD.encode(t))),
    found("base64 for URLs", |t| Some(URL_SAFE.encode(t))),
    found("base64 in MIME lines", wrapped),
    found("base64 twice", |t| Some(STANDARD.encode(STANDARD.encode(t)))),
    found("base64 three times", |t| Some(STANDARD.encode(STANDARD.encode(STANDARD.encode(t))))),
    found("base64 behind a word", |t| Some(format!("token_{}", STANDARD.encode(t)))),
    found("data URL", |t| Some(format!("data:text/plain;base64,{}", STANDARD.encode(t)))),
    found("base32", |t| Some(base32(t))),
    found("Ascii85", |t| Some(format!("<~{}~>", base85(t, |d| b'!' + u8::try_from(d).expect("below 85"))))),
    found("base 85", |t| Some(base85(t, |d| RFC1924[d as usize]))),
    found("hex", |t| Some(hex(t))),
    found("hex in capitals", |t| Some(hex(t).to_uppercase())),
    found("hex with 0x", |t| Some(format!("0x{}", hex(t)))),
    found("hex of base64", |t| Some(hex(&STANDARD.encode(t)))),
    found("base64 of hex", |t| Some(STANDARD.encode(hex(t)))),
    found("base64 of percent", |t| Some(STANDARD.encode(percent(t)))),
    found("hex codes", |t| each_byte(t, |b| format!("{b:02x}"), " ")),
    found("hex codes with colons", |t| each_byte(t, |b| format!("{b:02X}"), ":")),
    found("list of hex codes", |t| each_byte(t, |b| format!("0x{b:02x}"), ", ")),
    found("decimal codes", |t| each_byte(t, |b| b.to_string(), " ")),
    found("list of decimal codes", |t| each_byte(t, |b| b.to_string(), ",")),
    found("binary codes", |t| each_byte(t, |b| format!("{b:08b}"), " ")),
    found("octal codes", |t| each_byte(t, |b| format!("{b:03o}"), " ")),
    found("gzip in base64", |t| Some(STANDARD.encode(gzip(t)))),
    found("zlib in base64", |t| Some(STANDARD.encode(zlib(t)))),
    found("percent", |t| Some(percent(t))),
    found("percent in small letters", |t| each_byte(t, |b| format!("%{b:02x}"), "")),
    found("percent of signs", |t| each_byte(t, |b| if b.is_ascii_alphanumeric() { char::from(b).into() } else { format!("%{b:02X}") }, "")),
    found("percent twice", |t| Some(percent(t).replace('%', "%25"))),
    found("percent with u", |t| each_byte(t, |b| format!("%u{b:04x}"), "")),
    found("decimal entities", |t| each_byte(t, |b| format!("&#{b};"), "")),
    found("padded entities", |t| each_byte(t, |b| format!("&#{b:07};"), "")),
    found("hex entities", |t| each_byte(t, |b| format!("&#x{b:x};"), "")),
    found("entities twice", |t| each_byte(t, |b| format!("&amp;#{b};"), "")),
    found("named entities", |t| Some(t.replace('@', "&commat;").replace('.', "&period;").replace(' ', "&nbsp;").replace('_', "&lowbar;").replace('-', "&hyphen;"))),
    found("\\u", |t| each_byte(t, |b| format!("\\u{b:04x}"), "")),
    found("\\u in braces", |t| each_byte(t, |b| format!("\\u{{{b:x}}}"), "")),
    found("\\U", |t| each_byte(t, |b| format!("\\U{b:08x}"), "")),
    found("\\x", |t| each_byte(t, |b| format!("\\x{b:02x}"), "")),
    found("octal escapes", |t| each_byte(t, |b| format!("\\{b:03o}"), "")),
    found("\\u of one in two", |t| { let mut odd = false; Some(t.bytes().map(|b| { odd = !odd; if odd { format!("\\u{b:04x}") } else { char::from(b).into() } }).collect()) }),
    found("Markdown escapes", |t| Some(t.replace('@', "\\@").replace('.', "\\.").replace('_', "\\_").replace('-', "\\-").replace('+', "\\+"))),
    found("quoted-printable", |t| each_byte(t, |b| format!("={b:02X}"), "")),
    found("soft line breaks", |t| cut(t, "=\r\n")),
    // Invisible writing.
    found("tag characters", |t| carried(t, |b| 0xe0000 + u32::from(b))),
    found("variation selectors", |t| carried(t, |b| if b < 16 { 0xfe00 + u32::from(b) } else { 0xe0100 + u32::from(b) - 16 })),
    found("zero-width bits", |t| bits(t, '\u{200b}', '\u{200c}')),
    found("zero-width bits, others", |t| bits(t, '\u{200d}', '\u{2060}')),
    // Program texts and line ends.
    found("concatenation", |t| cut(t, "\" + \"").map(|t| format!("\"{t}\""))),
    found("concatenation by dots", |t| cut(t, "' . '").map(|t| format!("'{t}'"))),
    found("concatenation over lines", |t| cut(t, "\" +\n        \"").map(|t| format!("\"{t}\""))),
    found("adjacent literals", |t| cut(t, "\" \"").map(|t| format!("\"{t}\""))),
    found("concatenation by and", |t| cut(t, "\" & \"").map(|t| format!("\"{t}\""))),
    found("line end", |t| over_lines(t, "\n")),
    found("Windows line end", |t| over_lines(t, "\r\n")),
    found("indented line", |t| over_lines(t, "\n    ")),
    found("quoted line", |t| over_lines(t, "\n> ").map(|t| format!("> {t}"))),
    measured("at in brackets, spaced", |t| t.contains('@').then(|| t.replace('@', " [at] "))),
    found("at and dot in brackets", |t| t.contains('@').then(|| t.replace('@', "(at)").replace('.', "(dot)"))),
    // What nobody can undo with certainty.
    measured("line end anywhere", |t| { let at = t.floor_char_boundary(t.len() / 2); Some(format!("{}\n{}", &t[..at], &t[at..])) }),
    measured("reversed", |t| Some(t.chars().rev().collect())),
    measured("rot13", |t| each(t, |c| match c {
        'a'..='z' => char::from((u8::try_from(c).expect("ASCII") - b'a' + 13) % 26 + b'a').into(),
        'A'..='Z' => char::from((u8::try_from(c).expect("ASCII") - b'A' + 13) % 26 + b'A').into(),
        c => c.into(),
    })),
    measured("leet", |t| swapped(t, "aeiostAEIOST", "431057431057")),
    measured("morse of digits", |t| each(t, |c| c.to_digit(10).map_or_else(|| c.into(), |d| ["-----", ".----", "..---", "...--", "....-", ".....", "-....", "--...", "---..", "----."][d as usize].to_owned() + " "))),
    measured("digits in words", |t| each(t, |c| c.to_digit(10).map_or_else(|| c.into(), |d| ["zero ", "one ", "two ", "three ", "four ", "five ", "six ", "seven ", "eight ", "nine "][d as usize].into()))),
    measured("a blank after each", |t| between(t, " ")),
    measured("a hyphen after each", |t| between(t, "-")),
    measured("capitals", |t| Some(t.to_uppercase())),
    measured("small letters", |t| Some(t.to_lowercase())),
];
