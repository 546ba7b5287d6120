//! [`InlinePause`]: a period without inline reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long reads run on blocking threads after a slow inline read, which blocks the other requests of its thread.
const INLINE_PAUSE: Duration = Duration::from_secs(1);

/// A period without inline reads, which begins after a slow one.
pub(crate) struct InlinePause {
    start: Instant,
    /// A read that takes longer is slow.
    limit: Duration,
    /// The end of the period, in milliseconds after `start`; 0: there has been none.
    until: AtomicU64,
}

impl InlinePause {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { start: Instant::now(), limit, until: AtomicU64::new(0) }
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until == 0 || now.duration_since(self.start) > Duration::from_millis(until)
    }

    /// Records that an inline read has taken this long.
    pub(crate) fn record_read(&self, duration: Duration) {
        if duration > self.limit {
            let until = self.start.elapsed() + INLINE_PAUSE;
            self.until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}
