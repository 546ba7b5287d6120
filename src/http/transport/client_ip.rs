//! The IP address of the client: the peer of the connection, or the address that trusted proxies report.
//!
//! Each proxy appends an address to `Forwarded` (RFC 7239) or `X-Forwarded-For`. Trusted proxies have written only the
//! end of the list; the client may have written the rest. Both headers are therefore read from the end, up to the first
//! address that is not that of a trusted proxy.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, web};
use ipnet::IpNet;

/// The proxies whose forwarding headers are trusted.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

/// The address of the client that sent the request.
#[must_use]
pub fn address(request: &HttpRequest) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    match request.app_data::<web::Data<TrustedProxies>>() {
        Some(proxies) => proxies.client(peer, request.headers()),
        None => peer,
    }
}

impl TrustedProxies {
    /// A proxy that sets one of the two headers passes the other through as the client wrote it. So if both are present
    /// and differ, neither is trusted, and the address is that of the proxy.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.contains(peer) {
            return peer;
        }
        let read = |name: HeaderName, address: fn(&str) -> Option<IpAddr>| {
            headers.contains_key(&name).then(|| self.last_untrusted(peer, headers, &name, address))
        };
        match (read(header::FORWARDED, parse_forwarded_element), read(header::X_FORWARDED_FOR, parse_node)) {
            (Some(client), None) | (None, Some(client)) => client,
            (Some(forwarded), Some(x_forwarded_for)) if forwarded == x_forwarded_for => forwarded,
            _ => peer,
        }
    }

    /// Reads the list from its end, and returns the first address that is not that of a trusted proxy. If an element is
    /// not an address or the list ends, returns the address that was read before, or `peer` if there is none.
    ///
    /// Commas within quoted strings separate elements too. Otherwise a client could send an unterminated string, which
    /// would hide what proxies append. An address contains no comma.
    fn last_untrusted(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        name: &HeaderName,
        address: fn(&str) -> Option<IpAddr>,
    ) -> IpAddr {
        let lines: Vec<&[u8]> = headers.get_all(name).map(HeaderValue::as_bytes).collect();
        let mut client = peer;
        for entry in lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
            match std::str::from_utf8(entry).ok().and_then(|entry| address(entry.trim())) {
                Some(address) if self.contains(address) => client = address,
                Some(address) => return address,
                None => return client,
            }
        }
        client
    }

    /// Whether the address belongs to a trusted proxy. An IPv4 address and the IPv6 address that it is mapped to are
    /// the same (RFC 4291, section 2.5.5.2), here and in the networks.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mapped = match address {
            IpAddr::V4(address) => IpAddr::V6(address.to_ipv6_mapped()),
            IpAddr::V6(_) => address,
        };
        self.0.iter().any(|network| network.contains(&address) || network.contains(&mapped))
    }
}

/// A number for the client behind an address: the address, or for IPv6 its /64, which is the prefix of one household or
/// host. IPv4 and IPv6 do not share numbers, and all are below 2 << 64.
pub(crate) fn network_id(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => 1 << 64 | address.to_bits() >> 64,
    }
}

/// The `for=` parameter of an element of `Forwarded`. `None` if it is repeated or a quoted string is unterminated.
fn parse_forwarded_element(element: &str) -> Option<IpAddr> {
    if element.matches('"').count() % 2 == 1 {
        return None;
    }
    let mut nodes = element.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
    });
    let node = nodes.next().filter(|_| nodes.next().is_none())?;
    match node.strip_prefix('"').and_then(|node| node.strip_suffix('"')) {
        // A backslash may precede any character of a quoted string (RFC 9110, section 5.6.4).
        Some(quoted) => parse_node(&quoted.replace('\\', "")),
        None => parse_node(node),
    }
}

/// Parses an address with or without a port. IPv6 is in brackets if it has a port, and always in `Forwarded`. A zone
/// (RFC 4007, section 11) is ignored: it is meaningful on one machine only.
fn parse_node(node: &str) -> Option<IpAddr> {
    let (address, port) = match node.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        // Several colons are IPv6 without a port.
        None if node.matches(':').count() == 1 => node.split_at(node.find(':')?),
        None => (node, ""),
    };
    if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) {
        return None;
    }
    let without_zone = address.split_once('%').map_or(address, |(address, _zone)| address);
    without_zone.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// Whether the text is a port, or hides one (RFC 7239, section 6.3).
