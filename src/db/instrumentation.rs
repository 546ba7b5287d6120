//! Instrumentation of single queries: a log line for each slow query, and a span for each query if spans are exported.
//!
//! Neither contains bound values, because those are the texts of users and the hashes of API keys.

use std::fmt::{self, Write};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use tracing::Span;

use crate::db::request_context;
use crate::telemetry::spans;

/// The maximum length of a query's text in logs and spans, in bytes. The query of a batch can be a megabyte long.
const MAX_TEXT: usize = 2000;
/// The separator that diesel prints between a query's text and its bound values.
const BINDS_SEPARATOR: &str = " -- binds";

static SLOW_QUERY: OnceLock<Duration> = OnceLock::new();

/// Logs each query that takes `threshold` or longer, on connections that are opened after this call. The setting holds
/// for the process; only the first call has an effect.
pub fn log_slow_queries(threshold: Duration) {
    let _ = SLOW_QUERY.set(threshold);
}

/// Whether queries are observed: slow queries are logged, or spans are exported.
#[must_use]
pub fn is_instrumented() -> bool {
    SLOW_QUERY.get().is_some() || spans::is_export_enabled()
}

/// Observes the queries of one connection.
pub(crate) struct QueryListener {
    system: &'static str,
    running: Option<RunningQuery>,
}

struct RunningQuery {
    started: Instant,
    span: Span,
}

impl QueryListener {
    /// `system` is the `db.system.name` of OpenTelemetry. `None` if nothing is instrumented.
    pub(crate) fn if_enabled(system: &'static str) -> Option<Self> {
        is_instrumented().then_some(Self { system, running: None })
    }
}

impl Instrumentation for QueryListener {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                // Without this check, a query that belongs to no request, such as the commit of a batch, would become a
                // trace of its own.
                let is_traced = spans::is_export_enabled() && !Span::current().is_none();
                let span = if is_traced { spans::query(self.system, &text_of(&query)) } else { Span::none() };
                self.running = Some(RunningQuery { started: Instant::now(), span });
            }
            InstrumentationEvent::FinishQuery { query, error, .. } => {
                let Some(RunningQuery { started, span }) = self.running.take() else { return };
                let elapsed = started.elapsed();
                if error.is_some() {
                    spans::record_error(&span);
                }
                if SLOW_QUERY.get().is_some_and(|threshold| elapsed >= *threshold) {
                    log_slow(&text_of(&query), elapsed);
                }
            }
            _ => {}
        }
    }
}

fn log_slow(query: &str, elapsed: Duration) {
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let request_id = request_context::request_id();
    tracing::warn!(target: "slow_query", milliseconds, request_id = request_id.as_deref(), query, "slow query");
}

/// The text of a query without its bound values, at most [`MAX_TEXT`] bytes.
fn text_of(query: &dyn fmt::Display) -> String {
    let mut text = QueryText(String::new());
    // `QueryText` returns an error to stop the printer once the text is complete.
    let _ = write!(text, "{query}");
    text.0
}

/// Collects text and stops diesel's printer where the bound values begin, before they are formatted.
struct QueryText(String);

impl Write for QueryText {
    fn write_str(&mut self, chunk: &str) -> fmt::Result {
        let before = self.0.len();
        self.0.push_str(chunk);
        // The separator may be split across two chunks.
        let from = self.0.floor_char_boundary(before.saturating_sub(BINDS_SEPARATOR.len()));
        let end = self.0.get(from..).and_then(|tail| tail.find(BINDS_SEPARATOR)).map(|index| from + index);
        let end = end.or_else(|| (self.0.len() > MAX_TEXT).then(|| self.0.floor_char_boundary(MAX_TEXT)));
        match end {
            Some(end) => {
                self.0.truncate(end);
                Err(fmt::Error)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;

    use super::*;
    use crate::schema::posts;

    #[test]
    fn query_text_excludes_bound_values() {
        let query = posts::table.filter(posts::slug.eq("secret -- binds secret")).select(posts::id);
        for text in [
            text_of(&diesel::debug_query::<diesel::sqlite::Sqlite, _>(&query)),
            text_of(&diesel::debug_query::<diesel::pg::Pg, _>(&query)),
        ] {
            assert!(text.starts_with("SELECT ") && text.contains("slug"), "{text}");
            assert!(!text.contains("secret") && !text.contains("binds"), "{text}");
        }
    }

    #[test]
    fn long_text_is_truncated_and_split_separator_is_found() {
        let mut long = QueryText(String::new());
        assert!(write!(long, "{}{}", "é".repeat(999), "x".repeat(3000)).is_err());
        assert_eq!(long.0.len(), MAX_TEXT);
        let mut split = QueryText(String::new());
        assert!(write!(split, "SELECT 1 -- binds: [secret]").is_err());
        assert_eq!(split.0, "SELECT 1");
    }
}
