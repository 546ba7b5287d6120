//! [`Revision`]: a number that changes whenever public data may have changed. Caches store it with their entries.
//!
//! 1. A write of this instance advances the number after its commit and before its response.
//! 2. A poller (the SQLite writer thread or the PostgreSQL change poller) looks for changes by other processes. It
//!    advances the number when it finds one, and then records when the poll began.
//! 3. A reader gets the number before it queries the database, and stores its result under that number.
//! 4. If the last poll is older than the time to live, the number is unknown, and readers must not use a cache.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::db::change_signal::ChangeSignal;

pub(crate) struct Revision {
    number: AtomicU64,
    /// How long a poll stays valid. This bounds how stale a cached response can be.
    ttl: Duration,
    start: Instant,
    /// When the last successful poll began, in microseconds after `start`, plus one. 0: there is no valid poll.
    polled_at: AtomicU64,
    /// The same without the one. Remains when the number becomes unknown. 0: there was no poll yet.
    responded_at: AtomicU64,
    /// Notified when the number advances.
    signal: Option<ChangeSignal>,
    /// Whether the log already reports that polling has stopped.
    is_outage_logged: AtomicBool,
}

impl Revision {
    pub(crate) fn new(ttl: Duration, signal: Option<ChangeSignal>) -> Self {
        Self {
            number: AtomicU64::new(0),
            ttl,
            start: Instant::now(),
            polled_at: AtomicU64::new(0),
            responded_at: AtomicU64::new(0),
            signal,
            is_outage_logged: AtomicBool::new(true),
        }
    }

    /// The current number. `None` if the last poll is too old to rule out an unnoticed change.
    pub(crate) fn current(&self) -> Option<u64> {
        let polled_at = self.polled_at.load(Ordering::Acquire);
        let is_valid = polled_at > 0 && self.elapsed() < polled_at + micros(self.ttl);
        if is_valid {
            return Some(self.number.load(Ordering::Acquire));
        }
        if polled_at > 0 && !self.is_outage_logged.swap(true, Ordering::Relaxed) {
            tracing::debug!("cannot detect external changes; caching is disabled until the next successful poll");
        }
        None
    }

    /// Changes the number, which invalidates all results that were read before.
    pub(crate) fn advance(&self) {
        self.number.fetch_add(1, Ordering::AcqRel);
        if let Some(signal) = &self.signal {
            signal.notify();
        }
    }

    /// Records a successful poll that began at `started`. The caller has already advanced the number for every change
    /// committed before then.
    pub(crate) fn record_poll(&self, started: Instant) {
        let polled_at = micros(started.duration_since(self.start));
        self.polled_at.store(polled_at + 1, Ordering::Release);
        self.responded_at.store(polled_at, Ordering::Relaxed);
        self.is_outage_logged.store(false, Ordering::Relaxed);
    }

    /// Makes the number unknown until the next successful poll.
    pub(crate) fn invalidate(&self) {
        self.polled_at.store(0, Ordering::Release);
    }

    /// The time since the last successful poll, or since the start.
    pub(crate) fn silence(&self) -> Duration {
        Duration::from_micros(self.elapsed().saturating_sub(self.responded_at.load(Ordering::Relaxed)))
    }

    fn elapsed(&self) -> u64 {
        micros(self.start.elapsed())
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
