//! How far an import or export is and how fast, on standard error.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use posts_api::transfer::Progress;

/// Where nobody looks on, a line comes no more often.
const INTERVAL: Duration = Duration::from_secs(5);

/// What is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// With the length of the file, where it is known.
    Import {
        bytes: Option<u64>,
    },
    Export,
}

/// Shows a bar on a terminal, and elsewhere a line from time to time. What cannot be written is left out: an import
/// does not end because nobody reads how far it is.
pub(crate) struct Reporter {
    pace: Pace,
    bar: Option<ProgressBar>,
}

impl Reporter {
    /// Starts the clock.
    pub(crate) fn start(work: Work) -> Self {
        let work = match work {
            // Pipes and devices say that they are empty.
            Work::Import { bytes } => Work::Import { bytes: bytes.filter(|bytes| *bytes > 0) },
            Work::Export => Work::Export,
        };
        // A bar among the posts would help nobody.
        let has_screen = work != Work::Export || !std::io::stdout().is_terminal();
        let bar = (has_screen && std::io::stderr().is_terminal()).then(|| bar(work));
        Self { pace: Pace::new(Instant::now(), work), bar }
    }

    pub(crate) fn note(&mut self, progress: Progress) {
        let now = Instant::now();
        match &self.bar {
            Some(bar) => {
                let (done, all) = self.pace.share(progress);
                if let Some(all) = all {
                    bar.set_length(all);
                }
                bar.set_position(done);
                if self.pace.has_moved(progress) {
                    bar.set_message(self.pace.posts(progress, now));
                }
            }
            None => self.pace.line(progress, now).iter().for_each(|line| tell(line)),
        }
    }

    /// `posts` are those that were moved at the end; `None` where it failed.
    pub(crate) fn finish(self, posts: Option<u64>) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        posts.and_then(|posts| self.pace.summary(posts, Instant::now())).iter().for_each(|line| tell(line));
    }
}

fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn bar(work: Work) -> ProgressBar {
    let template = match work {
        Work::Import { bytes: Some(_) } => "{wide_bar} {bytes}/{total_bytes} {msg} eta {eta}",
        Work::Import { bytes: None } => "{spinner} {bytes} {msg}",
        Work::Export => "{wide_bar} {msg} of {len} eta {eta}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    match work {
        Work::Import { bytes: None } => ProgressBar::new_spinner(),
        Work::Import { bytes: Some(bytes) } => ProgressBar::new(bytes),
        Work::Export => ProgressBar::new(0),
    }
    .with_style(style)
}

/// What is to be said, and when. It is told the time, so that tests need not wait for it.
struct Pace {
    start: Instant,
    last_line: Instant,
    work: Work,
    /// As many were moved when it was last asked.
    moved: u64,
}

impl Pace {
    fn new(start: Instant, work: Work) -> Self {
        Self { start, last_line: start, work, moved: 0 }
    }

    /// Whether posts were moved since it was last asked: lines are read one by one, but stored many at a time.
    fn has_moved(&mut self, progress: Progress) -> bool {
        std::mem::replace(&mut self.moved, progress.posts) != progress.posts
    }

    /// How much is done, and of how much, where that is known: bytes of an import, posts of an export.
    fn share(&self, progress: Progress) -> (u64, Option<u64>) {
        match self.work {
            Work::Import { bytes } => (progress.bytes, bytes),
            Work::Export => (progress.posts, progress.of),
        }
    }

    /// `120000 posts, 24000 posts/s`, since the start.
    fn posts(&self, Progress { posts, .. }: Progress, now: Instant) -> String {
        format!("{posts} posts, {} posts/s", self.rate(posts, now))
    }

    /// The line that is due now.
    fn line(&mut self, progress: Progress, now: Instant) -> Option<String> {
        if now.duration_since(self.last_line) < INTERVAL {
            return None;
        }
        self.last_line = now;
        let (verb, whole) = match self.work {
            Work::Import { .. } => ("imported", "the file"),
            Work::Export => ("exported", "all"),
        };
        let line = format!("{verb} {}", self.posts(progress, now));
        Some(match self.share(progress) {
            // The end of the last line is counted also where it is missing.
            (done, Some(all)) => format!("{line}, {} % of {whole}", done.min(all) * 100 / all.max(1)),
            (_, None) => line,
        })
    }

    /// What is said at the end, of work that took long enough for it to matter.
    fn summary(&self, posts: u64, now: Instant) -> Option<String> {
        let seconds = now.duration_since(self.start).as_secs();
        (seconds >= INTERVAL.as_secs()).then(|| format!("took {seconds} s, {} posts/s", self.rate(posts, now)))
    }

