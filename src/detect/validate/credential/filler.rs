//! What people write where a credential would stand: `changeme`, `your-token-here`, `xxxxxxxx`, `password123`.

use super::words_of;

/// Parts of values that say "put yours here" or "this is none", in lower case.
const FILLERS: &str = "\
    example changeme change_me change-me changeit placeholder your_ your- yourkey yourtoken yourpass yoursecret yourapi \
    redacted removed censored masked hidden insert replace dummy sample _here -here todo fixme undefined notreal not-real \
    not_real lorem xxxx **** .... ---- ____ process.env os.environ getenv secrets. github.token";

/// Words of which a value may be made that is none: what it is, whose it is, what it is for.
const WEAK: &str = "\
    test testing tests my the a an some this is not no user username admin root guest secret secrets password passwords \
    passwd pass pwd passphrase passw word token tokens key keys api apikey access auth client app application dev \
    development prod production staging stage demo new old other db database value values string str text abc abcd abcde \
    abcdef qwerty foo bar baz foobar fake mock null none nil true false default bogus super very strong secure private \
    public session bearer basic id name config env server service account login current confirm wrong correct invalid \
    valid bad good first second encrypted hashed hash random type field data set get and or for of to with in me it let x \
    y mysql postgres redis mongo oauth jwt csrf refresh consumer shared master credential credentials plaintext \
    unencrypted temp temporary tmp empty required optional localhost local hello world welcome code github aws";

/// True if the value says that it is none.
pub(in crate::detect::validate) fn is_filler(text: &str) -> bool {
    says_none(text) || repeats(text) || climbs(text) || is_made_of_weak(text)
}

/// True if a part of the value says that it is none: `your-key`, `EXAMPLE`.
pub(in crate::detect::validate) fn says_none(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    words_of(FILLERS).any(|filler| lower.contains(filler))
}

/// A handful of different characters: `xxxxxx`, `abababab`, `1111-2222`.
pub(in crate::detect::validate) fn repeats(text: &str) -> bool {
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

/// LIMIT: longer runs are keys made by hand, but keys.
const LONGEST_RUN: usize = 20;

/// `12345678`, `abcdefgh`, `abcd1234`, `12345654321`: one character after the other, up or down.
fn climbs(text: &str) -> bool {
    let bytes = text.as_bytes();
    let steps = |a: u8, b: u8| a.abs_diff(b) == 1 || matches!((a, b), (b'9', b'0') | (b'0', b'9'));
    let next = bytes.windows(2).filter(|pair| matches!(pair, [a, b] if steps(*a, *b)));
    bytes.len() < LONGEST_RUN && next.count() + 2 >= bytes.len()
}

/// Every word of it is one that says nothing: `my-secret-token-1`, `testPassword`, `password123`.
fn is_made_of_weak(text: &str) -> bool {
    let mut words = 0;
    let mut start = 0;
    let bytes = text.as_bytes();
    for at in 1..=bytes.len() {
        let (before, here) = (bytes.get(at - 1), bytes.get(at));
        let hump = matches!((before, here), (Some(a), Some(b)) if a.is_ascii_lowercase() && b.is_ascii_uppercase());
        let edge = here.is_none_or(|b| !b.is_ascii_alphabetic()) || before.is_none_or(|b| !b.is_ascii_alphabetic());
        if !hump && !edge {
            continue;
        }
        let word = text.get(start..at).unwrap_or_default();
        start = at;
        if word.bytes().all(|b| b.is_ascii_alphabetic()) {
            words += 1;
            let lower = word.to_ascii_lowercase();
            if !is_weak(&lower) {
                return false;
            }
        }
    }
    // Digits and signs between are few; else they are the credential.
    words > 0 && bytes.iter().filter(|b| !b.is_ascii_alphabetic()).count() <= words + 4
}

/// Weak words written together: `testpassword`. LIMIT: 48 letters, so the search stays small.
fn is_weak(lower: &str) -> bool {
    lower.len() <= 48
        && (words_of(WEAK).any(|weak| weak == lower)
            || words_of(WEAK).any(|weak| weak.len() > 1 && lower.strip_prefix(weak).is_some_and(is_weak)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_are_seen() {
        for text in [
            "changeme",
            "<your-key>",
            "xxxxxxxxxxxxxxxx",
            "your_api_key_here",
            "********",
            "1234567890",
            "abababababab12",
            "password123",
            "my-secret-token-1",
            "testPassword",
            "mysecretpassword",
            "abcd1234",
            "1234567898765432",
            "login_and_password_removed",
            "TOKEN_HERE",
        ] {
            assert!(is_filler(text), "{text}");
        }
        for text in [
            "q9Zf2LmX7rTb4KwD",
            "tr0ub4dor&3x",
            "9f86d081884c7d659a2feaa0c55ad015",
            "1234567890abcdef1234567890abcdef",
            "Pa55-83k2lq",
        ] {
            assert!(!is_filler(text), "{text}");
        }
    }
}
