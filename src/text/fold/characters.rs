//! What becomes of one character, whatever stands around it.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// What a character folds to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Folded {
    Keep,
    Char(char),
    Text(String),
    Drop(Why),
}

/// Why a character is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Control,
    Bidi,
    Mark,
    Tag,
    Variation,
    Joiner,
    ZeroWidth,
}

/// LIMIT: longer compatibility expansions (Arabic phrases in one character, U+FDFA) are not made, so that a fold is at most
/// four times as long as its text. No rule is written in them.
const LONGEST_EXPANSION: usize = 12;

/// True if `text` is printable ASCII and white space: its own fold.
pub(super) fn is_plain(text: &str) -> bool {
    let (blocks, rest) = text.as_bytes().as_chunks::<64>();
    // No early exit inside a block: that is what lets it become vector code.
    blocks.iter().all(|block| !block.iter().fold(false, |odd, &b| odd | !is_plain_byte(b)))
        && rest.iter().all(|&b| is_plain_byte(b))
}

/// How many bytes of `text`, from its start, are plain.
pub(super) fn plain_prefix(text: &str) -> usize {
    text.bytes().position(|b| !is_plain_byte(b)).unwrap_or(text.len())
}

fn is_plain_byte(b: u8) -> bool {
    b.wrapping_sub(0x20) < 0x5f || b == b'\n' || b == b'\t' || b == b'\r'
}

/// Folds `c`. `on_ascii`: the last visible character was an ASCII one.
pub(super) fn fold_char(c: char, on_ascii: bool) -> Folded {
    if let Some(why) = invisible(c) {
        return Folded::Drop(why);
    }
    if is_diacritic(c) {
        return Folded::Drop(Why::Mark);
    }
    if let Some(to) = punctuation(c) {
        return Folded::Char(to);
    }
    if is_quick(c) {
        return Folded::Keep;
    }
    if let Some(digit) = digit(c) {
        return Folded::Char(digit);
    }
    if on_ascii && is_foreign_mark(c) {
        return Folded::Drop(Why::Mark);
    }
    compatibility(c)
}

/// True for characters without a glyph of their own.
pub(super) fn is_invisible(c: char) -> bool {
    !c.is_ascii() && invisible(c).is_some()
}

/// True for invisible characters that are used to carry bits rather than to shape text.
pub(super) fn is_invisible_carrier(c: char) -> bool {
    is_invisible(c) && c != '\u{fe0f}'
}

/// True for the diacritics of no script in particular, which go on letters of any (zalgo).
pub(super) fn is_diacritic(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{34e}' | '\u{350}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20f0}' | '\u{fe20}'..='\u{fe2f}')
}

/// Unicode's Default_Ignorable_Code_Point (UAX #44), control and format characters.
fn invisible(c: char) -> Option<Why> {
    Some(match c {
        '\n' | '\t' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' => return None,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Why::Control,
        '\u{200c}' | '\u{200d}' => Why::Joiner,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' => Why::Bidi,
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Why::Variation,
        '\u{e0000}'..='\u{e007f}' => Why::Tag,
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0080}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}' => Why::ZeroWidth,
        _ => return None,
    })
}

/// Exotic spaces, line ends, dashes, quotes and signs with an ASCII twin that NFKC does not give.
fn punctuation(c: char) -> Option<char> {
    Some(match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{2800}' => ' ',
        '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{2e3a}' | '\u{2e3b}' | '\u{58a}' | '\u{2796}' => '-',
        '\u{b4}' | '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{2035}' | '\u{2039}' | '\u{203a}' | '\u{2bc}' => '\'',
        '\u{ab}' | '\u{bb}' | '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{2036}' | '\u{300c}'..='\u{300f}' => '"',
        '\u{2044}' | '\u{2215}' | '\u{29f8}' => '/',
        '\u{2216}' | '\u{29f5}' => '\\',
        '\u{3002}' | '\u{ff61}' | '\u{66b}' | '\u{6d4}' => '.',
        '\u{2236}' | '\u{a789}' | '\u{2d0}' => ':',
        '\u{223c}' | '\u{2053}' | '\u{301c}' => '~',
        '\u{2217}' | '\u{204e}' => '*',
        '\u{3010}' | '\u{3014}' | '\u{27e6}' => '[',
        '\u{3011}' | '\u{3015}' | '\u{27e7}' => ']',
        _ => return None,
    })
}

