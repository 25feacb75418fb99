//! The one hot loop of the room: how far a JSON string runs on without a byte that needs a look.
//!
//! Short strings (keys, roles, ids) are read in words of eight bytes, long ones (prompts) in blocks of
//! thirty-two, in a form that the compiler turns into vector instructions.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
const QUOTES: u64 = LOW * 0x22;
const BACKSLASHES: u64 = LOW * 0x5c;
const SPACES: u64 = LOW * 0x20;

const WORD: usize = 8;
const BLOCK: usize = 32;
/// Words tried before blocks: most keys and short values end within them.
const FIRST_WORDS: usize = 2;

/// Length of the longest prefix of `bytes` without quote, backslash or control character (below U+0020): what may
/// stand unescaped in a JSON string ([RFC 8259, section 7](https://www.rfc-editor.org/rfc/rfc8259#section-7)).
#[inline]
#[must_use]
pub fn plain_run(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    for _ in 0..FIRST_WORDS {
        let Some((word, after)) = rest.split_first_chunk::<WORD>() else { return tail(bytes, rest) };
        let hits = specials(*word);
        if hits != 0 {
            return bytes.len() - rest.len() + first(hits);
        }
        rest = after;
    }
    let (blocks, _) = rest.as_chunks::<BLOCK>();
    let plain_blocks = blocks.iter().take_while(|block| !has_special(block)).count();
    rest = rest.get(plain_blocks * BLOCK..).unwrap_or_default();
    while let Some((word, after)) = rest.split_first_chunk::<WORD>() {
        let hits = specials(*word);
        if hits != 0 {
            return bytes.len() - rest.len() + first(hits);
        }
        rest = after;
    }
    tail(bytes, rest)
}

/// The last few bytes, one by one.
#[inline]
fn tail(bytes: &[u8], rest: &[u8]) -> usize {
    bytes.len() - rest.len() + rest.iter().take_while(|&&byte| !is_special(byte)).count()
}

/// True for what may not stand unescaped in a JSON string.
#[inline]
const fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

/// The high bit of every special byte, exact up to the first one: a borrow can only spill into bytes after it.
#[inline]
fn specials(word: [u8; WORD]) -> u64 {
    let word = u64::from_le_bytes(word);
    let quote = (word ^ QUOTES).wrapping_sub(LOW);
    let backslash = (word ^ BACKSLASHES).wrapping_sub(LOW);
    let control = word.wrapping_sub(SPACES);
    (quote | backslash | control) & !word & HIGH
}

/// Index of the first hit.
#[inline]
const fn first(hits: u64) -> usize {
    (hits.trailing_zeros() / 8) as usize
}

/// Without an early exit, so that it becomes a few vector comparisons.
#[inline]
fn has_special(block: &[u8; BLOCK]) -> bool {
    block.iter().fold(false, |any, &byte| any | (byte == b'"') | (byte == b'\\') | (byte < 0x20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for len in 0..100 {
            let plain = vec![b'a'; len];
            assert_eq!(plain_run(&plain), len);
            for at in 0..len {
                for byte in 0..=255u8 {
                    let mut bytes = plain.clone();
                    bytes[at] = byte;
                    let expected = if is_special(byte) { at } else { len };
                    assert_eq!(plain_run(&bytes), expected, "byte {byte:#x} at {at} of {len}");
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_the_plain_loop(bytes in proptest::collection::vec(0x1au8..0xff, 0..200)) {
            let expected = bytes.iter().take_while(|&&b| !is_special(b)).count();
            proptest::prop_assert_eq!(plain_run(&bytes), expected);
        }
    }
}
