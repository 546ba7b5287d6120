//! Writes the log of the server to standard error without ever blocking the thread that logs.
//!
//! A pipe that is not read blocks each write to it. If request threads wrote to it themselves, they would all stop.
//!
//! 1. A thread that logs puts the line into a queue. If the queue holds [`MAX_QUEUED_BYTES`], the line is dropped and
//!    counted.
//! 2. One thread takes lines from the queue and writes them.
//! 3. When half of the queue is free again, this thread logs how many lines were dropped.
//! 4. At the end of the process, [`LogGuard`] waits up to about a second until the queue is empty.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use posts_api::telemetry::dropped_log_lines;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

/// The target of the event that reports dropped lines. It is logged at level warn, whatever `RUST_LOG` selects, unless
/// `RUST_LOG` names this target.
pub(crate) const DROPPED_LINES_TARGET: &str = "dropped_log_lines";

/// The limit on the memory of lines that wait to be written, in bytes.
const MAX_QUEUED_BYTES: usize = 1024 * 1024;
/// More than the number of lines that fit into [`MAX_QUEUED_BYTES`], because each line contains a time, a level, and a
/// target. The queue itself therefore never drops a line.
const MAX_QUEUED_LINES: usize = 32 * 1024;
/// The pause before the next attempt, if another process has set the pipe to non-blocking mode and it is full.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// The bytes in the queue.
type QueuedBytes = Arc<AtomicUsize>;

/// Puts lines into the queue.
#[derive(Clone)]
pub(crate) struct LogWriter {
    queue: NonBlocking,
    queued: QueuedBytes,
}

/// Dropping it writes the lines in the queue, and stops waiting after about a second.
pub(crate) struct LogGuard(#[expect(dead_code, reason = "dropping it writes the queue")] WorkerGuard);

impl LogWriter {
    /// Starts the thread that writes lines to `out`.
    pub(crate) fn start(out: impl Write + Send + 'static) -> (Self, LogGuard) {
        let queued = QueuedBytes::default();
        let drain = Drain { out, queued: Arc::clone(&queued), reported: dropped_log_lines::count() };
        let (queue, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(MAX_QUEUED_LINES)
            .thread_name("log-writer")
            .finish(drain);
        (Self { queue, queued }, LogGuard(guard))
    }
}

impl Write for LogWriter {
    /// Receives one whole line. Never blocks and never fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let before = self.queued.fetch_add(line.len(), Ordering::Relaxed);
        if before.saturating_add(line.len()) > MAX_QUEUED_BYTES {
            self.queued.fetch_sub(line.len(), Ordering::Relaxed);
            dropped_log_lines::record();
            return Ok(line.len());
        }
        self.queue.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The end of the queue, which runs on the writing thread.
struct Drain<W> {
    out: W,
    queued: QueuedBytes,
    /// The number of dropped lines that the log has reported.
    reported: u64,
}

impl<W: Write> Write for Drain<W> {
    /// Receives one whole line. A line that cannot be written, for example because the pipe is closed, is dropped.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = write_all(&mut self.out, line);
        let queued = self.queued.fetch_sub(line.len(), Ordering::Relaxed).saturating_sub(line.len());
        match written {
            Ok(()) if queued <= MAX_QUEUED_BYTES / 2 => self.report_dropped_lines(),
            Ok(()) => {}
            Err(_) => dropped_log_lines::record(),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W> Drain<W> {
    fn report_dropped_lines(&mut self) {
        let total = dropped_log_lines::count();
        let lines = total.saturating_sub(self.reported);
        if lines > 0 {
            self.reported = total;
            tracing::warn!(
                target: DROPPED_LINES_TARGET,
                lines,
                total,
                "dropped log lines, because standard error was not read in time or failed"
            );
        }
    }
}

fn write_all(out: &mut impl Write, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match out.write(line) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => line = line.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::park_timeout(RETRY_PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// An output whose writes block until it is opened. The first write after that fails with `WouldBlock`, and each
    /// later one takes at most 700 bytes.
    #[derive(Clone, Default)]
    struct Valve(Arc<(Mutex<State>, Condvar)>);

    #[derive(Default)]
    struct State {
        is_open: bool,
        has_failed: bool,
        text: String,
    }

    impl Valve {
        fn open(&self) {
            self.0.0.lock().unwrap().is_open = true;
            self.0.1.notify_all();
        }

        /// Waits until the last line contains `text`, and returns all lines.
        fn wait_for_line(&self, text: &str) -> String {
            let is_last =
                |all: &str| all.ends_with('\n') && all.lines().next_back().is_some_and(|line| line.contains(text));
            self.0.1.wait_while(self.0.0.lock().unwrap(), |state| !is_last(&state.text)).unwrap().text.clone()
        }
    }

    impl Write for Valve {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut state = self.0.1.wait_while(self.0.0.lock().unwrap(), |state| !state.is_open).unwrap();
            if !std::mem::replace(&mut state.has_failed, true) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let length = bytes.len().min(700);
            state.text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
            self.0.1.notify_all();
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// One test, because the count is a property of the process.
    #[test]
    fn a_blocked_output_drops_lines_and_reports_them_later() {
        let valve = Valve::default();
        let (writer, _guard) = LogWriter::start(valve.clone());
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        // The writing thread logs too, so it needs the same subscriber.
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
        let before = dropped_log_lines::count();
        let filler = "x".repeat(1000);
        for number in 0..2000 {
            tracing::info!("line {number} {filler}");
        }
        let dropped = dropped_log_lines::count() - before;
        assert!((900..1100).contains(&dropped), "{dropped}");
        valve.open();
        let text = valve.wait_for_line(DROPPED_LINES_TARGET);
        let (report, lines) =
            text.lines().collect::<Vec<_>>().split_last().map(|(last, rest)| (*last, rest.len())).unwrap();
        assert!(report.contains(&format!("lines={dropped} total={dropped}")), "{report}");
        assert_eq!(lines as u64, 2000 - dropped);
        assert!(text.lines().take(lines).all(|line| line.contains("INFO") && line.ends_with(&filler)), "{text}");
    }
}
