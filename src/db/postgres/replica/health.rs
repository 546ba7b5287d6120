//! Whether a replica takes part, and the lines of the log that tell when that changes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For so long a good look at the replica is trusted, and so long one may take.
pub(crate) const TRUSTED_FOR: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Health {
    start: Instant,
    /// When the last good look began, in microseconds from `start`, plus one; 0: there was none, or something has gone
    /// wrong since.
    good: AtomicU64,
    /// When the look began that is not answered yet; 0: none.
    asked: AtomicU64,
    /// What the log says last.
    told: Mutex<Option<Told>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    In,
    Out,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), good: AtomicU64::new(0), asked: AtomicU64::new(0), told: Mutex::new(None) }
    }

    /// Whether it may be asked.
    pub(crate) fn is_in(&self) -> bool {
        let good = self.good.load(Ordering::Relaxed);
        good > 0 && !self.is_past(good)
    }

    /// Something went wrong: it is not asked until the next look says that it may be.
    pub(crate) fn doubt(&self) {
        self.good.store(0, Ordering::Relaxed);
    }

    pub(crate) fn look_begins(&self, now: Instant) {
        self.asked.store(self.stamp(now), Ordering::Relaxed);
    }

    pub(crate) fn look_has_ended(&self) {
        self.asked.store(0, Ordering::Relaxed);
    }

    /// A look that began at `began` has found it well.
    pub(crate) fn take_in(&self, began: Instant) {
        if self.is_past(self.stamp(began)) {
            return;
        }
        if self.tell(Told::In) {
            tracing::info!("the replica serves those who read without a key");
        }
        self.good.store(self.stamp(began), Ordering::Relaxed);
    }

    pub(crate) fn leave_out(&self, reason: &str) {
        self.doubt();
        if self.tell(Told::Out) {
            tracing::warn!(reason, "the replica is left out: all reads go to the primary until it is well");
        }
    }

    /// Whether the log says that it is left out.
    pub(crate) fn is_told_out(&self) -> bool {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) == Some(Told::Out)
    }

    /// To be called often, by somebody who does not wait for the replica: a server that hangs answers nobody.
    pub(crate) fn notice_silence(&self) {
        let asked = self.asked.load(Ordering::Relaxed);
        if asked > 0 && self.is_past(asked) {
            self.leave_out("it does not answer");
        }
    }

    /// Whether this is new.
    fn tell(&self, what: Told) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).replace(what) != Some(what)
    }

    fn stamp(&self, moment: Instant) -> u64 {
        micros(moment.duration_since(self.start)) + 1
    }

    fn is_past(&self, stamp: u64) -> bool {
        micros(self.start.elapsed()) >= stamp + micros(TRUSTED_FOR)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
