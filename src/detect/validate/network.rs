//! Addresses of hosts. Public ones point to a person or a household; private ones say little, so they count little.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Candidate, Outcome, label};

/// Confidence of an address that anybody's network may have.
const PRIVATE: Outcome = Outcome::Confidence(30);

/// Dotted quads that are no version numbers.
pub(super) fn ipv4(candidate: &Candidate<'_>) -> Outcome {
    let Ok(address) = candidate.text.parse::<Ipv4Addr>() else { return Outcome::Reject };
    let mut before = candidate.before.chars().rev();
    match (before.next(), before.next()) {
        (Some(c), _) if c.is_alphanumeric() || matches!(c, '_' | '.') => return Outcome::Reject,
        (Some('-' | '+' | '~' | '^'), Some(c)) if c.is_alphanumeric() => return Outcome::Reject,
        // `Chrome/120.0.0.0`
        (Some('/'), Some(c)) if c.is_alphabetic() => return Outcome::Reject,
        _ => {}
    }
    let mut after = candidate.after.chars();
    match (after.next(), after.next()) {
        (Some(c), _) if c.is_alphanumeric() || c == '_' => return Outcome::Reject,
        (Some('.' | '-'), Some(c)) if c.is_alphanumeric() => return Outcome::Reject,
        _ => {}
    }
    let words = label::words(label::nearest(candidate.before));
    if words
        .iter()
        .any(|word| matches!(word.as_str(), "version" | "ver" | "v" | "release" | "build" | "section" | "oid"))
    {
        return Outcome::Reject;
    }
    let [first, second, third, fourth] = address.octets();
    let shared = first == 100 && second & 0xc0 == 0x40; // RFC 6598
    let special = address.is_private() || address.is_loopback() || address.is_link_local() || address.is_unspecified();
    // 255.255.255.0 is a mask; 224/4 and 240/4 name no host; 4.0.0.0 is a network or a version.
    let no_host = first >= 224 || first == 0 || (third == 0 && fourth == 0 && !candidate.after.starts_with('/'));
    if special || shared || no_host { PRIVATE } else { Outcome::Accept }
}

/// What parses as an address and is no path in code (`std::fmt`) or time.
pub(super) fn ipv6(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text.split('%').next().unwrap_or("");
    let Ok(address) = text.parse::<Ipv6Addr>() else { return Outcome::Reject };
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.');
    if candidate.before.ends_with(joins)
        || candidate.after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':'))
    {
        return Outcome::Reject;
    }
    let segments = address.segments();
    let [first, ..] = segments;
    let written = text.split([':', '.']).filter(|group| !group.is_empty()).count();
    let global = first & 0xe000 == 0x2000; // RFC 4291: 2000::/3
    let local = first & 0xffc0 == 0xfe80 || first & 0xfe00 == 0xfc00; // link-local; unique local (RFC 4193)
    match (global, local) {
        (true, _) if written >= 3 => Outcome::Accept,
        (true, _) if written == 2 && text.len() >= 8 => Outcome::Accept,
        (_, true) if written >= 2 => PRIVATE,
        _ if address.is_loopback() => PRIVATE,
        // Eight written groups are deliberate, whatever they name; short forms are code.
        _ if written == 8 => Outcome::Confidence(65),
        _ => Outcome::Reject,
    }
}

/// Hardware addresses; not a slice of a longer fingerprint.
pub(super) fn mac(candidate: &Candidate<'_>) -> Outcome {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, ':' | '-' | '_');
    let octets: Vec<&str> = candidate.text.split([':', '-']).collect();
    let constant = octets.iter().all(|octet| Some(octet) == octets.first());
    let continues = |rest: &str| {
        let mut chars = rest.chars();
        matches!((chars.next(), chars.next()), (Some(c), Some(next)) if joins(c) && next.is_ascii_hexdigit())
    };
    let reversed: String = candidate.before.chars().rev().take(2).collect();
    if constant || continues(&reversed) || continues(candidate.after) {
        return Outcome::Reject;
    }
    Outcome::Accept
}

#[cfg(test)]
mod tests {
    use super::super::tests::{alone, among};
    use super::*;

    #[test]
    fn public_addresses_count_and_private_ones_hardly() {
        for text in ["8.8.8.8", "203.0.113.7"] {
            assert_eq!(ipv4(&alone(text)), Outcome::Accept, "{text}");
        }
        for text in ["10.0.0.1", "192.168.1.7", "127.0.0.1", "169.254.1.1", "0.0.0.0", "255.255.255.0", "100.64.1.2"] {
            assert_eq!(ipv4(&alone(text)), PRIVATE, "{text}");
        }
    }

    #[test]
    fn versions_are_no_addresses() {
        for (before, text, after) in [
            ("v", "1.2.3.4", ""),
            ("version ", "1.2.3.4", ""),
            ("Version=", "4.0.1.2", ", Culture"),
            ("Chrome/", "120.0.0.1", " Safari"),
            ("1.", "2.3.4.5", ""),
            ("", "1.2.3.4", ".5"),
            ("pkg-", "1.2.3.4", ""),
            ("", "1.2.3.4", "-rc1"),
        ] {
            assert_eq!(ipv4(&among(before, text, after)), Outcome::Reject, "{before}{text}{after}");
        }
        assert_eq!(ipv4(&among("http://", "8.8.4.4", ":80/")), Outcome::Accept);
    }

    #[test]
    fn ipv6_is_told_from_code_and_times() {
        for text in ["2001:db8::8a2e:370:7334", "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "2606:4700::1111"] {
            assert_eq!(ipv6(&alone(text)), Outcome::Accept, "{text}");
        }
        for text in ["fe80::1ff:fe23:4567:890a", "::1", "fd00::12"] {
            assert_eq!(ipv6(&alone(text)), PRIVATE, "{text}");
        }
        for text in ["::", "a::b", "12:30:45", "dead::beef", "::add"] {
            assert_eq!(ipv6(&alone(text)), Outcome::Reject, "{text}");
        }
    }

    #[test]
    fn a_slice_of_a_fingerprint_is_no_mac() {
        assert_eq!(mac(&alone("00:1B:44:11:3A:B7")), Outcome::Accept);
        assert_eq!(mac(&among("7f:", "00:1B:44:11:3A:B7", "")), Outcome::Reject);
        assert_eq!(mac(&among("", "00:1B:44:11:3A:B7", ":9c")), Outcome::Reject);
        assert_eq!(mac(&alone("ff:ff:ff:ff:ff:ff")), Outcome::Reject);
    }
}
