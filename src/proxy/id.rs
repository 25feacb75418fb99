//! The id of an exchange: sorts by time, cannot be guessed.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;

/// Crockford's base 32 in lower case (<https://www.crockford.com/base32.html>): no letter that reads like a digit.
const ALPHABET: [u8; 32] = *b"0123456789abcdefghjkmnpqrstvwxyz";

/// 26 characters: 48 bits of milliseconds, then 80 random bits (the layout of a ULID, <https://github.com/ulid/spec>).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(Arc<str>);

impl ExchangeId {
    /// A new id; `None` if the system's random generator fails.
    #[must_use]
    pub fn new() -> Option<Self> {
        let mut random = [0_u8; 10];
        rand::fill(&mut random).ok()?;
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let low = random.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        Some(Self::from_bits(((millis & 0xffff_ffff_ffff) << 80) | low))
    }

    fn from_bits(mut bits: u128) -> Self {
        let mut text = [b'0'; 26];
        for place in text.iter_mut().rev() {
            let digit = usize::try_from(bits & 31).unwrap_or(0);
            *place = ALPHABET.get(digit).copied().unwrap_or(b'0');
            bits >>= 5;
        }
        Self(Arc::from(std::str::from_utf8(&text).unwrap_or_default()))
    }

    /// The id as it stands in headers, logs and records.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, shared.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_time_and_has_only_the_alphabet() {
        let earlier = ExchangeId::from_bits(1 << 80 | 0xffff);
        let later = ExchangeId::from_bits(2 << 80);
        assert!(earlier < later);
        assert_eq!(ExchangeId::from_bits(u128::MAX).as_str(), "7zzzzzzzzzzzzzzzzzzzzzzzzz");
        let id = ExchangeId::new().unwrap();
        assert_eq!(id.as_str().len(), 26);
        assert!(id.as_str().bytes().all(|byte| ALPHABET.contains(&byte)));
        assert_ne!(id, ExchangeId::new().unwrap());
    }
}
