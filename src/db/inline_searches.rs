//! [`InlineSearches`]: decides whether searches run on the thread of their request.
//!
//! A search may read every occurrence of its words. In a small file this takes less time than switching to another
//! thread, which is why such a search may run inline. Two limits keep callers without a key from occupying the threads
//! that serve other requests:
//!
//! 1. The file and its log have at most [`SMALL_FILE`] bytes. The most expensive searches of such a file took 10 ms, and
//!    30 ms if its posts consisted of one word. A search for a phrase is always a long read: it reads all positions of
//!    its words.
//! 2. After a search that took more than [`SLOW_SEARCH`] of CPU time, searches are long reads for a second.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::db::inline_pause::InlinePause;
use crate::db::sqlite::files::sidecar_path;

/// The largest SQLite file whose searches may run inline: 64 MiB, about 15,000 posts of 500 characters.
const SMALL_FILE: u64 = 64 * 1024 * 1024;
/// Twenty times as much as an average search of a small file takes.
const SLOW_SEARCH: Duration = Duration::from_millis(2);

/// Whether searches run inline, and the searches that did.
pub(crate) struct InlineSearches {
    /// The database file of SQLite. `None` on PostgreSQL, where no read runs inline.
    file: Option<PathBuf>,
    pause: InlinePause,
}

impl InlineSearches {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self { file, pause: InlinePause::after(SLOW_SEARCH) }
    }

    /// Whether a search by the index of words alone may run inline now.
    pub(crate) fn are_allowed(&self) -> bool {
        let Some(file) = self.file.as_ref().filter(|_| self.pause.is_over(Instant::now())) else { return false };
        let log = sidecar_path(file, "-wal").metadata().map_or(0, |log| log.len());
        file.metadata().is_ok_and(|file| file.len() + log <= SMALL_FILE)
    }

    /// Runs a search. If it is slow, later ones do not run inline for a second.
    pub(crate) fn observe<T>(&self, search: impl FnOnce() -> T) -> T {
        let start = thread_time();
        let result = search();
        self.pause.record_read(thread_time().saturating_sub(start));
        result
    }
}

/// The CPU time of this thread. The time during which other threads use its core says nothing about a search.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The time since the first call.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn thread_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn use_cpu(time: Duration) {
        let start = thread_time();
        while thread_time().saturating_sub(start) < time {}
    }

    #[test]
    fn searches_pause_after_one_that_uses_much_cpu() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let searches = InlineSearches::new(Some(file.path().to_owned()));
        searches.observe(|| std::thread::park_timeout(2 * SLOW_SEARCH));
        assert!(searches.are_allowed(), "a wait is no reason for a pause");
        searches.observe(|| use_cpu(2 * SLOW_SEARCH));
        // On a busy machine, the pause of a second may be over here.
        while searches.are_allowed() {
            searches.observe(|| use_cpu(2 * SLOW_SEARCH));
        }
    }

    #[test]
    fn only_small_files_are_searched_inline() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let searches = InlineSearches::new(Some(file.path().to_owned()));
        for (length, is_allowed) in [(SMALL_FILE, true), (SMALL_FILE + 1, false), (0, true)] {
            file.as_file().set_len(length).unwrap();
            assert_eq!(searches.are_allowed(), is_allowed, "{length}");
        }
        assert!(!InlineSearches::new(None).are_allowed());
    }
}
