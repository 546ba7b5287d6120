//! [`DeliveryStats`]: the statistics of deliveries for the metrics.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::db::Timestamp;
use crate::webhooks::send::AttemptResult;

/// Statistics of the deliveries of this instance.
#[derive(Debug, Default)]
pub struct DeliveryStats {
    successes: AtomicU64,
    rejections: AtomicU64,
    errors: AtomicU64,
    active: AtomicU64,
    failing: AtomicU64,
    disabled: AtomicU64,
    given_up: AtomicU64,
    /// When the oldest request that is due became due, in microseconds since 1970. 0: none is due.
    oldest_due_at: AtomicI64,
    /// The time of the last check, in microseconds since 1970. 0 before the first one.
    checked_at: AtomicI64,
}

/// The number of webhooks in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StateCounts {
    pub(crate) active: u64,
    pub(crate) failing: u64,
    pub(crate) disabled: u64,
    pub(crate) given_up: u64,
}

impl DeliveryStats {
    /// The number of requests by outcome. `rejected`: the status was not 2xx. `error`: there was no response.
    pub fn attempts(&self) -> [(&'static str, u64); 3] {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [("success", count(&self.successes)), ("rejected", count(&self.rejections)), ("error", count(&self.errors))]
    }

    /// The number of webhooks by state, at the last check of this instance. `failing`: the last request failed.
    /// `disabled`: by a client. `given_up`: by the service.
    pub fn states(&self) -> [(&'static str, u64); 4] {
        let states = [
            ("active", &self.active),
            ("failing", &self.failing),
            ("disabled", &self.disabled),
            ("given_up", &self.given_up),
        ];
        states.map(|(state, counter)| (state, counter.load(Ordering::Relaxed)))
    }

    /// When this instance last knew what is due; `None` before the first time.
    pub fn checked_at(&self) -> Option<Timestamp> {
        Some(self.checked_at.load(Ordering::Relaxed))
            .filter(|time| *time > 0)
            .and_then(|time| Timestamp::from_microseconds(time).ok())
    }

    /// How long the oldest request has been due, in seconds. A request that has failed is due when its delay has
    /// passed.
    pub fn oldest_pending_seconds(&self, now: Timestamp) -> f64 {
        let due_at = self.oldest_due_at.load(Ordering::Relaxed);
        let age = if due_at == 0 { 0 } else { now.as_microseconds().saturating_sub(due_at).max(0) };
        std::time::Duration::from_micros(age.unsigned_abs()).as_secs_f64()
    }

    pub(crate) fn record_attempt(&self, result: &AttemptResult) {
        let counter = match result.status {
            _ if result.is_success() => &self.successes,
            Some(_) => &self.rejections,
            None => &self.errors,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn record_check(&self, counts: StateCounts, oldest_due_at: Option<Timestamp>) {
        self.active.store(counts.active, Ordering::Relaxed);
        self.failing.store(counts.failing, Ordering::Relaxed);
        self.disabled.store(counts.disabled, Ordering::Relaxed);
        self.given_up.store(counts.given_up, Ordering::Relaxed);
        self.oldest_due_at.store(oldest_due_at.map_or(0, Timestamp::as_microseconds), Ordering::Relaxed);
        self.checked_at.store(Timestamp::now().as_microseconds(), Ordering::Relaxed);
    }
}
