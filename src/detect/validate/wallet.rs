//! Addresses of cryptocurrency wallets. Nearly all of them carry a checksum of 30 bits or more, so what passes is one, wherever it stands.
//!
//! Formats: base58check (<https://en.bitcoin.it/wiki/Base58Check_encoding>; version bytes as each coin's `chainparams` states them), bech32
//! and bech32m (BIP 173, BIP 350), CashAddr (<https://reference.cash/protocol/blockchain/encoding/cashaddr>), EIP-55, Monero
//! (<https://docs.getmonero.org/public-address/standard-address/>).

use aws_lc_rs::digest::{SHA256, digest};
use sha3::{Digest as _, Keccak256};

use super::{Candidate, Outcome};

/// Base 58 as Bitcoin orders it, and as Ripple does.
const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";

/// Version bytes of base58check, with twenty bytes of a hash and four of a checksum behind them.
const VERSIONS: &[&[u8]] = &[
    &[0x00],       // Bitcoin 1…
    &[0x05],       // Bitcoin and Litecoin 3…
    &[0x30],       // Litecoin L…
    &[0x32],       // Litecoin M…
    &[0x1e],       // Dogecoin D…
    &[0x16],       // Dogecoin 9…, A…
    &[0x4c],       // Dash X…
    &[0x10],       // Dash 7…
    &[0x41],       // Tron T…
    &[0x1c, 0xb8], // Zcash t1…
    &[0x1c, 0xbd], // Zcash t3…
    &[0x6f],       // testnets m…, n…
    &[0xc4],       // testnets 2…
];

/// Human-readable parts of bech32 that name wallets.
const BECH32: &[&str] = &[
    "bc",
    "tb",
    "ltc",
    "tltc",
    "addr",
    "addr_test",
    "stake",
    "cosmos",
    "osmo",
    "juno",
    "terra",
    "celestia",
    "inj",
    "kava",
    "akash",
    "dydx",
    "sei",
    "bnb",
    "erd",
    "zil",
    "thor",
];
const CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// First bytes of Monero's addresses: standard, integrated, subaddress; then those of its stage and test networks.
const MONERO: [u8; 9] = [18, 19, 42, 24, 25, 36, 53, 54, 63];

/// Bytes of the last block of Monero's addresses, which has seven characters: 69 and 77 bytes are eight or nine blocks and five.
const LAST_BLOCK: usize = 5;

/// LIMIT: no address has more characters; Cardano's have 103, Monero's 106.
const MOST: usize = 112;

/// An address of some coin with its checksum.
pub(super) fn wallet(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text;
    if text.len() > MOST || !text.is_ascii() || continues(candidate) {
        return Outcome::Reject;
    }
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return ethereum(hex);
    }
    let valid = match text.rsplit_once('1') {
        Some((part, _)) if BECH32.iter().any(|known| known.eq_ignore_ascii_case(part)) => bech32(text),
        _ if matches!(text.len(), 42 | 54) && !text.contains(':') => cash(text),
        _ if text.contains(':') => text.split_once(':').is_some_and(|(_, rest)| cash(rest)),
        _ if matches!(text.len(), 95 | 106) => monero(text),
        _ => base58check(text),
    };
    if valid { Outcome::Accept } else { Outcome::Reject }
}

