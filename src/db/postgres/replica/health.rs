//! [`ReplicaHealth`]: whether the replica may serve reads, and the log lines when that changes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a successful check keeps the replica healthy, and how long a check may take.
pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct ReplicaHealth {
    start: Instant,
    /// When the last successful check began, in microseconds after `start`, plus one. 0: there is none, or a read has
    /// failed since.
    succeeded_at: AtomicU64,
    /// When the running check began, in the same unit. 0: no check is running.
    checking_since: AtomicU64,
    logged: Mutex<Option<LoggedHealth>>,
}

/// What the last log line reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoggedHealth {
    Healthy,
    Unhealthy,
}

impl ReplicaHealth {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            succeeded_at: AtomicU64::new(0),
            checking_since: AtomicU64::new(0),
            logged: Mutex::new(None),
        }
    }

    /// Whether the replica may serve reads.
    pub(crate) fn is_healthy(&self) -> bool {
        let succeeded_at = self.succeeded_at.load(Ordering::Relaxed);
        succeeded_at > 0 && !self.has_expired(succeeded_at)
    }

    /// Stops reads until the next successful check, after a read has failed. Logs nothing.
    pub(crate) fn invalidate(&self) {
        self.succeeded_at.store(0, Ordering::Relaxed);
    }

    pub(crate) fn begin_check(&self, now: Instant) {
        self.checking_since.store(self.stamp(now), Ordering::Relaxed);
    }

    pub(crate) fn end_check(&self) {
        self.checking_since.store(0, Ordering::Relaxed);
    }

    /// Records a successful check that began at `started`. One that took longer than [`CHECK_TIMEOUT`] does not count.
    pub(crate) fn mark_healthy(&self, started: Instant) {
        if self.has_expired(self.stamp(started)) {
            return;
        }
        if self.update_logged(LoggedHealth::Healthy) {
            tracing::info!("the replica is healthy and serves public reads");
        }
        self.succeeded_at.store(self.stamp(started), Ordering::Relaxed);
    }

    pub(crate) fn mark_unhealthy(&self, reason: &str) {
        self.invalidate();
        if self.update_logged(LoggedHealth::Unhealthy) {
            tracing::warn!(reason, "the replica is unhealthy; the primary serves all reads");
        }
    }

    /// Whether the last log line reported the replica as unhealthy.
    pub(crate) fn is_logged_unhealthy(&self) -> bool {
        *self.logged.lock().unwrap_or_else(PoisonError::into_inner) == Some(LoggedHealth::Unhealthy)
    }

    /// Marks the replica unhealthy if the running check has timed out. The caller must be a thread that does not wait
    /// for the replica: the thread that runs the check is blocked by a server that hangs.
    pub(crate) fn detect_timeout(&self) {
        let checking_since = self.checking_since.load(Ordering::Relaxed);
        if checking_since > 0 && self.has_expired(checking_since) {
            self.mark_unhealthy("it does not respond");
        }
    }

    /// Remembers `health` as logged, and returns whether it differs from the last log line.
    fn update_logged(&self, health: LoggedHealth) -> bool {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner).replace(health) != Some(health)
    }

    fn stamp(&self, moment: Instant) -> u64 {
        micros(moment.duration_since(self.start)) + 1
    }

    fn has_expired(&self, stamp: u64) -> bool {
        micros(self.start.elapsed()) >= stamp + micros(CHECK_TIMEOUT)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
