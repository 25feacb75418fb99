//! Number literals: the grammar of [RFC 8259, section 6](https://www.rfc-editor.org/rfc/rfc8259#section-6), bounded
//! in length and magnitude, so that every parser reads the same finite number.

use super::error::ScanErrorKind;

/// LIMIT: bytes of a number literal. The longest shortest-form double has 24 bytes and a 128-bit integer 40; printers
/// that write a double exactly with `%.17g` stay below 32. Longer literals are where parsers round differently.
pub const MAX_NUMBER_LEN: usize = 64;

/// With at most `MAX_NUMBER_LEN` digits before the exponent, two digits of exponent stay far below 1e308.
const SURELY_FINITE_EXPONENT_DIGITS: usize = 2;

/// A refusal, with its offset within the bytes looked at.
type Fault = (ScanErrorKind, usize);

/// Length of the number at the start of `rest`.
#[inline]
pub(super) fn number_len(rest: &[u8]) -> Result<usize, Fault> {
    let mut at = usize::from(rest.first() == Some(&b'-'));
    match rest.get(at) {
        Some(b'0') => at += 1,
        Some(b'1'..=b'9') => at += digits(rest, at),
        other => return Err(missing(other, at)),
    }
    if rest.get(at) == Some(&b'.') {
        at = some_digits(rest, at + 1)?;
    }
    if matches!(rest.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(rest.get(at), Some(b'+' | b'-')));
        let end = some_digits(rest, at)?;
        check_len(end)?;
        if end - at > SURELY_FINITE_EXPONENT_DIGITS && !is_finite(rest, end) {
            return Err((ScanErrorKind::NumberOverflow, 0));
        }
        return Ok(end);
    }
    check_len(at)?;
    Ok(at)
}

#[inline]
fn digits(rest: &[u8], at: usize) -> usize {
    rest.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[inline]
fn some_digits(rest: &[u8], at: usize) -> Result<usize, Fault> {
    match digits(rest, at) {
        0 => Err(missing(rest.get(at), at)),
        count => Ok(at + count),
    }
}

fn missing(found: Option<&u8>, at: usize) -> Fault {
    (if found.is_none() { ScanErrorKind::UnexpectedEnd } else { ScanErrorKind::InvalidNumber }, at)
}

#[inline]
fn check_len(len: usize) -> Result<(), Fault> {
    if len > MAX_NUMBER_LEN { Err((ScanErrorKind::NumberTooLong, 0)) } else { Ok(()) }
}

/// Off the usual path: three or more digits of exponent.
#[cold]
fn is_finite(rest: &[u8], end: usize) -> bool {
    let literal = rest.get(..end).and_then(|bytes| std::str::from_utf8(bytes).ok());
    literal.and_then(|text| text.parse::<f64>().ok()).is_some_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        use ScanErrorKind::{InvalidNumber, NumberOverflow, NumberTooLong, UnexpectedEnd};
        let long = "1".repeat(MAX_NUMBER_LEN);
        let too_long = "1".repeat(MAX_NUMBER_LEN + 1);
        let cases: &[(&str, Result<usize, Fault>)] = &[
            ("0", Ok(1)),
            ("-0", Ok(2)),
            ("01", Ok(1)),
            ("12,", Ok(2)),
            ("-1.50e+3]", Ok(8)),
            ("1E9", Ok(3)),
            ("1e308", Ok(5)),
            ("1e309", Err((NumberOverflow, 0))),
            ("-1e309", Err((NumberOverflow, 0))),
            ("0e999", Ok(5)),
            ("1e-999", Ok(6)),
            ("1e0000000001", Ok(12)),
            (&long, Ok(MAX_NUMBER_LEN)),
            (&too_long, Err((NumberTooLong, 0))),
            ("-", Err((UnexpectedEnd, 1))),
            ("-a", Err((InvalidNumber, 1))),
            ("1.", Err((UnexpectedEnd, 2))),
            ("1.e3", Err((InvalidNumber, 2))),
            ("1e", Err((UnexpectedEnd, 2))),
            ("1e+", Err((UnexpectedEnd, 3))),
            ("1e+x", Err((InvalidNumber, 3))),
            (".5", Err((InvalidNumber, 0))),
        ];
        for (literal, expected) in cases {
            assert_eq!(number_len(literal.as_bytes()), *expected, "{literal}");
        }
    }
}
