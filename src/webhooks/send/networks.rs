//! [`Networks`]: the addresses that requests may be sent to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The IPv4 networks that are not public: the IANA IPv4 Special-Purpose Address Registry (RFC 6890), without the blocks
/// that it lists as globally reachable, and the multicast addresses (RFC 5771).
const SPECIAL_IPV4: [&str; 16] = [
    "0.0.0.0/8",        // this network
    "10.0.0.0/8",       // private
    "100.64.0.0/10",    // carrier-grade NAT
    "127.0.0.0/8",      // loopback
    "168.63.129.16/32", // not in the registry: the internal service of Azure's virtual machines
    "169.254.0.0/16",   // link local, also the metadata services of clouds
    "172.16.0.0/12",    // private
    "192.0.0.0/24",     // IETF protocol assignments
    "192.0.2.0/24",     // documentation
    "192.88.99.0/24",   // 6to4 relays, deprecated
    "192.168.0.0/16",   // private
    "198.18.0.0/15",    // benchmarks
    "198.51.100.0/24",  // documentation
    "203.0.113.0/24",   // documentation
    "224.0.0.0/4",      // multicast
    "240.0.0.0/4",      // reserved, and broadcast
];

/// The only part of the IPv6 address space from which the IANA assigns public unicast addresses. It excludes the
/// loopback, unspecified, IPv4-compatible, unique local, link local, site local, and multicast addresses, the discard
/// prefix, segment identifiers, and the local NAT64 prefix.
const GLOBAL_UNICAST: &str = "2000::/3";

/// The IPv6 networks in [`GLOBAL_UNICAST`] that are not public: the IANA IPv6 Special-Purpose Address Registry.
const SPECIAL_IPV6: [&str; 4] = [
    "2001::/23",     // IETF protocol assignments, among them Teredo, which contains an IPv4 address
    "2001:db8::/32", // documentation
    "2002::/16",     // 6to4, which contains an IPv4 address
    "3fff::/20",     // documentation
];

/// The prefix of NAT64 (RFC 6052, section 2.1). A gateway translates it to the IPv4 address in the last 32 bits.
const NAT64: &str = "64:ff9b::/96";

struct Special {
    ipv4: Vec<Ipv4Net>,
    global_unicast: Option<Ipv6Net>,
    ipv6: Vec<Ipv6Net>,
    nat64: Option<Ipv6Net>,
}

static SPECIAL: LazyLock<Special> = LazyLock::new(|| Special {
    ipv4: SPECIAL_IPV4.iter().filter_map(|network| network.parse().ok()).collect(),
    global_unicast: GLOBAL_UNICAST.parse().ok(),
    ipv6: SPECIAL_IPV6.iter().filter_map(|network| network.parse().ok()).collect(),
    nat64: NAT64.parse().ok(),
});

/// The addresses that requests may be sent to: public unicast addresses, and the networks of `WEBHOOK_NETWORKS`.
#[derive(Debug, Clone, Default)]
pub struct Networks(Arc<[IpNet]>);

impl Networks {
    /// `listed`: the networks of `WEBHOOK_NETWORKS`.
    #[must_use]
    pub fn new(listed: &[IpNet]) -> Self {
        Self(listed.into())
    }

    /// Whether `WEBHOOK_NETWORKS` lists no network.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `WEBHOOK_NETWORKS` contains the address. Requests without TLS are sent only to these.
    #[must_use]
    pub fn lists(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether requests with TLS may be sent to the address.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.lists(address) || is_public(address)
    }
}

/// Whether the address is a public unicast address.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_ipv4(address),
        IpAddr::V6(address) => {
            if SPECIAL.nat64.is_some_and(|network| network.contains(&address)) {
                return is_public_ipv4(embedded_ipv4(address));
            }
            SPECIAL.global_unicast.is_some_and(|network| network.contains(&address))
                && !SPECIAL.ipv6.iter().any(|network| network.contains(&address))
        }
    }
}

fn is_public_ipv4(address: Ipv4Addr) -> bool {
    !SPECIAL.ipv4.iter().any(|network| network.contains(&address))
}

/// The IPv4 address in the last 32 bits.
fn embedded_ipv4(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_network_of_the_tables_is_valid() {
        assert_eq!((SPECIAL.ipv4.len(), SPECIAL.ipv6.len()), (SPECIAL_IPV4.len(), SPECIAL_IPV6.len()));
        assert!(SPECIAL.global_unicast.is_some() && SPECIAL.nat64.is_some());
    }

    #[test]
    fn public_unicast_addresses_are_allowed() {
        for text in [
            "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
            "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
            "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111",
            "2a00:1450::1", "2001:200::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
        ] {
            assert!(Networks::default().allows(address(text)), "{text}");
            assert!(!Networks::default().lists(address(text)), "{text}");
        }
    }

    #[test]
    fn every_other_address_is_refused() {
        for text in [
            "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
            "127.255.255.255", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
            "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
            "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1",
            "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:2::1",
            "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "3fff:fff::1",
            "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
        ] {
            assert!(!Networks::default().allows(address(text)), "{text}");
        }
    }

    #[test]
    fn listed_networks_are_allowed() {
        let networks = Networks::new(&["10.1.0.0/16".parse().unwrap(), "fd00::/64".parse().unwrap()]);
        for text in ["10.1.2.3", "::ffff:10.1.2.3", "fd00::7"] {
            assert!(networks.allows(address(text)) && networks.lists(address(text)), "{text}");
        }
        for text in ["10.2.0.1", "fd00:0:0:1::7", "127.0.0.1", "64:ff9b::10.1.2.3"] {
            assert!(!networks.allows(address(text)), "{text}");
        }
    }
}
