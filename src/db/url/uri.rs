//! The syntax of libpq's connection URIs (PostgreSQL manual, section 32.1.1.2).
//!
//! libpq splits a URI at the first delimiter that it meets, so a password with an unencoded `/` or `@` becomes a host,
//! a port, or a database name, and appears in messages. This parser rejects every URI that can be split in more than
//! one way. Its errors contain no part of the URI.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::db::url::error::{InvalidUrl, reject};

/// The characters to percent-encode in each part of a URI: all but the unreserved ones (RFC 3986, section 2.3).
const ENCODE_SET: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// libpq's connection parameters with their decoded values.
#[derive(Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Adds a parameter, or replaces its value.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((name.to_owned(), value.into())),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(index).1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A URI, split and decoded.
#[derive(Default)]
pub(crate) struct Uri {
    /// `user`, `password`, `host`, `port`, and `dbname`, if the part before the query contains them.
    pub(crate) parameters: Parameters,
    /// The names and values of the query, in their order.
    pub(crate) query: Vec<(String, String)>,
}

impl Uri {
    /// Parses the text after `postgres://`.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidUrl> {
        if text.contains(|c: char| c == '#' || c.is_whitespace() || c.is_control()) {
            return malformed("it contains # or white space");
        }
        let (hierarchy, query) = text.split_once('?').unwrap_or((text, ""));
        let (authority, database) = hierarchy.split_once('/').unwrap_or((hierarchy, ""));
        if text.matches('@').count() != usize::from(authority.contains('@')) {
            return malformed("it contains @ after the host, or twice");
        }
        let (credentials, hosts) = authority.split_once('@').unwrap_or(("", authority));
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let (hosts, ports) = parse_hosts(hosts)?;
        let mut uri = Self::default();
        for (name, value) in
            [("user", decode(user)?), ("password", decode(password)?), ("host", hosts), ("port", ports)]
                .into_iter()
                .chain([("dbname", decode(database)?)])
        {
            // libpq uses its defaults for empty parts.
            if !value.is_empty() {
                uri.parameters.set(name, value);
            }
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return malformed("a parameter has no value");
            };
            uri.query.push((decode(name)?, decode(value)?));
        }
        Ok(uri)
    }

    /// Formats parameters as a URI for messages. `query` are the names to include in the query. The password is not
    /// included.
    pub(crate) fn format(parameters: &Parameters, query: &[&str]) -> String {
        let encode = |text: &str| utf8_percent_encode(text, ENCODE_SET).to_string();
        let encode_name = |name: &str| if is_printable_name(name) { encode(name) } else { "***".to_owned() };
        let user = parameters.get("user").map(|user| encode_name(user) + "@").unwrap_or_default();
        let ports: Vec<&str> = parameters.get("port").unwrap_or_default().split(',').collect();
        let hosts = parameters.get("host").unwrap_or_default().split(',').enumerate().map(|(index, host)| {
            let host = if is_ipv6(host) { format!("[{}]", host.replace('%', "%25")) } else { encode(host) };
            // One port applies to all hosts.
            match ports.get(index).or(ports.last()) {
                None | Some(&"") => host,
                Some(port) => format!("{host}:{port}"),
            }
        });
        let hosts = hosts.collect::<Vec<_>>().join(",");
        let database = parameters.get("dbname").map(|name| format!("/{}", encode_name(name))).unwrap_or_default();
        let pairs = parameters.iter().filter(|(name, _)| query.contains(name));
        let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        format!("postgres://{user}{hosts}{database}{mark}{}", pairs.join("&"))
    }
}

/// Whether a message may contain this name of a user or a database. If a delimiter was percent-encoded by mistake, as
/// in `user%3Apassword@host`, the name contains the password.
pub(crate) fn is_printable_name(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@'))
}

/// Splits `host:port,[::1]:port` into the list of hosts and the list of ports, as libpq expects them.
fn parse_hosts(text: &str) -> Result<(String, String), InvalidUrl> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for part in text.split(',') {
        let (host, port) = match part.strip_prefix('[') {
            Some(address) => match address.split_once(']') {
                Some((host, "")) if !host.is_empty() => (host, ""),
                Some((host, port)) if !host.is_empty() && port.starts_with(':') => (host, port.trim_start_matches(':')),
                _ => return malformed("a host begins with [ but is no IPv6 address in brackets"),
            },
            None => part.split_once(':').unwrap_or((part, "")),
        };
        hosts.push(decode(host)?);
        ports.push(port);
    }
    let (hosts, ports) = (hosts.join(","), if ports.iter().all(|port| port.is_empty()) { vec![] } else { ports });
    check_hosts(&hosts)?;
    check_ports(&ports.join(","))?;
    Ok((hosts, ports.join(",")))
}

/// Checks a list of hosts: names, addresses, and socket directories. A part of a password, which could contain any
/// character, is unlikely to pass.
pub(crate) fn check_hosts(hosts: &str) -> Result<(), InvalidUrl> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_host = |host: &str| is_socket(host) || is_ipv6(host) || host.chars().all(is_name);
    if hosts.split(',').all(is_host) { Ok(()) } else { malformed("a host contains characters that no host name has") }
}

/// Checks a list of ports. An empty port is the default port.
pub(crate) fn check_ports(ports: &str) -> Result<(), InvalidUrl> {
    let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0);
    if ports.split(',').all(is_port) { Ok(()) } else { malformed("a port is not an integer between 1 and 65535") }
}

/// Whether the host is the directory of a Unix socket, or a socket in Linux's abstract namespace.
pub(crate) fn is_socket(host: &str) -> bool {
    host.starts_with(['/', '@'])
}

fn is_ipv6(host: &str) -> bool {
    // A zone follows the percent sign: `fe80::1%eth0`.
    host.split('%').next().unwrap_or_default().parse::<std::net::Ipv6Addr>().is_ok()
}

/// Decodes percent-encoded characters. Does not decode `+`, like libpq.
fn decode(text: &str) -> Result<String, InvalidUrl> {
    let is_encoded = |rest: &str| rest.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(is_encoded) {
        return malformed("two hexadecimal digits must follow each %");
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) if !decoded.contains('\0') => Ok(decoded.into_owned()),
        _ => malformed("a percent-encoded character is not UTF-8, or is NUL"),
    }
}

/// An error about the syntax of a URL. `reason` must not contain any part of the URL.
pub(crate) fn malformed<T>(reason: &'static str) -> Result<T, InvalidUrl> {
    reject(format!(
        "not a valid URL: {reason}; percent-encode special characters in user name and password: # as %23, % as %25, \
         / as %2F, : as %3A, ? as %3F, @ as %40, and a space as %20"
    ))
}
