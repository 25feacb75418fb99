//! What people write where a credential would stand: `changeme`, `${TOKEN}`, `<your-key>`, `xxxxxxxx`, `os.environ[…]`.

use super::{Candidate, Outcome};

/// Parts of values that say "put yours here" or "this is none".
const FILLERS: &[&str] = &[
    "example",
    "changeme",
    "change_me",
    "change-me",
    "changeit",
    "placeholder",
    "your_",
    "your-",
    "yourkey",
    "yourtoken",
    "yourpass",
    "yoursecret",
    "my_secret",
    "mysecret",
    "my-secret",
    "mypassword",
    "my_password",
    "replace",
    "redacted",
    "removed",
    "censored",
    "insert",
    "dummy",
    "sample",
    "foobar",
    "xxxx",
    "****",
    "....",
    "----",
    "____",
    "0000000",
    "todo",
    "fixme",
    "abcdefgh",
    "12345678",
    "qwerty",
    "default",
    "secret_key",
    "secretkey",
    "password",
    "passwd",
    "undefined",
    "test_key",
    "testkey",
    "deadbeef",
    "notreal",
    "not_real",
    "not-real",
    "fake",
    "lorem",
    "<",
    ">",
    "${",
    "{{",
    "}}",
    "$(",
    "%(",
    "#{",
    "env.",
    "environ",
    "getenv",
    "process.",
    "secrets.",
    "vars.",
    "config.",
    "settings.",
    "null",
    "none",
    "true",
    "false",
];

/// Rejects values that are no credential.
pub(super) fn not_placeholder(candidate: &Candidate<'_>) -> Outcome {
    if is_placeholder(candidate.text) { Outcome::Reject } else { Outcome::Accept }
}

/// The password of a URL: short passwords count, words that stand for one do not.
pub(super) fn url_password(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text;
    let lower = text.to_ascii_lowercase();
    let named = matches!(
        lower.as_str(),
        "pass"
            | "pwd"
            | "pw"
            | "password"
            | "passwd"
            | "secret"
            | "token"
            | "user"
            | "username"
            | "key"
            | "apikey"
            | "api_key"
            | "xxx"
            | "x"
            | "pass123"
            | "port"
            | "host"
            | "db"
            | "test"
            | "foo"
            | "bar"
            | "baz"
            | "..."
            | "x-oauth-basic"
    );
    let template = text.starts_with(['$', '{', '<', '%', '[', ':', '*']) || text.contains("${") || text.contains("{{");
    if named
        || template
        || repeats(text)
        || lower.contains("example")
        || lower.contains("your")
        || lower.contains("redacted")
    {
        Outcome::Reject
    } else if matches!(
        lower.as_str(),
        "postgres" | "root" | "admin" | "guest" | "mysql" | "redis" | "rabbitmq" | "changeme" | "mongo"
    ) {
        // Defaults of images: real, and known to everybody.
        Outcome::Confidence(40)
    } else {
        Outcome::Accept
    }
}

/// A value assigned to something called a secret: random enough to be one.
pub(super) fn credential(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text;
    if is_placeholder(text) || is_reference(text) || is_identifier(text) {
        return Outcome::Reject;
    }
    let (mut lower, mut upper, mut digit, mut other) = (0u32, 0u32, 0u32, 0u32);
    for c in text.chars() {
        match c {
            'a'..='z' => lower += 1,
            'A'..='Z' => upper += 1,
            '0'..='9' => digit += 1,
            _ => other += 1,
        }
    }
    // Words have no digits; identifiers and versions have few letters.
    if digit == 0 && (other == 0 || upper == 0) || lower + upper == 0 {
        return Outcome::Reject;
    }
    let classes = [lower, upper, digit, other].iter().filter(|count| **count > 0).count();
    Outcome::Confidence(match (classes, text.len()) {
        (3.., 16..) => 75,
        (3.., _) => 65,
        (_, 24..) => 65,
        _ => 50,
    })
}

/// Whether the value says that it is none.
fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    FILLERS.iter().any(|filler| lower.contains(filler)) || repeats(text)
}

/// A handful of different characters: `xxxxxx`, `abababab`, `1111-2222`.
fn repeats(text: &str) -> bool {
    let mut seen: Vec<char> = Vec::new();
    for c in text.chars() {
        if !seen.contains(&c) {
            seen.push(c);
        }
        if seen.len() > 4 {
            return false;
        }
    }
    text.chars().count() > seen.len() * 2 || text.len() < 3
}

/// `obj.field`, `call()`, `CONSTANT[0]`, `path/to/file`, `https://…`: code or a place, not a value.
fn is_reference(text: &str) -> bool {
    let call =
        text.contains('(') || text.ends_with(')') || text.contains("::") || text.contains("->") || text.contains("[");
    let place = text.contains("://") || text.starts_with(['/', '.', '~', '$', '@', '%', '&', '*']);
    let dotted = text.split('.').count() > 1
        && text.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && is_word(part));
    call || place || dotted
}

/// Letters, digits and `_` only.
fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `SOME_CONSTANT`, `some-slug-2`, `someCamelName2`: words joined, a digit or two at the end of one.
fn is_identifier(text: &str) -> bool {
    let joined = text.contains(['_', '-']);
    let single_case = !text.chars().any(|c| c.is_ascii_uppercase()) || !text.chars().any(|c| c.is_ascii_lowercase());
    let wordy = text.split(['_', '-', '.', ' ']).filter(|part| !part.is_empty()).all(|part| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        part.len() - letters.len() <= 2 && letters.chars().all(|c| c.is_ascii_alphabetic()) || part.len() <= 2
    });
    let spaced = text.contains(' ');
    (joined && single_case && wordy) || spaced && wordy
}

#[cfg(test)]
mod tests {
    use super::super::tests::alone;
    use super::*;

    #[test]
    fn placeholders_and_references_are_no_credentials() {
        for text in [
            "changeme",
            "${DB_PASSWORD}",
            "<your-key>",
            "xxxxxxxxxxxxxxxx",
            "your_api_key_here",
            "process.env.TOKEN",
            "os.environ['A1']",
            "getSecret(name1)",
            "********",
            "user.password1",
            "MY_SECRET_KEY_2",
            "some-config-name-2",
            "https://host.example/1a",
            "true",
            "notasecretword",
            "1234567890",
            "config_v2_name",
            "abababababab12",
        ] {
            assert_eq!(credential(&alone(text)), Outcome::Reject, "{text}");
        }
    }

    #[test]
    fn random_values_are() {
        for text in ["q9Zf2LmX7rTb4KwD", "tr0ub4dor&3x", "9f86d081884c7d659a2feaa0c55ad015", "Zx8!kQ2#vLp0"] {
            assert!(matches!(credential(&alone(text)), Outcome::Confidence(60..)), "{text}");
        }
    }

    #[test]
    fn passwords_in_urls() {
        for text in ["hunter2", "s3cr3t-Pa55", "p%40ssw0rd"] {
            assert_eq!(url_password(&alone(text)), Outcome::Accept, "{text}");
        }
        for text in ["password", "${PW}", "<password>", "xxxxx", "your-password", "$PASS"] {
            assert_eq!(url_password(&alone(text)), Outcome::Reject, "{text}");
        }
        assert_eq!(url_password(&alone("postgres")), Outcome::Confidence(40));
    }
}
