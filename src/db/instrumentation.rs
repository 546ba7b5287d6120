//! What is told of single queries: those that take long, in the log, and each as a span, where spans are exported. Never with the values that are bound in them, which
//! are what people write, and hashes of keys.

use std::fmt::{self, Write};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use tracing::Span;

use crate::db::request_context;
use crate::telemetry::spans;

/// So much is told of a query, in bytes: a batch has one of a megabyte.
const LENGTH: usize = 2000;
/// What diesel puts between a query's text and its values.
const VALUES: &str = " -- binds";

static SLOW: OnceLock<Duration> = OnceLock::new();

/// Logs each query that takes so long or longer, on the connections that are opened from now on: like the log itself
/// this is the process's, and set once.
pub fn log_slow_queries(from: Duration) {
    // Who sets it again has what was set first.
    let _ = SLOW.set(from);
}

/// Whether queries are told of.
#[must_use]
pub fn is_instrumented() -> bool {
    SLOW.get().is_some() || spans::is_export_enabled()
}

/// What observes the statements of a connection to `system`; `None` if the process neither logs slow statements nor
/// exports spans.
pub(crate) fn instrumentation(system: &'static str) -> Option<Listener> {
    is_instrumented().then_some(Listener { system, running: None })
}

pub(crate) struct Listener {
    system: &'static str,
    running: Option<Running>,
}

/// A query that has begun.
struct Running {
    began: Instant,
    span: Span,
}

impl Instrumentation for Listener {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                // What belongs to no question, such as a commit for many, would be a trace of its own.
                let is_wanted = spans::is_export_enabled() && !Span::current().is_none();
                let span = if is_wanted { spans::query(self.system, &text(&query)) } else { Span::none() };
                self.running = Some(Running { began: Instant::now(), span });
            }
            InstrumentationEvent::FinishQuery { query, error, .. } => {
                let Some(Running { began, span }) = self.running.take() else { return };
                let took = began.elapsed();
                if error.is_some() {
                    spans::record_error(&span);
                }
                if SLOW.get().is_some_and(|slow| took >= *slow) {
                    tell_slow(&text(&query), took);
                }
            }
            _ => {}
        }
    }
}

fn tell_slow(query: &str, took: Duration) {
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let request_id = request_context::request();
    tracing::warn!(target: "slow_query", milliseconds, request_id = request_id.as_deref(), query, "a slow query");
}

/// A query's text, without its values.
fn text(query: &dyn fmt::Display) -> String {
    let mut text = Text(String::new());
    // It fails where there is enough of it.
    let _ = write!(text, "{query}");
    text.0
}

/// Takes text until the values begin, which are not even written.
struct Text(String);

impl Write for Text {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let before = self.0.len();
        self.0.push_str(more);
        // The mark may come in pieces.
        let from = self.0.floor_char_boundary(before.saturating_sub(VALUES.len()));
        let end = self.0.get(from..).and_then(|tail| tail.find(VALUES)).map(|at| from + at);
        let end = end.or_else(|| (self.0.len() > LENGTH).then(|| self.0.floor_char_boundary(LENGTH)));
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
    fn a_query_is_told_without_its_values() {
        let query = posts::table.filter(posts::slug.eq("hush -- binds hush")).select(posts::id);
        for told in [
            text(&diesel::debug_query::<diesel::sqlite::Sqlite, _>(&query)),
            text(&diesel::debug_query::<diesel::pg::Pg, _>(&query)),
        ] {
            assert!(told.starts_with("SELECT ") && told.contains("slug"), "{told}");
            assert!(!told.contains("hush") && !told.contains("binds"), "{told}");
        }
    }

    #[test]
    fn a_long_query_is_cut_and_a_mark_in_pieces_is_seen() {
        let mut long = Text(String::new());
        assert!(write!(long, "{}{}", "é".repeat(999), "x".repeat(3000)).is_err());
        assert_eq!(long.0.len(), LENGTH);
        let mut pieces = Text(String::new());
        assert!(write!(pieces, "SELECT 1 -- binds: [hush]").is_err());
        assert_eq!(pieces.0, "SELECT 1");
    }
}
