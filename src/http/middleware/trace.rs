//! The tracing span of a request, if spans are exported. Its parent is the client's span in `traceparent` (W3C Trace
//! Context).

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::telemetry::spans;

/// The maximum length of a path in a span, in characters.
const MAX_PATH_LENGTH: usize = 200;

/// Starts the span; `Span::none` if spans are not exported. `id` is the request id.
pub(crate) fn begin(request: &ServiceRequest, route: &str, id: &str) -> Span {
    if !spans::is_export_enabled() {
        return Span::none();
    }
    let path: String = request.path().chars().take(MAX_PATH_LENGTH).collect();
    let span = spans::request(spans::RequestAttributes { method: request.method().as_str(), route, path: &path, id });
    let parent = TraceContextPropagator::new().extract(&Headers(request.headers()));
    if let Err(error) = span.set_parent(parent) {
        tracing::debug!(?error, "failed to attach the span to the trace of the client");
    }
    span
}

/// Lets OpenTelemetry read actix's headers.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(actix_http::header::HeaderName::as_str).collect()
    }
}
