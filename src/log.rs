//! The log: events on stderr, each on one line.

use std::fmt::{self, Write};
use std::io::IsTerminal;

use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Starts it. To be called once.
///
/// # Errors
/// The filter cannot be read.
pub(crate) fn start(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("RUST_LOG: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(fields())
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
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

/// Control characters, and those that make a line look like two or read backwards.
fn is_unsafe(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn whatever_is_logged_stays_on_its_line() {
        const INPUT: &str = "a\nb\r\u{1b}[31m\u{9b}\u{7}\u{7f}\u{202e}\u{2028}é\"";
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(fields())
            .with_ansi(false)
            .with_writer(move || Shared(Arc::clone(&writer)))
            .finish();
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
