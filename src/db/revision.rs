//! A number that tells whether what was read is still what is stored.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Counts the changes to what is read without a key: those of this instance before they are answered, those from
/// elsewhere as soon as they are noticed.
pub(crate) struct Revision {
    number: AtomicU64,
    /// Who looks for changes from elsewhere must have done so this recently; otherwise the number says nothing.
    trusted_for: Duration,
    start: Instant,
    /// Microseconds from `start` to the last look, plus one; 0: there was none.
    looked_at: AtomicU64,
    is_out: AtomicBool,
}

impl Revision {
    pub(crate) fn new(trusted_for: Duration) -> Self {
        Self {
            number: AtomicU64::new(0),
            trusted_for,
            start: Instant::now(),
            looked_at: AtomicU64::new(0),
            is_out: AtomicBool::new(true),
        }
    }

    /// `None` while changes from elsewhere may go unnoticed.
    pub(crate) fn current(&self) -> Option<u64> {
        let looked_at = self.looked_at.load(Ordering::Acquire);
        let is_trusted = looked_at > 0 && self.elapsed() < looked_at + micros(self.trusted_for);
        if is_trusted {
            return Some(self.number.load(Ordering::Acquire));
        }
        if looked_at > 0 && !self.is_out.swap(true, Ordering::Relaxed) {
            tracing::debug!("changes by others may go unnoticed: the cache is off until the database answers again");
        }
        None
    }

    /// What was read before may have changed.
    pub(crate) fn advance(&self) {
        self.number.fetch_add(1, Ordering::AcqRel);
    }

    /// Changes from elsewhere that were committed before `moment` have been noticed.
    pub(crate) fn looked(&self, moment: Instant) {
        self.looked_at.store(micros(moment.duration_since(self.start)) + 1, Ordering::Release);
        self.is_out.store(false, Ordering::Relaxed);
    }

    /// Nobody looks any more.
    pub(crate) fn lose(&self) {
        self.looked_at.store(0, Ordering::Release);
    }

    fn elapsed(&self) -> u64 {
        micros(self.start.elapsed())
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
