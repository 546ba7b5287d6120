//! The log: events on stderr, each on one line.

use std::fmt::{self, Write};
use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;

use opentelemetry_sdk::trace::Tracer;
use posts_api::config::{Config, LogFormat};
use posts_api::telemetry::spans;
use sentry::integrations::tracing::ErrorLayer;
use tracing::field::Field;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{FilterExt, LevelFilter, dynamic_filter_fn, filter_fn};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::cli::exporters::{Errors, Traces, agent};

/// What goes on beside the log; dropped at the end of the process, it sends what it still has.
pub(crate) struct Exports {
    _traces: Option<Traces>,
    _errors: Option<Errors>,
}

/// Starts it, and what is exported. To be called once.
///
/// # Errors
/// The filter cannot be read, or an exporter cannot be set up.
pub(crate) fn start(config: &Config) -> Result<Exports, String> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| format!("RUST_LOG: {error}"))?;
    let format = match config.log_format {
        LogFormat::Pretty => pretty(io::stderr, io::stderr().is_terminal()).boxed(),
        LogFormat::Json => json(io::stderr).boxed(),
    };
    let traces = config.otlp_endpoint.as_ref().map(|endpoint| Traces::start(endpoint, agent()?)).transpose()?;
    let errors = config.sentry_dsn.as_ref().map(|dsn| Ok::<_, String>(Errors::start(dsn, agent()?))).transpose()?;
    // Spans are for the exporter only. It is asked anew each time (dynamic), because what is kept of an answer that no
    // event follows, as the `log` crate asks, would else be taken for the next event's. The hint spares what no filter
    // lets through even the question.
    let is_event = dynamic_filter_fn(|metadata: &Metadata<'_>, _| metadata.is_event());
    let events = is_event.with_max_level_hint(LevelFilter::TRACE).and(filter);
    // A layer that is absent would count as one that wants everything, so there are only those that are needed.
    let mut layers = vec![format.with_filter(events).boxed()];
    if let Some(traces) = &traces {
        spans::enable_export();
        layers.push(spans(traces.tracer()).boxed());
    }
    if errors.is_some() {
        layers.push(ErrorLayer::new().with_filter(LevelFilter::ERROR).boxed());
    }
    tracing_subscriber::registry().with(layers).init();
    std::panic::set_hook(Box::new(log_panic));
    Ok(Exports { _traces: traces, _errors: errors })
}

/// Exports our own spans, with the warnings and errors that are logged within them.
fn spans<S>(tracer: Tracer) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let is_wanted = |metadata: &Metadata<'_>| {
        if metadata.is_event() { *metadata.level() <= Level::WARN } else { metadata.target() == spans::TARGET }
    };
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(is_wanted))
}

fn pretty<S, W>(writer: impl Fn() -> W + Send + Sync + 'static, is_terminal: bool) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: io::Write + 'static,
{
    tracing_subscriber::fmt::layer().fmt_fields(fields()).with_writer(writer).with_ansi(is_terminal)
}

/// Names of members: `timestamp`, `level`, `target`, `message` and those of the event.
fn json<S, W>(writer: impl Fn() -> W + Send + Sync + 'static) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: io::Write + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(move || EscapingJson(writer()))
}

/// A panic is an event like every other: one line, in the format of the log.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let backtrace = std::backtrace::Backtrace::capture();
    let is_captured = backtrace.status() == std::backtrace::BacktraceStatus::Captured;
    tracing::error!(
        target: "panic",
        location,
        backtrace = is_captured.then(|| tracing::field::display(backtrace)),
        "{}",
        panic.payload_as_str().unwrap_or("a panic without a message"),
    );
}

/// Strings are quoted and escaped as in Rust. Messages, and what is logged as it displays itself, such as a database's
/// errors, may hold what callers have sent: of them, control characters are escaped, so that none starts another line
/// or speaks to a terminal.
fn fields() -> impl for<'writer> FormatFields<'writer> + 'static {
    debug_fn(|writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| match field.name() {
        "message" => write!(Escaping(writer), "{value:?}"),
        // Where a message of the `log` crate comes from, which stands before it already.
        name if name.starts_with("log.") => Ok(()),
        name => write!(Escaping(writer), "{name}={value:?}"),
    })
    .delimited(" ")
}

