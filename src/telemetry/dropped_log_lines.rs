//! Counts log lines that were not written. The command line writes the log; `ops::metrics` exports the count.

use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Records that one line was dropped.
pub fn record() {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// The number of lines that were dropped since the process started.
#[must_use]
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}
