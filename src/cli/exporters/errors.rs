//! What is logged as an error, sent to Sentry.
//!
//! An event has the log's message and fields, the release, and nothing else: no headers, bodies, keys or addresses, and
//! not the name of the machine.

use std::sync::Arc;
use std::time::Duration;

use sentry::protocol::{Context, Event};
use sentry::transports::UreqHttpTransportOptions;
use sentry::types::Dsn;
use sentry::{ClientInitGuard, ClientOptions, Transport, TransportFactory, TransportOptions};
use ureq::Agent;

/// So long the end of the process waits for the last errors to be sent.
const LAST_ERRORS: Duration = Duration::from_secs(3);
/// Where the tracing layer puts an event's fields.
const FIELDS: &str = "Rust Tracing Fields";

/// The connection to Sentry; dropped, it sends what it still has.
pub(crate) struct Errors(#[expect(dead_code, reason = "its drop is what counts")] ClientInitGuard);

impl Errors {
    /// Sends to this project. `SENTRY_ENVIRONMENT` is read by Sentry's SDK itself.
    pub(crate) fn start(dsn: &Dsn, agent: Agent) -> Self {
        let mut options = ClientOptions::new()
            .release(concat!("posts-api@", env!("CARGO_PKG_VERSION")))
            .default_integrations(false)
            .send_default_pii(false)
            .shutdown_timeout(LAST_ERRORS)
            .before_send(|event| Some(grouped(event)))
            .transport(Through(agent));
        options.dsn = Some(dsn.clone());
        Self(sentry::init(options))
    }
}

/// All requests that fail have the same message: they are one issue for each cause.
fn grouped(mut event: Event<'static>) -> Event<'static> {
    let cause = match event.contexts.get(FIELDS) {
        Some(Context::Other(fields)) => fields.get("cause").or_else(|| fields.get("error")),
        _ => None,
    };
    if let Some(cause) = cause.and_then(|cause| cause.as_str()) {
        event.fingerprint = vec!["{{ default }}".into(), cause.to_owned().into()].into();
    }
    event
}

struct Through(Agent);

impl TransportFactory for Through {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        Arc::new(UreqHttpTransportOptions::from(options).with_agent(self.0.clone()).build())
    }
}
