//! Spans for OpenTelemetry: a request, its questions to the database, and their queries. Where they are not exported
//! nobody wants them, and none is made.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Span, field};

/// By this the exporter knows them. The log shows none.
pub const TARGET: &str = "posts_api::telemetry::spans";

/// Not asked of `tracing`: where several layers have filters, its `span_enabled!` makes it forget the event after it.
static EXPORT_ENABLED: AtomicBool = AtomicBool::new(false);

/// Makes them from now on. To be called by who exports them.
pub fn enable_export() {
    EXPORT_ENABLED.store(true, Ordering::Relaxed);
}

/// Whether anybody wants them.
#[must_use]
pub fn is_export_enabled() -> bool {
    EXPORT_ENABLED.load(Ordering::Relaxed)
}

/// What a request's span says at its beginning, by the names of OpenTelemetry's conventions for HTTP.
#[derive(Debug, Clone, Copy)]
pub struct RequestAttributes<'a> {
    pub method: &'a str,
    /// The route's template.
    pub route: &'a str,
    pub path: &'a str,
    pub id: &'a str,
}

/// The span of a request.
#[must_use]
pub fn request(request: RequestAttributes<'_>) -> Span {
    let RequestAttributes { method, route, path, id } = request;
    tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        url.path = path,
        request_id = id,
    )
}

/// The request is answered with this status.
pub fn record_status(request: &Span, status: u16) {
    request.record("http.response.status_code", status);
    if status >= 500 {
        request.record("otel.status_code", "ERROR");
    }
}

/// The span of a question to the database, with the wait for a connection: `read`, `write` or the like. What nobody
/// asks for, such as the look for posts to publish, has none.
#[must_use]
pub fn database(kind: &'static str) -> Span {
    if !is_export_enabled() || Span::current().is_none() {
        return Span::none();
    }
    tracing::info_span!(target: TARGET, "database", otel.name = format_args!("database {kind}"))
}

/// The span of a query within such a question, by the names of the conventions for databases; `text` has no values.
#[must_use]
pub fn query(system: &'static str, text: &str) -> Span {
    let operation = text.split_whitespace().next().unwrap_or_default();
    tracing::info_span!(
        target: TARGET,
        "query",
        otel.name = operation,
        otel.kind = "client",
        otel.status_code = field::Empty,
        db.system.name = system,
        db.operation.name = operation,
        db.query.text = text,
    )
}

/// What the span stands for has failed.
pub fn record_error(span: &Span) {
    span.record("otel.status_code", "ERROR");
}
