//! Progress of imports and exports on standard error: a bar on a terminal, otherwise a line every 5 seconds.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use posts_api::transfer::TransferProgress;

/// The time between two lines when standard error is not a terminal.
const INTERVAL: Duration = Duration::from_secs(5);

/// The transfer whose progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransferJob {
    Import {
        /// The size of the file in bytes. `None` if it is unknown.
        bytes: Option<u64>,
    },
    Export,
}

/// Shows progress. Ignores write errors, because a closed stderr must not fail the transfer.
pub(crate) struct ProgressReporter {
    formatter: ProgressFormatter,
    bar: Option<ProgressBar>,
}

impl ProgressReporter {
    /// Starts to measure the time and, on a terminal, shows the bar.
    pub(crate) fn start(job: TransferJob) -> Self {
        let job = match job {
            // Pipes and devices report a size of 0.
            TransferJob::Import { bytes } => TransferJob::Import { bytes: bytes.filter(|bytes| *bytes > 0) },
            TransferJob::Export => TransferJob::Export,
        };
        // If an export writes the posts to the terminal, the bar would mix with them.
        let may_show_bar = job != TransferJob::Export || !std::io::stdout().is_terminal();
        let bar = (may_show_bar && std::io::stderr().is_terminal()).then(|| bar(job));
        Self { formatter: ProgressFormatter::new(Instant::now(), job), bar }
    }

    pub(crate) fn update(&mut self, progress: TransferProgress) {
        let now = Instant::now();
        match &self.bar {
            Some(bar) => {
                let (position, length) = self.formatter.position(progress);
                if let Some(length) = length {
                    bar.set_length(length);
                }
                bar.set_position(position);
                if self.formatter.has_advanced(progress) {
                    bar.set_message(self.formatter.posts_and_rate(progress, now));
                }
            }
            None => self.formatter.line(progress, now).iter().for_each(|line| print_line(line)),
        }
    }

    /// Removes the bar and prints the summary. `posts` is the number of transferred posts, or `None` after a failure.
    pub(crate) fn finish(self, posts: Option<u64>) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        let summary = posts.and_then(|posts| self.formatter.summary(posts, Instant::now()));
        if let Some(line) = summary {
            print_line(&line);
        }
    }
}

