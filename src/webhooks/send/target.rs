//! Checks the URL of a webhook before it is stored. [`Sender`](super::Sender) repeats these checks for each request;
//! the check here reports problems early.

use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

use crate::webhooks::send::networks::Networks;
use crate::webhooks::send::resolver;
use crate::webhooks::send::resolver::Resolution;

/// The maximum length of a URL in bytes.
pub const MAX_URL_LENGTH: usize = 2048;

/// A URL that requests may be sent to.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(Url);

/// The problem of a URL. The message completes the sentence "The URL …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    #[error("must be an absolute https URL with a host, of at most {MAX_URL_LENGTH} bytes")]
    Syntax,
    #[error("must begin with https://")]
    Scheme,
    #[error("must not contain a user name or a password; use headers instead")]
    UserInfo,
    #[error("must not contain a fragment")]
    Fragment,
    #[error("must begin with https://, because plain http is allowed only to the networks in WEBHOOK_NETWORKS")]
    PlainHttp,
    #[error("must not lead to an address that is neither public nor in WEBHOOK_NETWORKS")]
    Address,
}

impl Target {
    /// The URL in its normal form. It is a credential: do not log it.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Target").field(&origin(&self.0)).finish()
    }
}

/// Checks the syntax of the URL, and the addresses of its host. May block for 5 seconds, because it resolves the host.
/// A host of an https URL that does not resolve is accepted: its addresses are checked at each request.
///
/// # Errors
/// No request can be sent to the URL.
pub fn check(url: &str, networks: &Networks) -> Result<Target, UrlProblem> {
    let target = check_literal(url, networks)?;
    match (resolver::resolve(&target.0, networks), target.0.scheme()) {
        (Resolution::Allowed, _) | (Resolution::Unknown, "https") => Ok(target),
        (Resolution::Refused | Resolution::Unknown, "http") => Err(UrlProblem::PlainHttp),
        (Resolution::Refused | Resolution::Unknown, _) => Err(UrlProblem::Address),
    }
}

/// Makes the checks that need neither settings nor the network. The parser normalizes a host such as `0x7f.1` or
/// `2130706433` to the IPv4 address that it means.
///
/// # Errors
/// The text is not a URL that requests can be sent to.
pub fn parse(url: &str) -> Result<Target, UrlProblem> {
    let url = Some(url).filter(|url| url.len() <= MAX_URL_LENGTH).and_then(|url| Url::parse(url).ok());
    let url = url.ok_or(UrlProblem::Syntax)?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(UrlProblem::Scheme);
    }
    if url.host().is_none() {
        return Err(UrlProblem::Syntax);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlProblem::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(UrlProblem::Fragment);
    }
    Ok(Target(url))
}

/// Makes the checks that do not need the network.
pub(crate) fn check_literal(url: &str, networks: &Networks) -> Result<Target, UrlProblem> {
    let target = parse(url)?;
    let is_http = target.0.scheme() == "http";
    if is_http && networks.is_empty() {
        return Err(UrlProblem::PlainHttp);
    }
    let address: Option<IpAddr> = match target.0.host() {
        // Not every resolver knows that these names mean this machine (RFC 6761, section 6.3).
        Some(Host::Domain(name)) if is_localhost(name) => Some(Ipv4Addr::LOCALHOST.into()),
        Some(Host::Domain(_)) | None => None,
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
    };
    match address {
        Some(address) if is_http && !networks.lists(address) => Err(UrlProblem::PlainHttp),
        Some(address) if !networks.allows(address) => Err(UrlProblem::Address),
        _ => Ok(target),
    }
}

/// The parser has converted the name to lower case.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// Scheme and host of a URL, for logs: path, query, and user name can be credentials.
#[must_use]
pub fn origin(url: &Url) -> String {
    url.host().map_or_else(|| url.scheme().to_owned(), |host| format!("{}://{host}", url.scheme()))
}

/// The same for a stored URL.
#[must_use]
pub fn origin_of(url: &str) -> String {
    Url::parse(url).map_or_else(|_| "invalid URL".to_owned(), |url| origin(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> Option<UrlProblem> {
        check(url, &Networks::default()).err()
    }

    #[test]
    fn only_https_urls_without_credentials_are_accepted() {
        assert_eq!(problem("https://8.8.8.8/hook?token=a"), None);
        for (url, expected) in [
            ("", UrlProblem::Syntax),
            ("hook", UrlProblem::Syntax),
            ("/hook", UrlProblem::Syntax),
            ("https://", UrlProblem::Syntax),
            ("https://[::1", UrlProblem::Syntax),
            ("https://8.8.8.8:99999/", UrlProblem::Syntax),
            ("https://256.256.256.256/", UrlProblem::Syntax),
            ("ftp://8.8.8.8/", UrlProblem::Scheme),
            ("file:///etc/passwd", UrlProblem::Scheme),
            ("gopher://8.8.8.8/", UrlProblem::Scheme),
            ("https://user@8.8.8.8/", UrlProblem::UserInfo),
            ("https://:secret@8.8.8.8/", UrlProblem::UserInfo),
            ("https://8.8.8.8/#part", UrlProblem::Fragment),
            ("http://8.8.8.8/", UrlProblem::PlainHttp),
            ("http://localhost/", UrlProblem::PlainHttp),
        ] {
            assert_eq!(problem(url), Some(expected), "{url}");
        }
        assert_eq!(problem(&format!("https://8.8.8.8/{}", "a".repeat(MAX_URL_LENGTH))), Some(UrlProblem::Syntax));
    }

    #[test]
    fn every_form_of_a_refused_address_is_refused() {
        for host in [
            "127.0.0.1", "2130706433", "0x7f000001", "017700000001", "0x7f.1", "127.1", "0", "0x0", "127.0.0.1.",
            "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b::a00:1]",
            "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fd00::1]", "169.254.169.254", "10.0.0.1",
            "localhost", "LOCALHOST", "localhost.", "app.localhost", "１２７.0.0.1",
        ] {
            assert_eq!(problem(&format!("https://{host}:8443/hook")), Some(UrlProblem::Address), "{host}");
        }
    }

    #[test]
    fn listed_networks_may_be_reached_without_tls() {
        let networks = Networks::new(&["127.0.0.0/8".parse().unwrap()]);
        let problem = |url: &str| check(url, &networks).err();
        for url in ["http://127.0.0.1:8080/", "http://2130706433/", "https://127.0.0.1/", "https://8.8.8.8/"] {
            assert_eq!(problem(url), None, "{url}");
        }
        assert_eq!(problem("http://8.8.8.8/"), Some(UrlProblem::PlainHttp));
        assert_eq!(problem("http://10.0.0.1/"), Some(UrlProblem::PlainHttp));
        assert_eq!(problem("http://name.invalid/"), Some(UrlProblem::PlainHttp));
        assert_eq!(problem("https://10.0.0.1/"), Some(UrlProblem::Address));
        assert_eq!(problem("https://name.invalid/"), None, "its addresses are checked at each request");
    }

    #[test]
    fn logs_contain_scheme_and_host_only() {
        let target = check_literal("https://8.8.8.8:8443/secret?token=hush", &Networks::default()).unwrap();
        assert_eq!(format!("{target:?}"), r#"Target("https://8.8.8.8")"#);
        assert_eq!(origin_of("https://user:hush@example.org/secret"), "https://example.org");
        assert_eq!(origin_of("hush"), "invalid URL");
    }
}
