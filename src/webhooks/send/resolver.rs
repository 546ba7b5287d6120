//! [`CheckedResolver`]: resolves the host of a request, and refuses it if any of its addresses is not allowed.
//!
//! The client connects to the addresses that this resolver returns, and resolves no name itself. The responses of a DNS
//! server therefore cannot change between the check and the connection.

use std::net::SocketAddr;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};
use url::Url;

use crate::webhooks::send::networks::Networks;

/// The time that a check of a URL to store waits for the DNS server.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// The host has an address that is not allowed.
#[derive(Debug, thiserror::Error)]
#[error("address not allowed")]
pub(super) struct AddressNotAllowed;

/// Checks the addresses that `R` finds.
#[derive(Debug)]
pub(super) struct CheckedResolver<R = DefaultResolver> {
    pub(super) networks: Networks,
    pub(super) inner: R,
}

impl CheckedResolver {
    pub(super) fn new(networks: Networks) -> Self {
        Self { networks, inner: DefaultResolver::default() }
    }
}

impl<R: Resolver> Resolver for CheckedResolver<R> {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let addresses = self.inner.resolve(uri, config, timeout)?;
        let is_https = uri.scheme_str() == Some("https");
        let is_allowed = |address: &SocketAddr| {
            if is_https { self.networks.allows(address.ip()) } else { self.networks.lists(address.ip()) }
        };
        if addresses.iter().all(is_allowed) { Ok(addresses) } else { Err(Error::Other(Box::new(AddressNotAllowed))) }
    }
}

/// The outcome of [`resolve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolution {
    Allowed,
    /// The host has an address that is not allowed.
    Refused,
    /// The host does not resolve, or not in time.
    Unknown,
}

/// Resolves the host of a URL as a request would.
pub(super) fn resolve(url: &Url, networks: &Networks) -> Resolution {
    let Ok(uri) = url.as_str().parse::<Uri>() else { return Resolution::Refused };
    let timeout = NextTimeout { after: CHECK_TIMEOUT.into(), reason: Timeout::Resolve, ..NextTimeout::default() };
    match CheckedResolver::new(networks.clone()).resolve(&uri, &Config::default(), timeout) {
        Ok(_) => Resolution::Allowed,
        Err(Error::Other(_)) => Resolution::Refused,
        Err(_) => Resolution::Unknown,
    }
}
