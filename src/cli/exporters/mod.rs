//! What the process tells others of itself, where it is told to: spans to an OpenTelemetry collector, errors to Sentry.

mod errors;
mod https;
mod traces;

pub(crate) use errors::Errors;
pub(crate) use https::agent;
pub(crate) use traces::Traces;
