//! Logging: writes each event to standard error as one line, and installs the exporters for traces and errors.

use std::fmt::{self, Write};
use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;

use opentelemetry_sdk::trace::Tracer;
use posts_api::config::{Config, LogFormat};
use posts_api::escape::{EscapingWriter, JsonEscapingWriter};
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

use crate::cli::exporters::{SentryExporter, TraceExporter, agent};
use crate::cli::log_writer::{DROPPED_LINES_TARGET, LogGuard, LogWriter};

/// The running exporters and the log. Dropping them at the end of the process sends the buffered spans and errors, and
/// writes the last log lines.
pub(crate) struct LoggingGuards {
    _traces: Option<TraceExporter>,
    _errors: Option<SentryExporter>,
    /// Dropped last, because the exporters log too.
    _log: Option<LogGuard>,
}

/// How log lines reach standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogMode {
    /// Each thread writes its lines itself, and waits if standard error is not read. For commands.
    Blocking,
    /// A thread of its own writes the lines. Lines are dropped if standard error is not read. For the server.
    NonBlocking,
}

/// Starts logging and the configured exporters. Call it once per process.
///
/// # Errors
/// The filter is invalid, or an exporter cannot be set up.
pub(crate) fn start(config: &Config, mode: LogMode) -> Result<LoggingGuards, String> {
    let filter = filter(&config.log)?;
    let (format, log) = match mode {
        LogMode::Blocking => (format(config.log_format, io::stderr), None),
        LogMode::NonBlocking => {
            let (writer, guard) = LogWriter::start(io::stderr());
            (format(config.log_format, move || writer.clone()), Some(guard))
        }
    };
    let traces = config.otlp_endpoint.as_ref().map(|endpoint| TraceExporter::start(endpoint, agent()?)).transpose()?;
    let errors =
        config.sentry_dsn.as_ref().map(|dsn| Ok::<_, String>(SentryExporter::start(dsn, agent()?))).transpose()?;
    // The log accepts only events, because only the exporter receives spans. The filter must be dynamic: the `log`
    // crate checks whether a level is enabled without logging an event, and `tracing` would apply that cached result to
    // the next event. The level hint skips the filter for levels that no layer enables.
    let is_event = dynamic_filter_fn(|metadata: &Metadata<'_>, _| metadata.is_event() && !is_url(metadata));
    let events = is_event.with_max_level_hint(LevelFilter::TRACE).and(filter);
    // Contains only the layers in use: an `Option` layer that is `None` would enable every level.
    let mut layers = vec![format.with_filter(events).boxed()];
    if let Some(traces) = &traces {
        spans::enable_export();
        layers.push(spans(traces.tracer()).boxed());
    }
    if errors.is_some() {
        let is_fault = dynamic_filter_fn(|metadata: &Metadata<'_>, _| is_fault(metadata));
        layers.push(ErrorLayer::new().with_filter(is_fault.with_max_level_hint(LevelFilter::ERROR)).boxed());
    }
    tracing_subscriber::registry().with(layers).init();
    std::panic::set_hook(Box::new(log_panic));
    Ok(LoggingGuards { _traces: traces, _errors: errors, _log: log })
}

/// Parses the directives of `RUST_LOG`. A later directive for the same target replaces the one for dropped lines.
fn filter(directives: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(format!("{DROPPED_LINES_TARGET}=warn,{directives}"))
        .map_err(|error| format!("RUST_LOG: {error}"))
}

/// Whether an event may contain a URL of the HTTP client. The URLs of webhooks and exporters are credentials, and
/// `RUST_LOG` must not reveal them.
fn is_url(metadata: &Metadata<'_>) -> bool {
    let is_client = matches!(metadata.target().split("::").next(), Some("ureq" | "ureq_proto"));
    is_client && *metadata.level() > Level::WARN
}

/// Whether an event is a fault of the service: an error that its own modules log, or a panic. The HTTP libraries log
/// malformed requests as errors, but any client can send those. Independent of `RUST_LOG`, which selects what to log.
fn is_fault(metadata: &Metadata<'_>) -> bool {
    let is_own = |target: &str| {
        let crate_name = target.split("::").next();
        crate_name == Some("posts_api") || target == PANIC_TARGET
    };
    metadata.is_event() && *metadata.level() == Level::ERROR && is_own(metadata.target())
}

/// The layer that writes events in the configured format.
fn format<S, W>(format: LogFormat, writer: impl Fn() -> W + Send + Sync + 'static) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: io::Write + 'static,
{
    match format {
        LogFormat::Pretty => pretty(writer, io::stderr().is_terminal()).boxed(),
        LogFormat::Json => json(writer).boxed(),
    }
}

/// Exports the spans of this service, and the warnings and errors logged within them.
fn spans<S>(tracer: Tracer) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let is_exported = |metadata: &Metadata<'_>| {
        if metadata.is_event() { *metadata.level() <= Level::WARN } else { metadata.target() == spans::TARGET }
    };
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(is_exported))
}

