//! Addresses of hosts. Public ones point to a person or a household. The others name a device in somebody's network, every machine, or none:
//! rules of a kind of their own report those, since logs are full of them and they say nothing outside that network.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Candidate, Outcome, label};

/// Prefixes of IPv6 that carry an IPv4 address: mapped and translated (RFC 4291, RFC 6052).
const CARRIES_IPV4: [[u16; 6]; 4] =
    [[0, 0, 0, 0, 0, 0xffff], [0, 0, 0, 0, 0xffff, 0], [0x64, 0xff9b, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]];

/// In which network an address is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The internet.
    Public,
    /// So many groups are deliberate, whatever they name; and how sure that is.
    Written(u8),
    /// A network that is not the internet (RFC 1918, RFC 4193, RFC 6598, link-local).
    Private,
    /// The machine itself, a mask, a group: no host.
    Nobody,
    /// As likely a version number as a network.
    Unsure,
}

/// Dotted quads of the internet that are no version numbers.
pub(super) fn ipv4(candidate: &Candidate<'_>) -> Outcome {
    public(quad(candidate))
}

/// Dotted quads that are good in one network or on one machine.
pub(super) fn ipv4_local(candidate: &Candidate<'_>) -> Outcome {
    local(quad(candidate))
}

/// What parses as an address of the internet and is no path in code (`std::fmt`) or time.
pub(super) fn ipv6(candidate: &Candidate<'_>) -> Outcome {
    public(groups(candidate))
}

/// As [`ipv6`], of one network or one machine.
pub(super) fn ipv6_local(candidate: &Candidate<'_>) -> Outcome {
    local(groups(candidate))
}

fn public(reach: Option<Reach>) -> Outcome {
    match reach {
        Some(Reach::Public) => Outcome::Accept,
        Some(Reach::Written(sure)) => Outcome::Confidence(sure),
        Some(Reach::Unsure) => Outcome::Confidence(30),
        Some(Reach::Private | Reach::Nobody) | None => Outcome::Reject,
    }
}

fn local(reach: Option<Reach>) -> Outcome {
    match reach {
        Some(Reach::Private) => Outcome::Accept,
        Some(Reach::Nobody) => Outcome::Confidence(52),
        _ => Outcome::Reject,
    }
}

/// The reach of a dotted quad that stands where an address may.
fn quad(candidate: &Candidate<'_>) -> Option<Reach> {
    let address = candidate.text.parse::<Ipv4Addr>().ok()?;
    let mut before = candidate.before.chars().rev();
    match (before.next(), before.next()) {
        (Some(c), _) if c.is_alphanumeric() || matches!(c, '_' | '.') => return None,
        (Some('-' | '+' | '~' | '^'), Some(c)) if c.is_alphanumeric() => return None,
        // `Chrome/120.0.0.0`
        (Some('/'), Some(c)) if c.is_alphabetic() => return None,
        _ => {}
    }
    let mut after = candidate.after.chars();
    match (after.next(), after.next()) {
        (Some(c), _) if c.is_alphanumeric() || c == '_' => return None,
        (Some('.' | '-'), Some(c)) if c.is_alphanumeric() => return None,
        _ => {}
    }
    let words = label::words(label::nearest(candidate.before));
    if words
        .iter()
        .any(|word| matches!(word.as_str(), "version" | "ver" | "v" | "release" | "build" | "section" | "oid"))
    {
        return None;
    }
    // 4.0.0.0 is a network or a version; versions have small numbers.
    let [first, _, third, fourth] = address.octets();
    let round = first < 100 && third == 0 && fourth == 0 && !candidate.after.starts_with('/');
    match reach(address) {
        Reach::Public | Reach::Nobody if round && first > 0 => Some(Reach::Unsure),
        Reach::Nobody if first == 0 && !address.is_unspecified() => Some(Reach::Unsure),
        reach => Some(reach),
    }
}

/// How much an address says, by the network that it is good in.
fn reach(address: Ipv4Addr) -> Reach {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && second & 0xc0 == 0x40; // RFC 6598
    match address {
        // 255.255.255.0 is a mask; 224/4 and 240/4 name no host.
        _ if address.is_loopback() || first == 0 || first >= 224 => Reach::Nobody,
        _ if address.is_private() || address.is_link_local() || shared => Reach::Private,
        _ => Reach::Public,
    }
}