struct Escaping<'a, W>(&'a mut W);

impl<W: Write> Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(is_unsafe) {
            match part.chars().next_back().filter(|last| is_unsafe(*last)) {
                Some(last) => {
                    self.0.write_str(part.strip_suffix(last).unwrap_or(part))?;
                    write!(self.0, "{}", last.escape_default())?;
                }
                None => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// JSON lets characters pass that speak to a terminal, or read backwards: they are escaped as JSON does it.
struct EscapingJson<W>(W);

impl<W: io::Write> io::Write for EscapingJson<W> {
    /// An event comes whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        if text.contains(is_unsafe_in_json) {
            let mut units = [0; 2];
            let mut escaped = String::with_capacity(text.len() + 32);
            for character in text.chars() {
                if is_unsafe_in_json(character) {
                    for unit in character.encode_utf16(&mut units) {
                        // Writing into a string does not fail.
                        let _ = write!(escaped, "\\u{unit:04x}");
                    }
                } else {
                    escaped.push(character);
                }
            }
            self.0.write_all(escaped.as_bytes())?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What stands between the members, and the end of the line, is not.
fn is_unsafe_in_json(character: char) -> bool {
    is_unsafe(character) && !character.is_ascii() || character == '\u{7f}'
}

/// Control characters, and those that make a line look like two or read backwards.
fn is_unsafe(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const INPUT: &str = "a\nb\r\u{1b}[31m\u{9b}\u{7}\u{7f}\u{202e}\u{2028}é\"";

    #[test]
    fn whatever_is_logged_stays_on_its_line() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let layer = pretty(move || Shared(Arc::clone(&writer)), false);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(error = %INPUT, text = INPUT, debug = ?INPUT, number = 7, "{INPUT}");
            tracing::info!(target: "audit", outcome = "done", missing = None::<i64>, "a change");
        });
        let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = log.split_terminator('\n').collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(!lines.iter().any(|line| line.contains(is_unsafe)), "{log:?}");
        assert!(lines[0].contains("WARN") && lines[0].contains(r"error=a\nb\r\u{1b}[31m\u{9b}\u{7}\u{7f}"), "{log}");
        assert!(lines[0].contains("é") && lines[0].ends_with("number=7"), "{log}");
        assert!(lines[1].ends_with("INFO audit: a change outcome=\"done\""), "{log}");
    }

    #[test]
    fn in_json_an_event_is_an_object_on_a_line_with_what_was_logged() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let subscriber = tracing_subscriber::registry().with(json(move || Shared(Arc::clone(&writer))));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(error = %INPUT, text = INPUT, number = 7, "{INPUT}");
            tracing::info!(target: "audit", outcome = "done", missing = None::<i64>, "a change");
        });
        let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = log.split_terminator('\n').collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(!lines.iter().any(|line| line.contains(is_unsafe)), "{log:?}");
        let events: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        for member in ["message", "error", "text"] {
            assert_eq!(events[0][member], INPUT, "{log}");
        }
        assert_eq!((&events[0]["number"], &events[0]["level"]), (&7.into(), &"WARN".into()));
        assert_eq!((&events[1]["message"], &events[1]["outcome"]), (&"a change".into(), &"done".into()));
        assert_eq!((&events[1]["target"], events[1].get("missing")), (&"audit".into(), None));
        assert!(events[1]["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_panic_is_one_line_of_the_log() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let layer = pretty(move || Shared(Arc::clone(&writer)), false);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            std::panic::catch_unwind(|| panic!("{INPUT}")).unwrap_err();
        });
        std::panic::set_hook(before);
        let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains(r"ERROR panic: a\nb\r\u{1b}[31m") && log.contains("location=\"src/log.rs:"), "{log}");
    }

    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
