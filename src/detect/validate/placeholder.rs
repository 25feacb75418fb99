//! What people write where a credential would stand, for formats that say by themselves what they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::credential::{repeats, says_none};
use super::{Candidate, Outcome};

/// Passwords of URLs in manuals.
const MANUAL: &[&str] = &[
    "pass",
    "pwd",
    "pw",
    "password",
    "passwd",
    "secret",
    "token",
    "user",
    "username",
    "key",
    "apikey",
    "api_key",
    "xxx",
    "x",
    "pass123",
    "port",
    "host",
    "db",
    "test",
    "foo",
    "bar",
    "baz",
    "...",
    "x-oauth-basic",
];

/// Defaults of images: real, and known to everybody.
const DEFAULTS: &[&str] = &["postgres", "root", "admin", "guest", "mysql", "redis", "rabbitmq", "changeme", "mongo"];

/// Rejects values that are no credential.
pub(super) fn not_placeholder(candidate: &Candidate<'_>) -> Outcome {
    if says_none(candidate.text) || repeats(candidate.text) { Outcome::Reject } else { Outcome::Accept }
}

/// The password of a URL: short passwords count, words that stand for one do not.
pub(super) fn url_password(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text;
    let lower = text.to_ascii_lowercase();
    let template = text.starts_with(['$', '{', '<', '%', '[', ':', '*']) || text.contains("${") || text.contains("{{");
    // `http://host:80#@other/`: a port, and tricks with it.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let port = (1..=5).contains(&digits) && text.as_bytes().get(digits).is_none_or(|b| b"#?\\&/;".contains(b));
    let said = ["example", "your", "redacted"].iter().any(|word| lower.contains(word));
    if MANUAL.contains(&lower.as_str()) || template || port || said || repeats(text) {
        Outcome::Reject
    } else if DEFAULTS.contains(&lower.as_str()) {
        Outcome::Confidence(40)
    } else {
        Outcome::Accept
    }
}

/// Base64 of `user:password` (RFC 7617).
pub(super) fn basic(candidate: &Candidate<'_>) -> Outcome {
    let Ok(bytes) = STANDARD_NO_PAD.decode(candidate.text.trim_end_matches('=')) else { return Outcome::Reject };
    let Some((_, password)) = std::str::from_utf8(&bytes).ok().and_then(|text| text.split_once(':')) else {
        return Outcome::Reject;
    };
    if password.chars().any(char::is_control) {
        return Outcome::Reject;
    }
    match url_password(&Candidate { text: password, before: "", after: "" }) {
        // Still a header that opens something.
        Outcome::Reject => Outcome::Confidence(60),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::alone;
    use super::*;

    #[test]
    fn passwords_in_urls() {
        for text in ["hunter2", "s3cr3t-Pa55", "p%40ssw0rd", "204816"] {
            assert_eq!(url_password(&alone(text)), Outcome::Accept, "{text}");
        }
        for text in ["password", "${PW}", "<password>", "xxxxx", "your-password", "$PASS", "80#", "8080"] {
            assert_eq!(url_password(&alone(text)), Outcome::Reject, "{text}");
        }
        assert_eq!(url_password(&alone("postgres")), Outcome::Confidence(40));
    }

    #[test]
    fn basic_is_decoded() {
        assert_eq!(basic(&alone("YWxhZGRpbjpvcGVuc2VzYW1lMQ==")), Outcome::Accept);
        assert_eq!(basic(&alone("authentication")), Outcome::Reject);
        assert_eq!(basic(&alone("bG9naW46cGFzc3dvcmQ=")), Outcome::Confidence(60));
    }
}