fn is_port(text: &str) -> bool {
    let is_all = |text: &str, allowed: fn(u8) -> bool| !text.is_empty() && text.bytes().all(allowed);
    match text.strip_prefix('_') {
        Some(name) => is_all(name, |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
        None => is_all(text, |byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    /// The client address for these headers, received from [`PROXY`].
    fn client(lines: &[(HeaderName, &str)]) -> String {
        let proxies = TrustedProxies(["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).into());
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        assert_eq!(proxies.client("192.0.2.9".parse().unwrap(), &headers).to_string(), "192.0.2.9", "not trusted");
        proxies.client(PROXY.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn x_forwarded_for_is_read_from_its_end() {
        for (list, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("spoofed, 198.51.100.7, 192.0.2.1", "192.0.2.1"),
            ("198.51.100.7, 192.0.2.1 , 10.2.3.4,fd00::2", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:201", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:4711", "192.0.2.1"),
            ("192.0.2.1, ::ffff:10.2.3.4", "192.0.2.1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:80", "fe80::1"),
            ("192.0.2.1:99999", PROXY),
            ("192.0.2.1:", PROXY),
            ("[2001:db8::1", PROXY),
            // Only proxies, or an element that is not an address.
            ("10.2.3.4", "10.2.3.4"),
            ("192.0.2.1, unknown, 10.2.3.4", "10.2.3.4"),
            ("192.0.2.1, ", PROXY),
            ("192.0.2.1, é", PROXY),
            ("", PROXY),
        ] {
            assert_eq!(client(&[(header::X_FORWARDED_FOR, list)]), expected, "{list}");
        }
        let lines = ["198.51.100.7", "192.0.2.1", "10.2.3.4"].map(|line| (header::X_FORWARDED_FOR, line));
        assert_eq!(client(&lines), "192.0.2.1", "lines are one list");
    }

    #[test]
    fn forwarded_is_read_from_its_end() {
        for (list, expected) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=\"192.0.2.1:4711\";proto=https", "192.0.2.1"),
            ("proto=http; for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=\"192.0.2.1:_hidden-1\"", "192.0.2.1"),
            ("for=\"\\[2001:db8::1\\]\"", "2001:db8::1"),
            ("for=\"[::ffff:192.0.2.1]\"", "192.0.2.1"),
            ("for=192.0.2.1, for=\"[::ffff:10.0.0.2]:80\"", "192.0.2.1"),
            ("for=198.51.100.7, for=192.0.2.1, for=\"[fd00::2]\";by=10.0.0.1", "192.0.2.1"),
            // Written by a client to hide what is appended.
            ("for=\"198.51.100.7, for=192.0.2.1", "192.0.2.1"),
            // Copied by a proxy from its client.
            ("for=192.0.2.1;host=\"x;for=198.51.100.7\"", PROXY),
            ("for=192.0.2.1;host=\"x, for=198.51.100.7\"", PROXY),
            ("for=unknown", PROXY),
            ("for=_hidden", PROXY),
            ("proto=https", PROXY),
        ] {
            assert_eq!(client(&[(header::FORWARDED, list)]), expected, "{list}");
        }
    }

    #[test]
    fn two_headers_that_differ_are_both_ignored() {
        let both = |one, other| client(&[(header::FORWARDED, one), (header::X_FORWARDED_FOR, other)]);
        assert_eq!(both("for=192.0.2.1;proto=https", "198.51.100.7, 192.0.2.1"), "192.0.2.1");
        assert_eq!(both("for=198.51.100.7", "192.0.2.1"), PROXY);
    }

    #[test]
    fn networks_compare_by_meaning() {
        for (network, address, is_contained) in [
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.1/128", "10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.255.0.1", true),
            ("::ffff:10.0.0.0/104", "11.0.0.1", false),
            ("::/0", "10.0.0.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::ffff:0:0/96", "192.0.2.1", true),
            ("::ffff:0:0/96", "2001:db8::1", false),
            ("::/96", "10.0.0.1", false),
        ] {
            let proxies = TrustedProxies(vec![network.parse().unwrap()]);
            assert_eq!(proxies.contains(address.parse().unwrap()), is_contained, "{network} {address}");
        }
    }
}