fn pretty<S, W>(writer: impl Fn() -> W + Send + Sync + 'static, is_terminal: bool) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: io::Write + 'static,
{
    tracing_subscriber::fmt::layer().fmt_fields(fields()).with_writer(writer).with_ansi(is_terminal)
}

/// Each line is an object with the members `timestamp`, `level`, `target`, and `message`, and the fields of the event.
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
        .with_writer(move || JsonEscapingWriter(writer()))
}

/// The target of panics.
const PANIC_TARGET: &str = "panic";

/// Logs a panic as one event in the configured format.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let backtrace = std::backtrace::Backtrace::capture();
    let is_captured = backtrace.status() == std::backtrace::BacktraceStatus::Captured;
    tracing::error!(
        target: PANIC_TARGET,
        location,
        backtrace = is_captured.then(|| tracing::field::display(backtrace)),
        "{}",
        panic.payload_as_str().unwrap_or("panic without a message"),
    );
}

/// Formats the fields of an event. Strings are quoted and escaped as in Rust. Messages and `Display` values, such as
/// database errors, can contain client input, so their control characters are escaped. Otherwise client input could
/// start a new line or send escape sequences to a terminal.
fn fields() -> impl for<'writer> FormatFields<'writer> + 'static {
    debug_fn(|writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| match field.name() {
        "message" => write!(EscapingWriter(writer), "{value:?}"),
        // The source of a message from the `log` crate. The target shows it already.
        name if name.starts_with("log.") => Ok(()),
        name => write!(EscapingWriter(writer), "{name}={value:?}"),
    })
    .delimited(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use posts_api::escape::is_unsafe;

    use super::*;

    const INPUT: &str = "a\nb\r\u{1b}[31m\u{9b}\u{7}\u{7f}\u{202e}\u{2028}é\"";

    #[test]
    fn only_a_filter_for_dropped_lines_hides_their_report() {
        for (directives, is_reported) in
            [("off", true), ("error", true), ("posts_api=debug", true), ("info,dropped_log_lines=off", false)]
        {
            let filter = filter(directives).unwrap();
            let subscriber = tracing_subscriber::registry().with(filter);
            tracing::subscriber::with_default(subscriber, || {
                assert_eq!(tracing::enabled!(target: DROPPED_LINES_TARGET, Level::WARN), is_reported, "{directives}");
                assert_eq!(
                    tracing::enabled!(target: "other", Level::WARN),
                    directives.contains("info"),
                    "{directives}"
                );
            });
        }
        assert!(filter("a=b=c").is_err());
    }

    #[test]
    fn control_characters_cannot_start_another_line() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let layer = pretty(move || SharedBuffer(Arc::clone(&writer)), false);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(error = %INPUT, text = INPUT, debug = ?INPUT, number = 7, "{INPUT}");
            tracing::info!(target: "audit", outcome = "done", missing = None::<i64>, "post created");
        });
        let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = log.split_terminator('\n').collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(!lines.iter().any(|line| line.contains(is_unsafe)), "{log:?}");
        assert!(lines[0].contains("WARN") && lines[0].contains(r"error=a\nb\r\u{1b}[31m\u{9b}\u{7}\u{7f}"), "{log}");
        assert!(lines[0].contains("é") && lines[0].ends_with("number=7"), "{log}");
        assert!(lines[1].ends_with("INFO audit: post created outcome=\"done\""), "{log}");
    }

    #[test]
    fn a_json_event_is_one_object_on_one_line() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let subscriber = tracing_subscriber::registry().with(json(move || SharedBuffer(Arc::clone(&writer))));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(error = %INPUT, text = INPUT, number = 7, "{INPUT}");
            tracing::info!(target: "audit", outcome = "done", missing = None::<i64>, "post created");
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
        assert_eq!((&events[1]["message"], &events[1]["outcome"]), (&"post created".into(), &"done".into()));
        assert_eq!((&events[1]["target"], events[1].get("missing")), (&"audit".into(), None));
        assert!(events[1]["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_panic_is_one_line_of_the_log() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let layer = pretty(move || SharedBuffer(Arc::clone(&writer)), false);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            std::panic::catch_unwind(|| panic!("{INPUT}")).unwrap_err();
        });
        std::panic::set_hook(before);
        let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(
            log.contains(r"ERROR panic: a\nb\r\u{1b}[31m") && log.contains("location=\"src/cli/logging.rs:"),
            "{log}"
        );
    }

    struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for SharedBuffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
