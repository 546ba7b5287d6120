//! The IP address of the client: the peer of the connection, or the address that trusted proxies report.
//!
//! Each proxy appends an address to `Forwarded` (RFC 7239) or `X-Forwarded-For`. Trusted proxies have written only the
//! end of the list; the client may have written the rest. Both headers are therefore read from the end, up to the first
//! address that is not that of a trusted proxy.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, web};
use ipnet::IpNet;

/// The proxies whose forwarding headers are trusted.
#[derive(Debug, Default)]
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

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
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
    parse_node(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
}

/// Parses an address with or without a port. IPv6 is in brackets if it has a port, and always in `Forwarded`.
fn parse_node(node: &str) -> Option<IpAddr> {
    let bare = node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node);
    let address = bare.parse().ok().or_else(|| node.parse().ok().map(|socket: SocketAddr| socket.ip()));
    address.map(|address| address.to_canonical())
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
}
