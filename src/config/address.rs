//! Addresses that no upstream may have unless configuration says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Names under which clouds serve instance metadata. Their addresses are link-local and caught below; the name is caught
/// here so that the mistake shows when the file is checked.
const METADATA_NAMES: [&str; 3] = ["metadata.google.internal", "metadata", "instance-data"];

/// Metadata services that are not at link-local addresses: AWS over IPv6
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>), Alibaba Cloud
/// (<https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata>), Azure's wire server
/// (<https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>).
const METADATA_ADDRESSES: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// True for link-local, unspecified and metadata addresses, also where an IPv4 address is written inside an IPv6 one.
///
/// SECURITY: whoever connects to an upstream by name must ask this for the address that the name led to.
#[must_use]
pub fn is_link_local(address: IpAddr) -> bool {
    let address = unmapped(address);
    let local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast(),
    };
    local || METADATA_ADDRESSES.contains(&address)
}

/// True if `host` is a link-local or metadata address, or a metadata service's name.
#[must_use]
pub fn is_link_local_host(host: &str) -> bool {
    let name = host.trim_end_matches('.');
    host.parse().is_ok_and(is_link_local) || METADATA_NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// True if `host` is this machine, so that plain HTTP to it crosses no network.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    host.parse().is_ok_and(|address| unmapped(address).is_loopback()) || host.eq_ignore_ascii_case("localhost")
}

/// The IPv4 address inside `::ffff:a.b.c.d` (mapped) or `64:ff9b::a.b.c.d` (NAT64, RFC 6052), else the address itself.
fn unmapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_link_local() {
        for (host, expected) in [
            ("169.254.169.254", true),
            ("169.254.0.1", true),
            ("0.0.0.0", true),
            ("fe80::1", true),
            ("::", true),
            ("::ffff:169.254.169.254", true),
            ("64:ff9b::a9fe:a9fe", true),
            ("fd00:ec2::254", true),
            ("100.100.100.200", true),
            ("168.63.129.16", true),
            ("metadata.google.internal", true),
            ("Metadata.Google.Internal.", true),
            ("127.0.0.1", false),
            ("::1", false),
            ("10.0.0.1", false),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
            ("api.example.com", false),
        ] {
            assert_eq!(is_link_local_host(host), expected, "{host}");
        }
    }

    #[test]
    fn what_is_loopback() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("127.8.8.8", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("LocalHost", true),
            ("localhost.example.com", false),
            ("10.0.0.1", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_loopback_host(host), expected, "{host}");
        }
    }
}
