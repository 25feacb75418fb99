//! When a value that a row calls opaque really is: by its alphabet. What does not look as it should is inspected as text.

use crate::dialect::table::Class;

/// LIMIT: no provider's identifier is longer.
const MAX_TOKEN: usize = 256;

/// Longest run of digits in an identifier that is taken as such: card numbers begin at 12.
const MAX_DIGITS: usize = 11;

/// Types of data URLs that hold text; all others are binary.
const TEXT_TYPES: [&str; 4] = ["text/", "application/json", "application/xml", "application/x-ndjson"];

/// True if `raw` (a literal without its quotes) is of the alphabet of `class`.
pub(super) fn is(class: Class, raw: &[u8]) -> bool {
    match class {
        Class::Blob => is_base64(raw),
        Class::Media => is_binary_data_url(raw),
        _ => is_token(raw),
    }
}

fn is_token(raw: &[u8]) -> bool {
    let mut digits = 0;
    raw.len() <= MAX_TOKEN
        && raw.iter().all(|b| {
            digits = if b.is_ascii_digit() { digits + 1 } else { 0 };
            digits <= MAX_DIGITS && (b.is_ascii_alphanumeric() || b"_-.:/+".contains(b))
        })
}

fn is_base64(raw: &[u8]) -> bool {
    raw.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(b))
}

fn is_binary_data_url(raw: &[u8]) -> bool {
    let Some(rest) = raw.strip_prefix(b"data:") else { return false };
    let Some(comma) = memchr::memchr(b',', rest) else { return false };
    let (head, data) = rest.split_at_checked(comma).unwrap_or_default();
    let Ok(head) = std::str::from_utf8(head) else { return false };
    let head = head.to_ascii_lowercase();
    head.ends_with(";base64")
        && !TEXT_TYPES.iter().any(|t| head.starts_with(t))
        && is_base64(data.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_opaque_is() {
        for (class, raw, expected) in [
            (Class::Token, "call_abc-123", true),
            (Class::Token, "has space", false),
            (Class::Token, "4111111111111111", false),
            (Class::Token, "a@example.com", false),
            (Class::Blob, "QUJD+/==", true),
            (Class::Blob, "my number is", false),
            (Class::Media, "data:image/png;base64,iVBOR", true),
            (Class::Media, "data:text/plain;base64,aGVsbG8", false),
            (Class::Media, "data:image/png,card 4111", false),
            (Class::Media, "https://example.com/cat.png", false),
        ] {
            assert_eq!(is(class, raw.as_bytes()), expected, "{raw}");
        }
    }
}
