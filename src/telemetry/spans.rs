//! OpenTelemetry spans: an HTTP request, its database calls, and their queries. Without an exporter no spans are
//! created.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Span, field};

/// The target of all spans. The exporter selects the spans to export by this target.
pub const TARGET: &str = "posts_api::telemetry::spans";

/// Whether an exporter is running. `span_enabled!` of `tracing` cannot be used for this: if several layers have
/// filters, the macro leaves cached filter results, and `tracing` discards the next event.
static EXPORT_ENABLED: AtomicBool = AtomicBool::new(false);

/// Creates spans from now on. The exporter calls this at startup.
pub fn enable_export() {
    EXPORT_ENABLED.store(true, Ordering::Relaxed);
}

/// Whether an exporter is running.
#[must_use]
pub fn is_export_enabled() -> bool {
    EXPORT_ENABLED.load(Ordering::Relaxed)
}

/// The attributes of a request span that are known at its start. The span names them as OpenTelemetry's semantic
/// conventions for HTTP do.
#[derive(Debug, Clone, Copy)]
pub struct RequestAttributes<'a> {
    pub method: &'a str,
    /// The route template, such as `/api/posts/{id}`.
    pub route: &'a str,
    pub path: &'a str,
    pub id: &'a str,
}

/// Creates the span of an HTTP request.
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

/// Records the response status. A status of 500 or above marks the span as failed.
pub fn record_status(request: &Span, status: u16) {
    request.record("http.response.status_code", status);
    if status >= 500 {
        request.record("otel.status_code", "ERROR");
    }
}

/// Creates the span of a database call such as `read` or `write`, including the wait for a connection. Calls outside a
/// request, such as the scheduler's polls, get no span.
#[must_use]
pub fn database(kind: &'static str) -> Span {
    if !is_export_enabled() || Span::current().is_none() {
        return Span::none();
    }
    tracing::info_span!(target: TARGET, "database", otel.name = format_args!("database {kind}"))
}

/// Creates the span of a query within a database call, named by OpenTelemetry's semantic conventions for databases.
/// `text` must have placeholders instead of values.
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

/// Marks the span as failed.
pub fn record_error(span: &Span) {
    span.record("otel.status_code", "ERROR");
}
