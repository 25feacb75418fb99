//! How a placeholder is written: `[WORD_XXXXXX]`.
//!
//! Five of the six characters come from a keyed digest of the value (25 bits), the sixth checks them. So two
//! placeholders of one word never differ in a single character, nor by two characters that changed places: a
//! mistyped placeholder is unknown, not somebody else's.

use crate::redact::key::Digest;

/// Crockford's base 32, <https://www.crockford.com/base32.html>: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters of a code, the check character included.
pub const CODE_LEN: usize = 6;

/// LIMIT: the longest word, as `RuleInfo::word` promises.
pub const LONGEST_WORD: usize = 20;

/// Stands in for a word that is none.
const FALLBACK_WORD: &str = "REDACTED";

/// A code, as symbols 0–31.
pub(super) type Code = [u8; CODE_LEN];

/// `word` if it is one (`[A-Z][A-Z0-9]*(_[A-Z0-9]+)*`, at most 20 bytes), else a word that is.
#[must_use]
pub fn checked_word(word: &str) -> &str {
    let well_formed = word.len() <= LONGEST_WORD
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.split('_').all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
    if well_formed { word } else { FALLBACK_WORD }
}

/// The placeholder's text.
pub(super) fn write(word: &str, code: Code) -> String {
    let mut text = String::with_capacity(word.len() + CODE_LEN + 3);
    text.push('[');
    text.push_str(word);
    text.push('_');
    text.extend(code.iter().filter_map(|&symbol| ALPHABET.get(usize::from(symbol))).map(|&b| char::from(b)));
    text.push(']');
    text
}

/// The word of a placeholder as [`write`] writes it.
pub(super) fn word(placeholder: &str) -> &str {
    placeholder.get(1..placeholder.len().saturating_sub(CODE_LEN + 2)).unwrap_or_default()
}

/// Characters of a pseudonym: 80 bits, so that a tenant with a million values has no two alike.
const PSEUDONYM_LEN: usize = 16;

/// A pseudonym's text. The colon keeps it apart from a placeholder: it is never restored.
pub(super) fn write_pseudonym(word: &str, digest: &Digest) -> String {
    // 5 bits of each of the first bytes: every symbol is equally likely.
    let symbols = digest.iter().take(PSEUDONYM_LEN).filter_map(|byte| ALPHABET.get(usize::from(byte & 31)));
    format!("[{}:{}]", checked_word(word), symbols.map(|&byte| char::from(byte)).collect::<String>())
}

/// The pseudonyms in a recorded text, as [`write_pseudonym`] writes them.
pub fn pseudonyms(text: &str) -> impl Iterator<Item = &str> {
    text.split('[').skip(1).filter_map(|rest| {
        let (inner, _) = rest.split_once(']')?;
        let (word, code) = inner.split_once(':')?;
        let is_code = code.len() == PSEUDONYM_LEN && code.bytes().all(|byte| ALPHABET.contains(&byte));
        (is_code && checked_word(word) == word).then_some(inner)
    })
}

/// The code of a digest.
pub(super) fn code(word: &str, digest: &Digest) -> Code {
    let mut code = [0; CODE_LEN];
    // 5 bits of each of the first bytes: every symbol is equally likely.
    code.iter_mut().zip(digest).take(CODE_LEN - 1).for_each(|(symbol, byte)| *symbol = byte & 31);
    if let Some((last, first)) = code.split_last_mut() {
        *last = check(word, first);
    }
    code
}

/// The symbol that a character of a code stands for, read as Crockford says: either case, O for 0, I and L for 1.
pub(super) fn symbol(byte: u8) -> Option<u8> {
    let letter = match byte.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|&b| b == letter).and_then(|at| u8::try_from(at).ok())
}

/// True if `code` has the check character of its word.
#[must_use]
pub(super) fn is_valid(word: &str, code: Code) -> bool {
    code.split_last().is_some_and(|(&last, first)| check(word, first) == last)
}

/// The check symbol: a sum over GF(32) in which every place has its own weight, a power of the generator, and the check
/// itself has weight 1. One wrong symbol changes the sum by weight × difference, two exchanged ones by
/// difference of weights × difference of symbols: never zero. The word shifts the sum, as a whole: a code under
/// another word fails mostly, and an unknown word is never restored anyway.
fn check(word: &str, symbols: &[u8]) -> u8 {
    let step = |sum: u8, symbol: u8| double(sum) ^ symbol;
    let shift = word.bytes().fold(0, |sum, b| step(sum, b & 31));
    symbols.iter().fold(0, |sum, &symbol| double(sum ^ symbol)) ^ shift
}

/// Times the generator x of GF(32), modulo the primitive polynomial x⁵ + x² + 1.
fn double(symbol: u8) -> u8 {
    let shifted = symbol << 1;
    if shifted & 32 == 0 { shifted } else { (shifted ^ 0b10_0101) & 31 }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "a test may fail loudly")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn codes() -> impl Strategy<Value = Code> {
        any::<Digest>().prop_map(|digest| code("EMAIL", &digest))
    }

    #[test]
    fn every_wrong_symbol_and_every_exchange_is_detected() {
        // The check is linear, so all differences of one code are all differences of any.
        let sum = |code: Code| check("", &code[..5]) ^ code[5];
        for at in 0..CODE_LEN {
            for wrong in 1..32 {
                let mut code = [0; CODE_LEN];
                code[at] = wrong;
                assert_ne!(sum(code), 0);
                for other in (0..CODE_LEN).filter(|&other| other != at) {
                    let mut exchanged = code;
                    exchanged[other] = wrong;
                    assert_ne!(sum(exchanged), 0, "{at} and {other}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn codes_check(code in codes(), at in 0..CODE_LEN, by in 1u8..32) {
            prop_assert!(is_valid("EMAIL", code));
            let mut wrong = code;
            wrong[at] ^= by;
            prop_assert!(!is_valid("EMAIL", wrong));
            let mut exchanged = code;
            exchanged.swap(at, (at + 1) % CODE_LEN);
            prop_assert!(exchanged == code || !is_valid("EMAIL", exchanged));
        }

        #[test]
        fn what_is_written_is_read_back(code in codes()) {
            let text = write("EMAIL", code);
            prop_assert_eq!(word(&text), "EMAIL");
            let letters = &text["[EMAIL_".len()..text.len() - 1];
            prop_assert!(letters.bytes().zip(code).all(|(b, s)| symbol(b) == Some(s)));
            prop_assert!(letters.bytes().zip(code).all(|(b, s)| symbol(b.to_ascii_lowercase()) == Some(s)));
        }
    }

    #[test]
    fn words_are_checked() {
        for good in ["EMAIL", "AWS_ACCESS_KEY", "K2"] {
            assert_eq!(checked_word(good), good);
        }
        for bad in ["", "email", "_A", "A_", "A__B", "A B", "ABCDEFGHIJKLMNOPQRSTU", "É"] {
            assert_eq!(checked_word(bad), FALLBACK_WORD);
        }
    }
}
