//! [`Watermark`]: up to which position the log of changes is complete.
//!
//! On PostgreSQL, a row of the log gets its position before its transaction commits, so a row can become visible after
//! rows with larger positions. The change poller finds the largest position up to which no row can still appear. On
//! SQLite, the one writer commits in order, and every visible row counts.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a poll stays valid. While the poller cannot reach the database, a failover to another server may happen, on
/// which positions up to the watermark may be assigned again.
const TTL: Duration = Duration::from_secs(2);

/// The position up to which the log was complete at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The log is complete up to and including this position.
    pub seq: i64,
    /// Counts the connections of the poller, because another connection may lead to another server.
    epoch: u64,
}

/// The watermark that the change poller maintains.
pub(crate) struct Watermark {
    /// `None`: every visible row counts.
    state: Option<Mutex<PolledState>>,
}

#[derive(Default)]
struct PolledState {
    seq: Option<i64>,
    epoch: u64,
    /// When the last poll began.
    polled_at: Option<Instant>,
}

impl Watermark {
    /// For a database whose transactions commit in the order of their positions.
    pub(crate) fn unlimited() -> Self {
        Self { state: None }
    }

    /// Unknown until the first poll.
    pub(crate) fn polled() -> Self {
        Self { state: Some(Mutex::default()) }
    }

    /// `None` while it is unknown.
    pub(crate) fn current(&self) -> Option<Settled> {
        let Some(state) = &self.state else { return Some(Settled { seq: i64::MAX, epoch: 0 }) };
        let state = lock(state);
        state.polled_at.filter(|polled_at| polled_at.elapsed() < TTL)?;
        Some(Settled { seq: state.seq?, epoch: state.epoch })
    }

    /// Whether the database cannot have been replaced by another server since `settled` was read.
    pub(crate) fn is_valid(&self, settled: Settled) -> bool {
        self.current().is_some_and(|current| current.epoch == settled.epoch)
    }

    pub(crate) fn set(&self, seq: i64) {
        if let Some(state) = &self.state {
            lock(state).seq = Some(seq);
        }
    }

    /// Records a successful poll that began at `started`.
    pub(crate) fn record_poll(&self, started: Instant) {
        if let Some(state) = &self.state {
            lock(state).polled_at = Some(started);
        }
    }

    /// Makes the watermark unknown, because the poller has lost its connection.
    pub(crate) fn reset(&self) {
        if let Some(state) = &self.state {
            let mut state = lock(state);
            *state = PolledState { epoch: state.epoch + 1, ..PolledState::default() };
        }
    }
}

fn lock(state: &Mutex<PolledState>) -> MutexGuard<'_, PolledState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watermark_is_unknown_until_polled_and_after_a_reset() {
        let watermark = Watermark::polled();
        assert_eq!(watermark.current(), None);
        watermark.set(7);
        assert_eq!(watermark.current(), None);
        watermark.record_poll(Instant::now());
        let settled = watermark.current().unwrap();
        assert_eq!(settled.seq, 7);
        watermark.set(8);
        assert!(watermark.is_valid(settled));
        watermark.reset();
        assert_eq!(watermark.current(), None);
        assert!(!watermark.is_valid(settled));
        watermark.set(9);
        watermark.record_poll(Instant::now());
        assert!(!watermark.is_valid(settled), "another connection may lead to another server");
        assert_eq!(watermark.current().map(|settled| settled.seq), Some(9));
    }

    #[test]
    fn an_old_poll_is_not_valid() {
        let watermark = Watermark::polled();
        watermark.set(7);
        let now = Instant::now();
        watermark.record_poll(now.checked_sub(TTL).unwrap_or(now));
        assert_eq!(watermark.current(), None);
    }

    #[test]
    fn every_row_counts_without_a_poller() {
        let watermark = Watermark::unlimited();
        watermark.reset();
        assert_eq!(watermark.current().map(|settled| settled.seq), Some(i64::MAX));
    }
}
