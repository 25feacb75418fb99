//! Tokens that carry their own proof: a decodable header, a checksum.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Candidate, Outcome};

/// Tokens end in this many characters of checksum
/// (<https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>).
const CHECKSUM: usize = 6;

/// LIMIT: headers of JSON Web Tokens are some 20 to 600 bytes; what is longer is no header worth decoding.
const MOST_HEADER: usize = 4096;

/// Characters of the shortest signature that anybody checks: 128 bits.
const LEAST_SIGNATURE: usize = 22;

/// JSON Web Signature in compact form (RFC 7515, 7.1): the header is a JSON object with `alg`.
pub(super) fn jwt(candidate: &Candidate<'_>) -> Outcome {
    let header = candidate.text.split('.').next().unwrap_or("");
    if header.len() > MOST_HEADER {
        return Outcome::Reject;
    }
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(header.trim_end_matches('=')) else { return Outcome::Reject };
    let header = serde_json::from_slice::<serde_json::Value>(&bytes);
    match header {
        // Without a signature it opens nothing: an example, or one that is cut off.
        Ok(header) if header.get("alg").is_some_and(serde_json::Value::is_string) => {
            match candidate.text.rsplit('.').next().map_or(0, str::len) {
                0..LEAST_SIGNATURE => Outcome::Confidence(50),
                _ => Outcome::Accept,
            }
        }
        _ => Outcome::Reject,
    }
}

/// The last six characters are the CRC-32 of those before, after the prefix, in base 62. A wrong checksum is not
/// rejected: a mistyped token is a leak of all but one character.
pub(super) fn crc32_base62(candidate: &Candidate<'_>) -> Outcome {
    let Some((_, body)) = candidate.text.rsplit_once('_') else { return Outcome::Reject };
    let Some((entropy, checksum)) = body.len().checked_sub(CHECKSUM).and_then(|at| body.split_at_checked(at)) else {
        return Outcome::Reject;
    };
    if base62(crc32(entropy.as_bytes())) == checksum.as_bytes() {
        Outcome::Confidence(99)
    } else {
        Outcome::Confidence(70)
    }
}

/// CRC-32 as in IEEE 802.3 and zlib (reflected, polynomial 0xEDB88320).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// Six digits of base 62, `0-9A-Za-z`, with leading zeros.
fn base62(mut number: u32) -> [u8; CHECKSUM] {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = usize::try_from(number % 62).ok().and_then(|at| ALPHABET.get(at)).copied().unwrap_or(b'0');
        number /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::super::tests::alone;
    use super::*;

    #[test]
    fn crc_check_value() {
        // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_right_checksum_is_certain() {
        let body = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5";
        let sum = String::from_utf8(base62(crc32(body.as_bytes())).to_vec()).unwrap();
        assert_eq!(crc32_base62(&alone(&format!("ghp_{body}{sum}"))), Outcome::Confidence(99));
        assert_eq!(crc32_base62(&alone(&format!("ghp_{body}zzzzzz"))), Outcome::Confidence(70));
    }

    #[test]
    fn jwt_needs_a_header_with_an_algorithm() {
        let token = |header: &str| format!("{}.e30.c2lnbmF0dXJlLXNpZ25hdHVyZQ", URL_SAFE_NO_PAD.encode(header));
        let signed = token(r#"{"alg":"HS256","typ":"JWT"}"#);
        assert_eq!(jwt(&alone(&signed)), Outcome::Accept);
        assert_eq!(jwt(&alone(signed.trim_end_matches(|c| c != '.'))), Outcome::Confidence(50));
        for header in [r#"{"typ":"JWT"}"#, r#"{"alg":1}"#, "[]", "no json"] {
            assert_eq!(jwt(&alone(&token(header))), Outcome::Reject, "{header}");
        }
    }
}