/// An account of Solana: 32 bytes in base 58. There is no checksum, so it takes a word for it.
pub(super) fn solana(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text;
    let kinds = [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
    let mixed = kinds.iter().all(|kind| text.bytes().filter(kind).count() >= 2);
    let decoded = (32..=44).contains(&text.len()) && base58(text, BITCOIN).is_some_and(|bytes| bytes.len() == 32);
    if mixed && decoded && !continues(candidate) { Outcome::Accept } else { Outcome::Reject }
}

/// Whether the candidate is a piece of a longer word.
fn continues(candidate: &Candidate<'_>) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    candidate.before.ends_with(joins) || candidate.after.starts_with(joins)
}

/// Twenty bytes in hexadecimal. The case of the letters is the checksum (EIP-55); many write none.
fn ethereum(hex: &str) -> Outcome {
    let letters = || hex.bytes().filter(u8::is_ascii_alphabetic);
    if hex.len() != 40 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) || is_filler(hex) {
        return Outcome::Reject;
    }
    if letters().all(|b| b.is_ascii_lowercase()) || letters().all(|b| b.is_ascii_uppercase()) {
        return Outcome::Confidence(65);
    }
    let hash = Keccak256::digest(hex.to_ascii_lowercase());
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let right =
        hex.bytes().zip(nibbles).all(|(b, nibble)| !b.is_ascii_alphabetic() || (nibble >= 8) == b.is_ascii_uppercase());
    // A letter in the wrong case is a typing error, or somebody's own way to write it.
    if right { Outcome::Accept } else { Outcome::Confidence(50) }
}

/// The zero address, `0xdead…`, `0x1111…`.
fn is_filler(hex: &str) -> bool {
    let mut seen = [false; 16];
    for digit in hex.chars().filter_map(|c| c.to_digit(16)) {
        if let Some(seen) = seen.get_mut(digit as usize) {
            *seen = true;
        }
    }
    // Twenty random bytes have fifteen of sixteen digits; fewer than seven once in 10^13.
    seen.iter().filter(|seen| **seen).count() < 7
}

/// A number in base 58, as bytes; a leading zero byte for each leading first digit. `None`: another character.
fn base58(text: &str, alphabet: &[u8; 58]) -> Option<Vec<u8>> {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    for c in text.bytes() {
        let mut carry = u32::try_from(alphabet.iter().position(|known| *known == c)?).ok()?;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            let [.., low] = carry.to_be_bytes();
            (*byte, carry) = (low, carry >> 8);
        }
        while carry > 0 {
            let [.., low] = carry.to_be_bytes();
            bytes.insert(0, low);
            carry >>= 8;
        }
    }
    let zeros = text.bytes().take_while(|c| Some(c) == alphabet.first()).count();
    bytes.splice(0..0, std::iter::repeat_n(0, zeros));
    Some(bytes)
}

/// Version, hash, and the beginning of the SHA-256 of their SHA-256.
fn base58check(text: &str) -> bool {
    let checked = |alphabet, versions: &[&[u8]]| {
        let bytes = base58(text, alphabet)?;
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        let known = versions.iter().any(|version| body.starts_with(version) && body.len() == version.len() + 20);
        let hash = digest(&SHA256, digest(&SHA256, body).as_ref());
        Some(known && hash.as_ref().starts_with(sum))
    };
    checked(BITCOIN, VERSIONS) == Some(true) || text.starts_with('r') && checked(RIPPLE, &[&[0x00]]) == Some(true)
}

/// The values of characters of bech32. `None`: another character, or cases mixed.
fn values(text: &str) -> Option<Vec<u8>> {
    let mixed = text.bytes().any(|b| b.is_ascii_lowercase()) && text.bytes().any(|b| b.is_ascii_uppercase());
    let value =
        |c: u8| CHARSET.iter().position(|known| *known == c.to_ascii_lowercase()).and_then(|at| u8::try_from(at).ok());
    if mixed { None } else { text.bytes().map(value).collect() }
}

/// BIP 173 and BIP 350.
fn bech32(text: &str) -> bool {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let Some((part, data)) = text.rsplit_once('1') else { return false };
    let Some(data) = values(data).filter(|data| data.len() >= 14) else { return false };
    let part = part.to_ascii_lowercase();
    let expanded = part.bytes().map(|b| b >> 5).chain([0]).chain(part.bytes().map(|b| b & 31)).chain(data);
    let sum = expanded.fold(1u32, |sum, value| {
        let top = sum >> 25;
        let shifted = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        GENERATOR.iter().enumerate().filter(|(i, _)| top >> i & 1 == 1).fold(shifted, |sum, (_, g)| sum ^ g)
    });
    matches!(sum, 1 | 0x2bc8_30a3)
}