fn print_line(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn bar(job: TransferJob) -> ProgressBar {
    let template = match job {
        TransferJob::Import { bytes: Some(_) } => "{wide_bar} {bytes}/{total_bytes} {msg} eta {eta}",
        TransferJob::Import { bytes: None } => "{spinner} {bytes} {msg}",
        TransferJob::Export => "{wide_bar} {msg} of {len} eta {eta}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    match job {
        TransferJob::Import { bytes: None } => ProgressBar::new_spinner(),
        TransferJob::Import { bytes: Some(bytes) } => ProgressBar::new(bytes),
        TransferJob::Export => ProgressBar::new(0),
    }
    .with_style(style)
}

/// Formats progress and decides when a line is due. Callers pass the time, so that tests need not wait.
struct ProgressFormatter {
    start: Instant,
    last_line: Instant,
    job: TransferJob,
    /// The number of posts at the last call of `has_advanced`.
    last_posts: u64,
}

impl ProgressFormatter {
    fn new(start: Instant, job: TransferJob) -> Self {
        Self { start, last_line: start, job, last_posts: 0 }
    }

    /// Whether posts were stored since the last call. An import reports progress for each line but stores batches, so
    /// most calls return false.
    fn has_advanced(&mut self, progress: TransferProgress) -> bool {
        std::mem::replace(&mut self.last_posts, progress.posts) != progress.posts
    }

    /// The position and, if known, the end: in bytes for an import, in posts for an export.
    fn position(&self, progress: TransferProgress) -> (u64, Option<u64>) {
        match self.job {
            TransferJob::Import { bytes } => (progress.bytes, bytes),
            TransferJob::Export => (progress.posts, progress.total),
        }
    }

    /// For example `120000 posts, 24000 posts/s`. The rate is the average since the start.
    fn posts_and_rate(&self, TransferProgress { posts, .. }: TransferProgress, now: Instant) -> String {
        format!("{posts} posts, {} posts/s", self.rate(posts, now))
    }

    /// Returns the next line, or `None` if it is not due yet.
    fn line(&mut self, progress: TransferProgress, now: Instant) -> Option<String> {
        if now.duration_since(self.last_line) < INTERVAL {
            return None;
        }
        self.last_line = now;
        let (verb, whole) = match self.job {
            TransferJob::Import { .. } => ("imported", "the file"),
            TransferJob::Export => ("exported", "all posts"),
        };
        let line = format!("{verb} {}", self.posts_and_rate(progress, now));
        Some(match self.position(progress) {
            // Limits the percentage to 100%, because the file can grow during the import.
            (position, Some(end)) => format!("{line}, {}% of {whole}", position.min(end) * 100 / end.max(1)),
            (_, None) => line,
        })
    }

    /// The last line, for transfers that took at least [`INTERVAL`].
    fn summary(&self, posts: u64, now: Instant) -> Option<String> {
        let seconds = now.duration_since(self.start).as_secs();
        (seconds >= INTERVAL.as_secs()).then(|| format!("finished in {seconds} s, {} posts/s", self.rate(posts, now)))
    }

    fn rate(&self, posts: u64, now: Instant) -> u64 {
        let milliseconds = u64::try_from(now.duration_since(self.start).as_millis()).unwrap_or(u64::MAX);
        posts.saturating_mul(1000) / milliseconds.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(posts: u64, bytes: u64) -> TransferProgress {
        TransferProgress { bytes, posts, total: None }
    }

    fn file(bytes: u64) -> TransferJob {
        TransferJob::Import { bytes: Some(bytes) }
    }

    #[test]
    fn a_line_is_due_every_five_seconds() {
        let start = Instant::now();
        let mut formatter = ProgressFormatter::new(start, file(4_000));
        let mut line =
            |milliseconds, posts, bytes| formatter.line(at(posts, bytes), start + Duration::from_millis(milliseconds));
        assert_eq!(line(0, 0, 10), None);
        assert_eq!(line(4_999, 500, 1_239), None);
        assert_eq!(line(5_000, 120_000, 1_240).unwrap(), "imported 120000 posts, 24000 posts/s, 31% of the file");
        assert_eq!(line(5_001, 120_500, 1_250), None);
        assert_eq!(line(9_999, 130_000, 1_260), None);
        // A late line does not bring the next one forward.
        assert_eq!(line(17_500, 140_000, 2_000).unwrap(), "imported 140000 posts, 8000 posts/s, 50% of the file");
        assert_eq!(line(20_000, 150_000, 3_000), None);
        assert_eq!(line(22_500, 150_000, 4_001).unwrap(), "imported 150000 posts, 6666 posts/s, 100% of the file");
    }

    #[test]
    fn a_transfer_of_forty_seconds_prints_eight_lines() {
        let start = Instant::now();
        let mut formatter = ProgressFormatter::new(start, file(1_000_000));
        let lines = (1..=1_000_000_u64)
            .filter_map(|post| formatter.line(at(post, post), start + Duration::from_micros(post * 40)))
            .collect::<Vec<_>>();
        assert_eq!(lines.len(), 8, "{lines:?}");
        assert!(lines.iter().all(|line| line.contains(" 25000 posts/s, ")), "{lines:?}");
    }

    #[test]
    fn the_percentage_never_exceeds_100() {
        let start = Instant::now();
        let mut formatter = ProgressFormatter::new(start, file(20));
        let line = formatter.line(at(1, 21), start + Duration::from_secs(10));
        assert_eq!(line.unwrap(), "imported 1 posts, 0 posts/s, 100% of the file");
    }

    #[test]
    fn an_export_shows_the_percentage_of_posts() {
        let start = Instant::now();
        let mut formatter = ProgressFormatter::new(start, TransferJob::Export);
        let progress = TransferProgress { bytes: 0, posts: 50_000, total: Some(200_000) };
        let line = formatter.line(progress, start + Duration::from_secs(5));
        assert_eq!(line.unwrap(), "exported 50000 posts, 10000 posts/s, 25% of all posts");
    }

    #[test]
    fn no_percentage_without_a_known_size() {
        let start = Instant::now();
        let mut formatter = ProgressFormatter::new(start, TransferJob::Import { bytes: None });
        let line = formatter.line(at(1000, 5), start + Duration::from_secs(10));
        assert_eq!(line.unwrap(), "imported 1000 posts, 100 posts/s");
    }

    #[test]
    fn has_advanced_reports_newly_stored_posts() {
        let start = Instant::now();
        let mut formatter = ProgressFormatter::new(start, TransferJob::Import { bytes: None });
        let advanced = [0, 0, 500, 500, 1000].map(|posts| formatter.has_advanced(at(posts, 1)));
        assert_eq!(advanced, [false, false, true, false, true]);
        assert_eq!(
            formatter.posts_and_rate(at(1000, 1), start + Duration::from_millis(500)),
            "1000 posts, 2000 posts/s"
        );
    }

    #[test]
    fn only_a_long_transfer_prints_a_summary() {
        let start = Instant::now();
        let formatter = ProgressFormatter::new(start, TransferJob::Import { bytes: None });
        assert_eq!(
            formatter.summary(1_000_000, start + Duration::from_secs(40)).unwrap(),
            "finished in 40 s, 25000 posts/s"
        );
        assert_eq!(formatter.summary(1_000, start + Duration::from_millis(4_999)), None);
    }

    #[test]
    fn the_rate_is_defined_without_elapsed_time() {
        let start = Instant::now();
        assert_eq!(
            ProgressFormatter::new(start, TransferJob::Import { bytes: None }).posts_and_rate(at(1, 1), start),
            "1 posts, 1000 posts/s"
        );
    }
}
