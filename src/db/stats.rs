//! What is going on at the database, for operators: who waits for connections, what is refused, what fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::db::error::Error;
use crate::telemetry::histogram::{Histogram, HistogramSnapshot};

/// In microseconds.
const WAITS: &[u64] =
    &[100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000];
const GROUP_SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128];

/// A pool of connections at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolStats {
    /// `read` and `write` on SQLite, `primary` and `replica` on PostgreSQL.
    pub name: &'static str,
    /// The most connections that it may have.
    pub size: u64,
    /// Those that are open.
    pub open: u64,
    /// Those that serve.
    pub in_use: u64,
    /// Requests that wait for one.
    pub waiting: u64,
    /// How long those waited that got one.
    pub wait_times: HistogramSnapshot,
    /// Refused at once, because too many waited already.
    pub rejected_full: u64,
    /// Refused after they had waited in vain.
    pub rejected_timeout: u64,
}

/// SQLite's writer at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct WriterStats {
    /// How many writes the commits had.
    pub batch_sizes: HistogramSnapshot,
    /// How long the transactions took, from their beginning to the end of the commit.
    pub commit_times: HistogramSnapshot,
    /// The length of the write-ahead log, in bytes.
    pub wal_bytes: u64,
}

/// A database, and whether it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointStatus {
    /// `primary`, or `replica`.
    pub name: &'static str,
    pub is_up: bool,
}

/// Who waits for a connection of a pool.
#[derive(Debug)]
pub(crate) struct Line {
    waiting: AtomicU64,
    waits: Histogram,
    refused_full: AtomicU64,
    refused_late: AtomicU64,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self {
            waiting: AtomicU64::new(0),
            waits: Histogram::of_durations(WAITS),
            refused_full: AtomicU64::new(0),
            refused_late: AtomicU64::new(0),
        }
    }

    /// Somebody begins to wait, until what this answers is dropped.
    pub(crate) fn enter(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting { line: self, began: Instant::now() }
    }

    /// Somebody has got a connection after this time.
    pub(crate) fn served(&self, waited: Duration) {
        self.waits.record_duration(waited);
    }

    pub(crate) fn refused_full(&self) {
        self.refused_full.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused_late(&self) {
        self.refused_late.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, name: &'static str, size: u64, open: u64, in_use: u64) -> PoolStats {
        PoolStats {
            name,
            size,
            open,
            in_use,
            waiting: self.waiting.load(Ordering::Relaxed),
            wait_times: self.waits.snapshot(),
            rejected_full: self.refused_full.load(Ordering::Relaxed),
            rejected_timeout: self.refused_late.load(Ordering::Relaxed),
        }
    }
}

/// Somebody who waits.
pub(crate) struct Waiting<'a> {
    line: &'a Line,
    began: Instant,
}

impl Waiting<'_> {
    /// It has got a connection.
    pub(crate) fn end(self) {
        self.line.served(self.began.elapsed());
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.line.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What SQLite's writer has done.
#[derive(Debug)]
pub(crate) struct Groups {
    sizes: Histogram,
    times: Histogram,
}

impl Groups {
    pub(crate) fn new() -> Self {
        Self { sizes: Histogram::of_values(GROUP_SIZES), times: Histogram::of_durations(WAITS) }
    }

    /// So many writes were committed together, by a transaction that began then.
    pub(crate) fn committed(&self, writes: usize, began: Instant) {
        self.sizes.record(writes as u64);
        self.times.record_duration(began.elapsed());
    }

    pub(crate) fn commits(&self) -> u64 {
        self.sizes.snapshot().count
    }

    pub(crate) fn read(&self, wal: u64) -> WriterStats {
        WriterStats { batch_sizes: self.sizes.snapshot(), commit_times: self.times.snapshot(), wal_bytes: wal }
    }
}

/// How often the database gave no answer, by why.
#[derive(Debug, Default)]
pub(crate) struct Failures([AtomicU64; 5]);

const FAILURES: [&str; 5] = ["busy", "unreachable", "full", "deadline", "query"];

impl Failures {
    pub(crate) fn note(&self, error: &Error) {
        let index = match error {
            Error::Busy(_) => 0,
            Error::Unreachable(_) => 1,
            Error::Full(_) => 2,
            Error::Deadline => 3,
            Error::Query(_) => 4,
        };
        if let Some(count) = self.0.get(index) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Vec<(&'static str, u64)> {
        FAILURES.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed))).collect()
    }
}
