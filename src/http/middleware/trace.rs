//! The span of a request, if spans are exported. It is part of the trace in `traceparent` (W3C Trace Context).

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::telemetry::spans;

/// Characters of a path that a span contains.
const PATH_LENGTH: usize = 200;

/// Starts the span; `Span::none` if spans are not exported.
pub(crate) fn begin(request: &ServiceRequest, route: &str, id: &str) -> Span {
    if !spans::is_export_enabled() {
        return Span::none();
    }
    let path: String = request.path().chars().take(PATH_LENGTH).collect();
    let span = spans::request(spans::RequestAttributes { method: request.method().as_str(), route, path: &path, id });
    let caller = TraceContextPropagator::new().extract(&Headers(request.headers()));
    if let Err(error) = span.set_parent(caller) {
        tracing::debug!(?error, "failed to attach the span to the trace of the client");
    }
    span
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(actix_http::header::HeaderName::as_str).collect()
    }
}
