//! Postal addresses: a street and a number. The patterns know what streets are called; this room knows what else is written so.

use super::{Candidate, Outcome, label};

/// Whose addresses are no places.
const OTHER_ADDRESSES: &[&str] = &[
    "ip", "ipv4", "ipv6", "mac", "email", "mail", "web", "website", "url", "wallet", "bitcoin", "btc", "eth",
    "ethereum", "crypto", "memory", "base", "bind", "listen", "server", "host", "network", "contract", "token",
    "remote", "local", "peer", "node", "physical", "virtual", "return", "start", "end", "bus", "i2c", "byte",
];

/// What follows `Address:` when it is a place: words, one of them with a capital or of another script, and a number of a house.
pub(super) fn labelled(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text.trim();
    let machine = text.contains(['@', '\\', '{', '}', '<', '>', '=', '*', '_', '|', '$', '%'])
        || text.contains("://")
        || text.contains("0x")
        || text.contains("::");
    // `IP address: `: the word before the word.
    let before = candidate.before.trim_end_matches(|c: char| !c.is_alphanumeric());
    let mut words = label::words(label::nearest(before));
    let rest = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
    words.extend(label::words(label::nearest(rest)).pop());
    if machine || words.iter().any(|word| OTHER_ADDRESSES.contains(&word.as_str())) {
        return Outcome::Reject;
    }
    let parts = text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|part| !part.is_empty());
    let house = |part: &str| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let plain = part.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '/' | '#' | '.'));
        // Scripts without spaces put the whole address into one word.
        (1..=6).contains(&digits) && plain && (part.len() <= 10 || unspaced(part))
    };
    let named = |part: &str| {
        let mut chars = part.chars();
        let first = chars.next().is_some_and(|c| c.is_alphabetic() && !c.is_lowercase());
        first && chars.clone().any(|c| c.is_lowercase() || !c.is_ascii()) || unspaced(part)
    };
    let all: Vec<&str> = parts.collect();
    let plausible = all.len() >= 2 || unspaced(text);
    match plausible && all.iter().any(|part| house(part)) && all.iter().any(|part| named(part)) {
        true => Outcome::Accept,
        false => Outcome::Reject,
    }
}

/// Whether there are letters of a script without spaces: kana, Han, Hangul.
fn unspaced(text: &str) -> bool {
    text.chars().any(|c| c >= '\u{3040}' && c.is_alphabetic())
}

/// Words that end as streets do and are none.
const NO_STREETS: &[&str] =
    &["Spring", "String", "Substring", "Ring", "Engineering", "Training", "Monitoring", "Pricing", "Grand", "Token"];

/// A street in the form of its country: no time, no count, no list.
pub(super) fn street(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text;
    let continues = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#' | '/' | '=' | '%');
    let number: String = text.chars().filter(char::is_ascii_digit).collect();
    let no_street = text.split(' ').next().is_some_and(|first| NO_STREETS.contains(&first));
    if candidate.before.ends_with(continues)
        || candidate.after.starts_with(['_', '=', '%', '('])
        || number.len() > 9
        || no_street
    {
        return Outcome::Reject;
    }
    Outcome::Accept
}

#[cfg(test)]
mod tests {
    use super::super::tests::among;
    use super::*;

    #[test]
    fn a_label_and_what_follows() {
        for (before, text) in [
            ("Address: ", "3618 Young Cove"),
            ("Shipping address: ", "plac Niepodległości 13, Turek"),
            ("\"street\":\"", "H.No. 42 Ramesh Nagar"),
            ("Adresse : ", "64, rue de Riou"),
            ("住所: ", "東京都千代田区1-1"),
        ] {
            assert_eq!(labelled(&among(before, text, "")), Outcome::Accept, "{text}");
        }
        for (before, text) in [
            ("IP address: ", "10 Main Host"),
            ("ip_address: ", "10 Main Host"),
            ("Address: ", "0x7fff Ab12"),
            ("address: ", "ada@example.com 5 Xy"),
            ("address: ", "not given"),
            ("address: ", "127.0.0.1:8080"),
            ("wallet address: ", "Abc 12"),
        ] {
            assert_eq!(labelled(&among(before, text, "")), Outcome::Reject, "{before}{text}");
        }
    }

    #[test]
    fn a_piece_of_code_is_no_street() {
        assert_eq!(street(&among("at ", "221B Baker Street", " for")), Outcome::Accept);
        assert_eq!(street(&among("x_", "12 Main Street", "")), Outcome::Reject);
    }
}
