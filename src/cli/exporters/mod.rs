//! Exporters that send telemetry to other systems, if configured: spans to an OpenTelemetry collector, errors to
//! Sentry.

mod errors;
mod https;
mod traces;

pub(crate) use errors::SentryExporter;
pub(crate) use https::agent;
pub(crate) use traces::TraceExporter;