/// CashAddr without its prefix, which may be left out.
fn cash(text: &str) -> bool {
    const GENERATOR: [u64; 5] = [0x98_f2bc_8e61, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470];
    let Some(data) = values(text) else { return false };
    let expanded = b"bitcoincash".iter().map(|b| b & 31).chain([0]).chain(data);
    let sum = expanded.fold(1u64, |sum, value| {
        let top = sum >> 35;
        let shifted = (sum & 0x07_ffff_ffff) << 5 ^ u64::from(value);
        GENERATOR.iter().enumerate().filter(|(i, _)| top >> i & 1 == 1).fold(shifted, |sum, (_, g)| sum ^ g)
    });
    sum == 1
}

/// Blocks of eight bytes in eleven characters each; the last block is shorter. The last four bytes begin a Keccak-256 of the others.
fn monero(text: &str) -> bool {
    let mut bytes = Vec::with_capacity(77);
    let mut rest = text;
    while !rest.is_empty() {
        let (block, more) = rest.split_at_checked(11).unwrap_or((rest, ""));
        let width: usize = if block.len() == 11 { 8 } else { LAST_BLOCK };
        let Some(number) = base58(block, BITCOIN) else { return false };
        // Leading zeros are part of the width here.
        let number: Vec<u8> = number.into_iter().skip_while(|byte| *byte == 0).collect();
        let Some(zeros) = width.checked_sub(number.len()) else { return false };
        bytes.extend(std::iter::repeat_n(0, zeros).chain(number));
        rest = more;
    }
    let Some((body, sum)) = bytes.split_last_chunk::<4>() else { return false };
    body.first().is_some_and(|network| MONERO.contains(network)) && Keccak256::digest(body).starts_with(sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{alone, among};
    use super::*;

    /// Addresses of specifications, of genesis blocks, and of nobody.
    const KNOWN: &[&str] = &[
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3P14159f73E4gFr7JterCCQh9QjiTjiZrG",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
        "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
    ];

    #[test]
    fn known_addresses_pass() {
        for text in KNOWN {
            assert_eq!(wallet(&alone(text)), Outcome::Accept, "{text}");
        }
        assert_eq!(wallet(&alone("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")), Outcome::Confidence(65));
    }

    #[test]
    fn one_wrong_character_shows() {
        for text in KNOWN.iter().filter(|text| !text.starts_with("0x")) {
            let at = text.len() - 3;
            let other =
                if text.ends_with(|c: char| c.is_ascii_uppercase()) && text.starts_with("BC1") { "Q" } else { "9" };
            let (head, tail) = (text.get(..at).unwrap(), text.get(at + 1..).unwrap());
            let wrong = format!("{head}{other}{tail}");
            if wrong != **text {
                assert_eq!(wallet(&alone(&wrong)), Outcome::Reject, "{wrong}");
            }
        }
        assert_eq!(wallet(&alone("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD")), Outcome::Confidence(50));
        for text in
            ["0x0000000000000000000000000000000000000000", "0x000000000000000000000000000000000000dEaD", "1111", "bc1q"]
        {
            assert_eq!(wallet(&alone(text)), Outcome::Reject, "{text}");
        }
        assert_eq!(wallet(&among("x", KNOWN[0], "")), Outcome::Reject);
    }

    #[test]
    fn accounts_of_solana_are_32_bytes() {
        assert_eq!(solana(&alone("7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV")), Outcome::Accept);
        assert_eq!(solana(&alone("internationalizationofservices12")), Outcome::Reject);
    }

    proptest! {
        #[test]
        fn random_words_are_no_addresses(text in "[13LDXTt][1-9A-HJ-NP-Za-km-z]{25,34}") {
            prop_assert_eq!(wallet(&alone(&text)), Outcome::Reject);
        }
    }
}