    fn rate(&self, posts: u64, now: Instant) -> u64 {
        let milliseconds = u64::try_from(now.duration_since(self.start).as_millis()).unwrap_or(u64::MAX);
        posts.saturating_mul(1000) / milliseconds.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(posts: u64, bytes: u64) -> Progress {
        Progress { bytes, posts, of: None }
    }

    fn file(bytes: u64) -> Work {
        Work::Import { bytes: Some(bytes) }
    }

    #[test]
    fn a_line_comes_every_five_seconds_with_the_rate_and_the_share() {
        let start = Instant::now();
        let mut pace = Pace::new(start, file(4_000));
        let mut line =
            |milliseconds, posts, bytes| pace.line(at(posts, bytes), start + Duration::from_millis(milliseconds));
        assert_eq!(line(0, 0, 10), None);
        assert_eq!(line(4_999, 500, 1_239), None);
        assert_eq!(line(5_000, 120_000, 1_240).unwrap(), "imported 120000 posts, 24000 posts/s, 31 % of the file");
        assert_eq!(line(5_001, 120_500, 1_250), None);
        assert_eq!(line(9_999, 130_000, 1_260), None);
        // One that comes late is not made up for.
        assert_eq!(line(17_500, 140_000, 2_000).unwrap(), "imported 140000 posts, 8000 posts/s, 50 % of the file");
        assert_eq!(line(20_000, 150_000, 3_000), None);
        assert_eq!(line(22_500, 150_000, 4_001).unwrap(), "imported 150000 posts, 6666 posts/s, 100 % of the file");
    }

    #[test]
    fn a_million_posts_in_forty_seconds_are_eight_lines() {
        let start = Instant::now();
        let mut pace = Pace::new(start, file(1_000_000));
        let lines = (1..=1_000_000_u64)
            .filter_map(|post| pace.line(at(post, post), start + Duration::from_micros(post * 40)))
            .collect::<Vec<_>>();
        assert_eq!(lines.len(), 8, "{lines:?}");
        assert!(lines.iter().all(|line| line.contains(" 25000 posts/s, ")), "{lines:?}");
    }

    #[test]
    fn the_share_is_never_more_than_all() {
        let start = Instant::now();
        let mut pace = Pace::new(start, file(20));
        let line = pace.line(at(1, 21), start + Duration::from_secs(10));
        assert_eq!(line.unwrap(), "imported 1 posts, 0 posts/s, 100 % of the file");
    }

    #[test]
    fn an_export_tells_its_share_of_the_posts() {
        let start = Instant::now();
        let mut pace = Pace::new(start, Work::Export);
        let progress = Progress { bytes: 0, posts: 50_000, of: Some(200_000) };
        let line = pace.line(progress, start + Duration::from_secs(5));
        assert_eq!(line.unwrap(), "exported 50000 posts, 10000 posts/s, 25 % of all");
    }

    #[test]
    fn without_a_size_there_is_no_share() {
        let start = Instant::now();
        let mut pace = Pace::new(start, Work::Import { bytes: None });
        let line = pace.line(at(1000, 5), start + Duration::from_secs(10));
        assert_eq!(line.unwrap(), "imported 1000 posts, 100 posts/s");
    }

    #[test]
    fn the_bar_tells_posts_when_some_were_stored() {
        let start = Instant::now();
        let mut pace = Pace::new(start, Work::Import { bytes: None });
        let told = [0, 0, 500, 500, 1000].map(|posts| pace.has_moved(at(posts, 1)));
        assert_eq!(told, [false, false, true, false, true]);
        assert_eq!(pace.posts(at(1000, 1), start + Duration::from_millis(500)), "1000 posts, 2000 posts/s");
    }

    #[test]
    fn the_end_of_a_long_import_tells_how_long_it_took() {
        let start = Instant::now();
        let pace = Pace::new(start, Work::Import { bytes: None });
        assert_eq!(pace.summary(1_000_000, start + Duration::from_secs(40)).unwrap(), "took 40 s, 25000 posts/s");
        assert_eq!(pace.summary(1_000, start + Duration::from_millis(4_999)), None);
    }

    #[test]
    fn no_time_at_all_is_no_mistake() {
        let start = Instant::now();
        assert_eq!(Pace::new(start, Work::Import { bytes: None }).posts(at(1, 1), start), "1 posts, 1000 posts/s");
    }
}
