//! Addresses of hosts. Public ones point to a person or a household, private ones to a device in somebody's network. Those that every
//! machine has (loopback, unspecified, masks) say nothing, so they count little.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Candidate, Outcome, label};

/// Confidence of an address in a network that is not the internet (RFC 1918, RFC 4193, RFC 6598, link-local). Logs are full of them, and
/// they name nobody outside that network: reported, and below what the profiles act on.
const PRIVATE: Outcome = Outcome::Confidence(30);
/// Confidence of an address that names no host, or every host itself.
const NOBODY: Outcome = Outcome::Confidence(30);
/// Prefixes of IPv6 that carry an IPv4 address: mapped and translated (RFC 4291, RFC 6052).
const CARRIES_IPV4: [[u16; 6]; 4] =
    [[0, 0, 0, 0, 0, 0xffff], [0, 0, 0, 0, 0xffff, 0], [0x64, 0xff9b, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]];

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
    // 4.0.0.0 is a network or a version; versions have small numbers.
    let [first, _, third, fourth] = address.octets();
    match first < 100 && third == 0 && fourth == 0 && !candidate.after.starts_with('/') {
        true => NOBODY,
        false => reach(address),
    }
}

/// How much an address says, by the network that it is good in.
fn reach(address: Ipv4Addr) -> Outcome {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && second & 0xc0 == 0x40; // RFC 6598
    match address {
        // 255.255.255.0 is a mask; 224/4 and 240/4 name no host.
        _ if address.is_loopback() || first == 0 || first >= 224 => NOBODY,
        _ if address.is_private() || address.is_link_local() || shared => PRIVATE,
        _ => Outcome::Accept,
    }
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
    let [first, rest @ ..] = address.segments();
    let written = text.split([':', '.']).filter(|group| !group.is_empty()).count();
    // `::ffff:192.0.2.1`
    if text.contains('.') && CARRIES_IPV4.iter().any(|[head, tail @ ..]| *head == first && rest.starts_with(tail)) {
        let [.., a, b, c, d] = address.octets();
        return reach(Ipv4Addr::new(a, b, c, d));
    }
    let global = first & 0xe000 == 0x2000; // RFC 4291: 2000::/3
    let local = first & 0xffc0 == 0xfe80 || first & 0xfe00 == 0xfc00; // link-local; unique local (RFC 4193)
    match (global, local) {
        (true, _) if written >= 3 => Outcome::Accept,
        (true, _) if written == 2 && text.len() >= 8 => Outcome::Accept,
        (_, true) if written >= 2 => PRIVATE,
        _ if address.is_loopback() => NOBODY,
        // Many written groups are deliberate, whatever they name; short forms are code.
        _ if written == 8 => Outcome::Confidence(65),
        _ if written >= 4 && text.bytes().filter(u8::is_ascii_digit).count() >= 4 => Outcome::Confidence(52),
        _ => Outcome::Reject,
    }
}

/// Hardware addresses; not a slice of a longer fingerprint.
pub(super) fn mac(candidate: &Candidate<'_>) -> Outcome {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, ':' | '-' | '_' | '.');
    let octets: Vec<&str> = candidate.text.split([':', '-', '.']).collect();
    let constant = octets.iter().all(|octet| Some(octet) == octets.first());
    let continues = |rest: &str| {
        let mut chars = rest.chars();
        matches!((chars.next(), chars.next()), (Some(c), Some(next)) if joins(c) && next.is_ascii_hexdigit())
    };
    let reversed: String = candidate.before.chars().rev().take(2).collect();
    if constant || continues(&reversed) || continues(candidate.after) {
        return Outcome::Reject;
    }
    // `0012.3456.789a`; three numbers with points are more often a version.
    match octets.len() == 3 && candidate.text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        true => Outcome::Confidence(25),
        false => Outcome::Accept,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{alone, among};
    use super::*;

    #[test]
    fn public_addresses_count_private_ones_less_and_nobodys_hardly() {
        for text in ["8.8.8.8", "203.0.113.7"] {
            assert_eq!(ipv4(&alone(text)), Outcome::Accept, "{text}");
        }
        for text in ["10.0.0.1", "192.168.1.7", "169.254.1.1", "100.64.1.2"] {
            assert_eq!(ipv4(&alone(text)), PRIVATE, "{text}");
        }
        for text in ["127.0.0.1", "0.0.0.0", "255.255.255.0", "10.0.0.0"] {
            assert_eq!(ipv4(&alone(text)), NOBODY, "{text}");
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
        for text in [
            "2001:db8::8a2e:370:7334",
            "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            "2606:4700::1111",
            "::ffff:203.0.113.7",
            "64:ff9b::198.51.100.23",
        ] {
            assert_eq!(ipv6(&alone(text)), Outcome::Accept, "{text}");
        }
        for text in ["fe80::1ff:fe23:4567:890a", "fd00::12", "::ffff:192.168.1.1", "0:0:0:0:0:FFFF:10.1.2.3"] {
            assert_eq!(ipv6(&alone(text)), PRIVATE, "{text}");
        }
        for text in ["::1", "::ffff:127.0.0.1"] {
            assert_eq!(ipv6(&alone(text)), NOBODY, "{text}");
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
        assert_eq!(mac(&alone("0012.3456.789a")), Outcome::Accept);
        assert_eq!(mac(&alone("2024.1201.0001")), Outcome::Confidence(25));
    }
}