/// Ranges of everyday letters and signs that NFKC leaves as they are (tested one by one below).
pub(super) fn is_quick(c: char) -> bool {
    matches!(c, '\u{391}'..='\u{3ce}' | '\u{400}'..='\u{482}' | '\u{48a}'..='\u{52f}' | '\u{5d0}'..='\u{5ea}'
        | '\u{620}'..='\u{64a}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{2190}'..='\u{2211}' | '\u{2500}'..='\u{27bf}' | '\u{1f300}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1faff}')
}

/// The ASCII digit of the same value, for every decimal digit (general category Nd).
fn digit(c: char) -> Option<char> {
    let code = u32::from(c);
    let at = DIGIT_ZEROS.partition_point(|&zero| zero <= code);
    let value = code - DIGIT_ZEROS.get(at.checked_sub(1)?)?;
    char::from_digit(value, 10)
}

/// Marks of other scripts: on ASCII letters and digits they are nothing but disguise.
fn is_foreign_mark(c: char) -> bool {
    use icu_properties::{CodePointMapData, props::GeneralCategory};
    matches!(
        CodePointMapData::<GeneralCategory>::new().get(c),
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
    )
}

/// Resolves compatibility forms (UAX #15, NFKC) and takes diacritics off Latin letters.
fn compatibility(c: char) -> Folded {
    if let '\u{1f150}'..='\u{1f169}' | '\u{1f170}'..='\u{1f189}' = c {
        let offset = (u32::from(c) - 0x1f150) % 0x20;
        return char::from_u32(u32::from('A') + offset).map_or(Folded::Keep, Folded::Char);
    }
    let tidy = |c: char| (!is_diacritic(c) && !is_invisible(c)).then(|| ascii(c));
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(std::iter::once(c));
    let mut text: String = decomposed.filter_map(tidy).collect();
    if !text.is_ascii() {
        // Letters of other scripts stay whole.
        let composed = ComposingNormalizerBorrowed::new_nfkc().normalize_iter(std::iter::once(c));
        text = composed.filter_map(tidy).collect();
    }
    let kept = text.chars().eq([c]);
    if kept || text.is_empty() || text.len() > LONGEST_EXPANSION { Folded::Keep } else { Folded::Text(text) }
}

/// Results of a decomposition are folded once more: a compatibility digit, a fraction slash.
fn ascii(c: char) -> char {
    punctuation(c).or_else(|| digit(c)).unwrap_or(c)
}

/// The zero of each run of ten decimal digits (UnicodeData.txt, general category Nd, Unicode 17).
const DIGIT_ZEROS: &[u32] = &[
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
    0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136,
    0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0,
    0x11c50, 0x11d50, 0x11da0, 0x11de0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1d7ce,
    0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

#[cfg(test)]
mod tests {
    use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
    use icu_properties::{CodePointMapData, CodePointSetData};

    use super::*;

    #[test]
    fn every_decimal_digit_and_nothing_else_is_a_digit() {
        for c in '\u{80}'..=char::MAX {
            let decimal = CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::DecimalNumber;
            assert_eq!(digit(c).is_some(), decimal, "{c:?} U+{:X}", u32::from(c));
            if decimal {
                assert!(matches!(fold_char(c, false), Folded::Char('0'..='9')));
            }
        }
    }

    #[test]
    fn every_default_ignorable_is_dropped() {
        for c in CodePointSetData::new::<DefaultIgnorableCodePoint>().iter_ranges().flatten() {
            let Some(c) = char::from_u32(c) else { continue };
            assert!(matches!(fold_char(c, false), Folded::Drop(_)), "U+{:X}", u32::from(c));
        }
    }

    #[test]
    fn quick_characters_are_their_own_nfkc() {
        for c in ('\0'..=char::MAX).filter(|&c| is_quick(c)) {
            let nfkc: String = ComposingNormalizerBorrowed::new_nfkc().normalize_iter([c].into_iter()).collect();
            assert!(nfkc.chars().eq([c]), "U+{:X}", u32::from(c));
        }
    }

    #[test]
    fn folds_are_folded_and_grow_at_most_fourfold() {
        for c in '\0'..=char::MAX {
            let text = match fold_char(c, false) {
                Folded::Char(to) => to.to_string(),
                Folded::Text(to) => to,
                Folded::Keep | Folded::Drop(_) => continue,
            };
            assert!(text.len() <= 4 * c.len_utf8().max(3), "U+{:X}", u32::from(c));
            for d in text.chars() {
                assert!(
                    matches!(fold_char(d, false), Folded::Keep) || is_plain(&d.to_string()),
                    "U+{:X} gives U+{:X}",
                    u32::from(c),
                    u32::from(d)
                );
            }
        }
    }
}
