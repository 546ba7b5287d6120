//! Counters and histograms about the database, for metrics: pools, batches of SQLite's writer, and errors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::db::error::Error;
use crate::telemetry::histogram::{Histogram, HistogramSnapshot};

/// The upper bounds of the buckets for wait and commit times, in microseconds.
const TIME_BUCKETS: &[u64] =
    &[100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000];
const BATCH_SIZE_BUCKETS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128];

/// A connection pool and its queue at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolStats {
    /// `read` and `write` on SQLite, `primary` and `replica` on PostgreSQL.
    pub name: &'static str,
    /// The maximum number of connections.
    pub size: u64,
    /// Open connections.
    pub open: u64,
    /// Connections on which a call is running.
    pub in_use: u64,
    /// Calls in the queue.
    pub waiting: u64,
    /// The wait times of the calls that got a connection.
    pub wait_times: HistogramSnapshot,
    /// Calls that were rejected because the queue was full.
    pub rejected_full: u64,
    /// Calls that were rejected after the maximum wait.
    pub rejected_timeout: u64,
    pub calls: CallCounts,
}

/// How often calls of a pool did not run to their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Reads that were canceled, because their client had disconnected or their deadline had passed.
    pub canceled: u64,
    /// Connections that were shut down, because the database did not respond on them.
    pub closed: u64,
    /// Long reads that were rejected because too many were waiting.
    pub long_rejected_full: u64,
    /// Long reads that were rejected after the maximum wait for their share of the connections.
    pub long_rejected_timeout: u64,
}

/// SQLite's writer at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct WriterStats {
    /// Writes per commit.
    pub batch_sizes: HistogramSnapshot,
    /// Duration of the transactions, from `BEGIN` to the end of `COMMIT`.
    pub commit_times: HistogramSnapshot,
    /// The length of the write-ahead log, in bytes.
    pub wal_bytes: u64,
}

/// Whether a database endpoint responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointStatus {
    /// `primary` or `replica`.
    pub name: &'static str,
    pub is_up: bool,
}

/// The counters of a pool's queue.
#[derive(Debug)]
pub(crate) struct QueueStats {
    waiting: AtomicU64,
    wait_times: Histogram,
    rejected_full: AtomicU64,
    rejected_timeout: AtomicU64,
}

impl QueueStats {
    pub(crate) fn new() -> Self {
        Self {
            waiting: AtomicU64::new(0),
            wait_times: Histogram::of_durations(TIME_BUCKETS),
            rejected_full: AtomicU64::new(0),
            rejected_timeout: AtomicU64::new(0),
        }
    }

    /// Counts one more waiting call until the timer is finished or dropped.
    pub(crate) fn start_wait(&self) -> WaitTimer<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        WaitTimer { stats: self, started: Instant::now() }
    }

    /// Records the wait of a call that got a connection.
    pub(crate) fn record_wait(&self, wait: Duration) {
        self.wait_times.record_duration(wait);
    }

    pub(crate) fn record_rejected_full(&self) {
        self.rejected_full.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn record_rejected_timeout(&self) {
        self.rejected_timeout.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, name: &'static str, size: u64, open: u64, in_use: u64) -> PoolStats {
        PoolStats {
            name,
            size,
            open,
            in_use,
            waiting: self.waiting.load(Ordering::Relaxed),
            wait_times: self.wait_times.snapshot(),
            rejected_full: self.rejected_full.load(Ordering::Relaxed),
            rejected_timeout: self.rejected_timeout.load(Ordering::Relaxed),
            calls: CallCounts::default(),
        }
    }
}

/// The counters of the calls of a pool.
#[derive(Debug, Default)]
pub(crate) struct CallStats {
    canceled: AtomicU64,
    closed: AtomicU64,
    rejected_full: AtomicU64,
    rejected_timeout: AtomicU64,
}

impl CallStats {
    pub(crate) fn record_canceled(&self) {
        self.canceled.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn record_closed(&self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }

    /// Records a long read that found its queue full.
    pub(crate) fn record_rejected_full(&self) {
        self.rejected_full.fetch_add(1, Ordering::Relaxed);
    }

    /// Records a long read that got no share of the connections in time.
    pub(crate) fn record_rejected_timeout(&self) {
        self.rejected_timeout.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> CallCounts {
        CallCounts {
            canceled: self.canceled.load(Ordering::Relaxed),
            closed: self.closed.load(Ordering::Relaxed),
            long_rejected_full: self.rejected_full.load(Ordering::Relaxed),
            long_rejected_timeout: self.rejected_timeout.load(Ordering::Relaxed),
        }
    }
}

/// Measures the wait of one call.
pub(crate) struct WaitTimer<'a> {
    stats: &'a QueueStats,
    started: Instant,
}

impl WaitTimer<'_> {
    /// Records the wait: the call got a connection. Dropping the timer records nothing.
    pub(crate) fn finish(self) {
        self.stats.record_wait(self.started.elapsed());
    }
}

impl Drop for WaitTimer<'_> {
    fn drop(&mut self) {
        self.stats.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The batches that SQLite's writer has committed.
#[derive(Debug)]
pub(crate) struct CommitStats {
    sizes: Histogram,
    times: Histogram,
}

impl CommitStats {
    pub(crate) fn new() -> Self {
        Self { sizes: Histogram::of_values(BATCH_SIZE_BUCKETS), times: Histogram::of_durations(TIME_BUCKETS) }
    }

    /// Records a batch of `writes`, whose transaction began at `started` and has just been committed.
    pub(crate) fn record(&self, writes: usize, started: Instant) {
        self.sizes.record(writes as u64);
        self.times.record_duration(started.elapsed());
    }

    pub(crate) fn snapshot(&self, wal_bytes: u64) -> WriterStats {
        WriterStats { batch_sizes: self.sizes.snapshot(), commit_times: self.times.snapshot(), wal_bytes }
    }
}

/// Database errors, by kind.
#[derive(Debug, Default)]
pub(crate) struct ErrorCounts([AtomicU64; 7]);

/// The kinds of errors, in the order of the counters. They are values of a metric label.
const ERROR_KINDS: [&str; 7] = ["busy", "unreachable", "read_only", "full", "deadline", "query", "too_expensive"];

impl ErrorCounts {
    pub(crate) fn record(&self, error: &Error) {
        let index = match error {
            Error::Busy(_) => 0,
            Error::Unreachable(_) => 1,
            Error::ReadOnly(_) => 2,
            Error::Full(_) => 3,
            Error::Deadline => 4,
            Error::Query(_) => 5,
            Error::TooExpensive => 6,
        };
        if let Some(count) = self.0.get(index) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<(&'static str, u64)> {
        ERROR_KINDS.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed))).collect()
    }
}
