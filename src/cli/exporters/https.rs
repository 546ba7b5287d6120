//! The HTTP agent of the exporters.

use std::time::Duration;

use posts_api::tls::OpenSslConnector;
use ureq::Agent;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, DefaultConnector};

/// The limit for a whole request, including the response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Creates an agent that returns every status as a response, does not follow redirects, and uses the proxy from the
/// environment (`HTTPS_PROXY` and similar variables).
///
/// # Errors
/// OpenSSL cannot be initialized, or the CA certificates cannot be read.
pub(crate) fn agent() -> Result<Agent, String> {
    let config = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("posts-api/", env!("CARGO_PKG_VERSION")))
        .build();
    let connector = DefaultConnector::new().chain(OpenSslConnector::new().map_err(|error| error.to_string())?);
    Ok(Agent::with_parts(config, connector, DefaultResolver::default()))
}
