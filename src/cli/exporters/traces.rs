//! Spans, sent by OTLP over HTTP as protobuf.
//!
//! Where to is a setting. Headers, sampling, limits and what the service is called are read by the OpenTelemetry SDK
//! itself, from the variables of its specification (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`,
//! `OTEL_SERVICE_NAME` and so on).

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use ureq::Agent;
use url::Url;

/// What a collector may say in answer, in bytes.
const ANSWER_LENGTH: u64 = 64 * 1024;
/// So long the end of the process waits for the last spans to be sent.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// The exporter, with what it has not yet sent.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends spans to `v1/traces` below `endpoint`, in batches and from a thread of its own.
    ///
    /// # Errors
    /// One of the SDK's variables has a wrong value.
    pub(crate) fn start(endpoint: &Url, agent: Agent) -> Result<Self, String> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client(agent))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/')))
            .build()
            .map_err(|error| format!("OpenTelemetry cannot be set up: {error}"))?;
        // What the environment says of the service goes before this.
        let own = Resource::builder_empty()
            .with_service_name("posts-api")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let told = Resource::builder().build();
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(merged(&own, &told)).build()))
    }

    pub(crate) fn tracer(&self) -> Tracer {
        self.0.tracer("posts-api")
    }
}

/// Both, and of two values for the same the later one, but for a name that the SDK has made up.
fn merged(first: &Resource, then: &Resource) -> Resource {
    let is_made_up = |key: &str, value: String| key == "service.name" && value.starts_with("unknown_service");
    let attributes =
        first.iter().chain(then.iter()).filter(|(key, value)| !is_made_up(key.as_str(), value.to_string()));
    Resource::builder_empty()
        .with_attributes(attributes.map(|(key, value)| KeyValue::new(key.clone(), value.clone())))
        .build()
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_SPANS) {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

#[derive(Debug)]
struct Client(Agent);

#[async_trait]
impl HttpClient for Client {
    /// Blocks: the exporter's thread has nothing else to do.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut response = self.0.run(request.map(|body| body.to_vec()))?;
        let body = response.body_mut().with_config().limit(ANSWER_LENGTH).read_to_vec()?;
        Ok(response.map(|_| body.into()))
    }
}
