//! Sends logged errors to Sentry.
//!
//! An event contains the log message, its fields, and the release. It contains no headers, bodies, API keys, client
//! IPs, or host name.

use std::sync::Arc;
use std::time::Duration;

use sentry::protocol::{Context, Event};
use sentry::transports::UreqHttpTransportOptions;
use sentry::types::Dsn;
use sentry::{ClientInitGuard, ClientOptions, Transport, TransportFactory, TransportOptions};
use ureq::Agent;

/// How long the process waits for buffered errors to be sent before it exits.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// The context in which Sentry's tracing layer stores the fields of an event.
const FIELDS: &str = "Rust Tracing Fields";

/// The Sentry client. Dropping it sends the buffered errors.
pub(crate) struct SentryExporter(#[expect(dead_code, reason = "dropping it flushes the client")] ClientInitGuard);

impl SentryExporter {
    /// Starts the client for the project of `dsn`. The SDK itself reads `SENTRY_ENVIRONMENT`.
    pub(crate) fn start(dsn: &Dsn, agent: Agent) -> Self {
        let mut options = ClientOptions::new()
            .release(concat!("posts-api@", env!("CARGO_PKG_VERSION")))
            .default_integrations(false)
            .send_default_pii(false)
            .shutdown_timeout(FLUSH_TIMEOUT)
            .before_send(|event| Some(with_cause_fingerprint(event)))
            .transport(UreqTransportFactory(agent));
        options.dsn = Some(dsn.clone());
        Self(sentry::init(options))
    }
}

/// Adds the cause to the fingerprint by which Sentry groups events. The log message of every failed request is the
/// same, so Sentry would group them all into one issue.
fn with_cause_fingerprint(mut event: Event<'static>) -> Event<'static> {
    let cause = match event.contexts.get(FIELDS) {
        Some(Context::Other(fields)) => fields.get("cause").or_else(|| fields.get("error")),
        _ => None,
    };
    if let Some(cause) = cause.and_then(|cause| cause.as_str()) {
        event.fingerprint = vec!["{{ default }}".into(), cause.to_owned().into()].into();
    }
    event
}

/// Creates Sentry transports that use the shared HTTP agent.
struct UreqTransportFactory(Agent);

impl TransportFactory for UreqTransportFactory {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        Arc::new(UreqHttpTransportOptions::from(options).with_agent(self.0.clone()).build())
    }
}