/// The reach of an IPv6 address that stands where one may.
fn groups(candidate: &Candidate<'_>) -> Option<Reach> {
    let text = candidate.text.split('%').next().unwrap_or("");
    let address = text.parse::<Ipv6Addr>().ok()?;
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.');
    // `items[::1]` takes every item.
    let sliced = candidate.before.strip_suffix('[').is_some_and(|before| before.ends_with(joins));
    if sliced
        || candidate.before.ends_with(joins)
        || candidate.after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':'))
    {
        return None;
    }
    let [first, rest @ ..] = address.segments();
    let written = text.split([':', '.']).filter(|group| !group.is_empty()).count();
    // `::ffff:192.0.2.1`
    if text.contains('.') && CARRIES_IPV4.iter().any(|[head, tail @ ..]| *head == first && rest.starts_with(tail)) {
        let [.., a, b, c, d] = address.octets();
        return Some(reach(Ipv4Addr::new(a, b, c, d)));
    }
    let global = first & 0xe000 == 0x2000; // RFC 4291: 2000::/3
    let local = first & 0xffc0 == 0xfe80 || first & 0xfe00 == 0xfc00; // link-local; unique local (RFC 4193)
    let network = candidate.after.strip_prefix('/').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match (global, local) {
        (true, _) if written >= 3 => Some(Reach::Public),
        (true, _) if written == 2 && text.len() >= 8 => Some(Reach::Public),
        (_, true) if written >= 2 || network => Some(Reach::Private),
        _ if address.is_loopback() || (address.is_multicast() && written >= 2) => Some(Reach::Nobody),
        // Short forms are code.
        _ if written == 8 => Some(Reach::Written(65)),
        _ if written >= 4 && text.bytes().filter(u8::is_ascii_digit).count() >= 4 => Some(Reach::Written(52)),
        _ => None,
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
    fn public_addresses_are_personal_and_others_are_not() {
        for text in ["8.8.8.8", "203.0.113.7"] {
            assert_eq!(ipv4(&alone(text)), Outcome::Accept, "{text}");
            assert_eq!(ipv4_local(&alone(text)), Outcome::Reject, "{text}");
        }
        for text in ["10.0.0.1", "10.0.0.0", "192.168.1.7", "169.254.1.1", "100.64.1.2"] {
            assert_eq!(ipv4(&alone(text)), Outcome::Reject, "{text}");
            assert_eq!(ipv4_local(&alone(text)), Outcome::Accept, "{text}");
        }
        for text in ["127.0.0.1", "0.0.0.0", "255.255.255.0", "224.0.0.251"] {
            assert_eq!(ipv4(&alone(text)), Outcome::Reject, "{text}");
            assert_eq!(ipv4_local(&alone(text)), Outcome::Confidence(52), "{text}");
        }
        for text in ["4.0.0.0", "0.9.2.1"] {
            assert_eq!(ipv4(&alone(text)), Outcome::Confidence(30), "{text}");
            assert_eq!(ipv4_local(&alone(text)), Outcome::Reject, "{text}");
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
            assert_eq!((ipv6(&alone(text)), ipv6_local(&alone(text))), (Outcome::Reject, Outcome::Accept), "{text}");
        }
        for text in ["::1", "::ffff:127.0.0.1", "ff02::1"] {
            assert_eq!(ipv6_local(&alone(text)), Outcome::Confidence(52), "{text}");
        }
        for text in ["::", "a::b", "12:30:45", "dead::beef", "::add", "fe80::"] {
            assert_eq!(ipv6(&alone(text)), Outcome::Reject, "{text}");
            assert_eq!(ipv6_local(&alone(text)), Outcome::Reject, "{text}");
        }
        assert_eq!(ipv6_local(&among("items[", "::1", "]")), Outcome::Reject);
        assert_eq!(ipv6_local(&among("http://[", "::1", "]:80")), Outcome::Confidence(52));
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
