//! Sends spans by OTLP over HTTP, encoded as protobuf.
//!
//! The endpoint is a setting. The OpenTelemetry SDK itself reads headers, sampling, limits, and the service name from
//! the environment variables of its specification, such as `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`, and
//! `OTEL_SERVICE_NAME`.

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

/// The longest response accepted from a collector, in bytes.
const MAX_RESPONSE_BYTES: u64 = 64 * 1024;
/// How long the process waits for buffered spans to be sent before it exits.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// The trace exporter. Dropping it sends the buffered spans.
pub(crate) struct TraceExporter(SdkTracerProvider);

impl TraceExporter {
    /// Starts a thread that sends spans in batches to `v1/traces` below `endpoint`.
    ///
    /// # Errors
    /// An environment variable of the SDK is invalid.
    pub(crate) fn start(endpoint: &Url, agent: Agent) -> Result<Self, String> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(UreqClient(agent))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/')))
            .build()
            .map_err(|error| format!("failed to set up OpenTelemetry: {error}"))?;
        // Attributes from the environment take precedence.
        let defaults = Resource::builder_empty()
            .with_service_name("posts-api")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let from_environment = Resource::builder().build();
        Ok(Self(
            SdkTracerProvider::builder()
                .with_batch_exporter(exporter)
                .with_resource(merge(&defaults, &from_environment))
                .build(),
        ))
    }

    pub(crate) fn tracer(&self) -> Tracer {
        self.0.tracer("posts-api")
    }
}

/// Merges two resources. `overrides` takes precedence, except for a service name that the SDK generated.
fn merge(defaults: &Resource, overrides: &Resource) -> Resource {
    let is_generated = |key: &str, value: String| key == "service.name" && value.starts_with("unknown_service");
    let attributes =
        defaults.iter().chain(overrides.iter()).filter(|(key, value)| !is_generated(key.as_str(), value.to_string()));
    Resource::builder_empty()
        .with_attributes(attributes.map(|(key, value)| KeyValue::new(key.clone(), value.clone())))
        .build()
}

impl Drop for TraceExporter {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(%error, "failed to send the last spans");
        }
    }
}

#[derive(Debug)]
struct UreqClient(Agent);

#[async_trait]
impl HttpClient for UreqClient {
    /// Blocks the current thread. The exporter calls this on its own thread.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut response = self.0.run(request.map(|body| body.to_vec()))?;
        let body = response.body_mut().with_config().limit(MAX_RESPONSE_BYTES).read_to_vec()?;
        Ok(response.map(|_| body.into()))
    }
}
