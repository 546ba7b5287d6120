//! [`Sender`]: the HTTP client of webhooks.

use std::io::Read;
use std::time::{Duration, Instant, SystemTime};
use std::{fmt, io};

use ureq::Agent;
use ureq::http::header::{ACCEPT, CONNECTION, CONTENT_TYPE};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Request};
use ureq::unversioned::resolver::Resolver;
use ureq::unversioned::transport::{Connector, TcpConnector};

use crate::db::Timestamp;
use crate::tls::OpenSslConnector;
use crate::webhooks::send::limits::{
    BUFFER_BYTES, LimitConnector, MAX_HEAD_BYTES, MAX_NETWORK_BYTES, MAX_RESPONSE_BYTES,
};
use crate::webhooks::send::networks::Networks;
use crate::webhooks::send::resolver::CheckedResolver;
use crate::webhooks::send::target::check_literal;
use crate::webhooks::send::{response, signature};

/// The limit for a whole request: name resolution, connection, TLS, and the head of the response.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);
/// The limits on the time and the length of a response body. The body is read and discarded, because a receiver that is
/// still writing when the connection closes may log an error.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);
const BODY_BYTES: u64 = 4096;
/// The client checks its timeout once per this many bytes that it sends.
const OUTPUT_BYTES: usize = 4096;

/// A request to send.
#[derive(Clone)]
pub struct OutgoingRequest {
    pub url: String,
    /// `webhook-id`: the same for each attempt.
    pub event_id: String,
    /// The time of this attempt.
    pub timestamp: Timestamp,
    /// Each is a `whsec_…` text. The request has a signature for each secret.
    pub secrets: Vec<String>,
    /// Names and values. They override the defaults, but not the headers of the signature.
    pub headers: Vec<(String, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

impl fmt::Debug for OutgoingRequest {
    /// Omits URL, secrets, and headers, which are credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingRequest").field("event_id", &self.event_id).finish_non_exhaustive()
    }
}

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptResult {
    /// `None` if there was no response.
    pub status: Option<u16>,
    /// The reason why there was no response, in a few words. `None` if there was one.
    pub error: Option<&'static str>,
    pub duration: Duration,
    /// How long the receiver asks to wait, at most 1 hour.
    pub retry_after: Option<Duration>,
}

impl AttemptResult {
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// Sends requests. Clones share the client.
#[derive(Clone)]
pub struct Sender {
    agent: Agent,
    networks: Networks,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("networks", &self.networks).finish_non_exhaustive()
    }
}

impl Sender {
    #[must_use]
    pub fn new(networks: Networks) -> Self {
        let resolver = CheckedResolver::new(networks.clone());
        Self::with_resolver(networks, resolver)
    }

    /// Ignores proxies in the environment, because a proxy would resolve the names itself. Each connection serves one
    /// request, so that the checks and limits apply to each request.
    fn with_resolver(networks: Networks, resolver: impl Resolver) -> Self {
        let config = Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .timeout_recv_body(Some(BODY_TIMEOUT))
            .max_response_header_size(MAX_HEAD_BYTES)
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(OUTPUT_BYTES)
            .max_idle_connections(0)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("posts-api/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector =
            ().chain(TcpConnector::default())
                .chain(LimitConnector(MAX_NETWORK_BYTES))
                .chain(OpenSslConnector::lazy())
                .chain(LimitConnector(MAX_RESPONSE_BYTES));
        Self { agent: Agent::with_parts(config, connector, resolver), networks }
    }

    #[must_use]
    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    /// Sends the request, and waits for the response for at most 15 seconds. Blocks the thread.
    #[must_use]
    pub fn send(&self, request: OutgoingRequest) -> AttemptResult {
        let start = Instant::now();
        let result = self.prepare(request).and_then(|request| self.run(request));
        let duration = start.elapsed();
        match result {
            Ok((status, retry_after)) => AttemptResult { status: Some(status), error: None, duration, retry_after },
            Err(error) => AttemptResult { status: None, error: Some(error), duration, retry_after: None },
        }
    }

    /// # Errors
    /// The request cannot be sent. The error is the reason.
    fn prepare(&self, request: OutgoingRequest) -> Result<Request<Vec<u8>>, &'static str> {
        let target = check_literal(&request.url, &self.networks).map_err(|_| "URL not allowed")?;
        let timestamp = request.timestamp.as_microseconds().div_euclid(1_000_000);
        let signature = signature::sign(&request.secrets, &request.event_id, timestamp, &request.body)
            .ok_or("the secret is invalid")?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let text = |text: &str| HeaderValue::from_str(text).map_err(|_| "a header is invalid");
        for (name, value) in &request.headers {
            let name: HeaderName = name.parse().map_err(|_| "a header is invalid")?;
            headers.insert(name, text(value)?);
        }
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert("webhook-id", text(&request.event_id)?);
        headers.insert("webhook-timestamp", text(&timestamp.to_string())?);
        headers.insert("webhook-signature", text(&signature)?);
        let mut prepared = Request::post(target.url().as_str()).body(request.body).map_err(|_| "URL not allowed")?;
        *prepared.headers_mut() = headers;
        Ok(prepared)
    }

    /// The status of the response, and the `Retry-After` of the receiver.
    ///
    /// # Errors
    /// There was no response. The error is the reason.
    fn run(&self, request: Request<Vec<u8>>) -> Result<(u16, Option<Duration>), &'static str> {
        let mut received = self.agent.run(request).map_err(|error| response::describe(&error))?;
        // Only the status matters. An error in the body has no effect.
        let _ = io::copy(&mut received.body_mut().as_reader().take(BODY_BYTES), &mut io::sink());
        Ok((received.status().as_u16(), response::retry_after(received.headers(), SystemTime::now())))
    }
}

#[cfg(test)]
mod tests;
