//! [`Watermark`]: the position up to which the log of changes is complete.
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

struct PolledState {
    seq: Option<i64>,
    epoch: u64,
    /// When the last poll began.
    polled_at: Option<Instant>,
    /// The time since which a position is not settled, or the watermark is unknown.
    unsettled_since: Option<Instant>,
}

impl PolledState {
    fn unknown(epoch: u64, since: Instant) -> Self {
        Self { seq: None, epoch, polled_at: None, unsettled_since: Some(since) }
    }
}

impl Watermark {
    /// For a database whose transactions commit in the order of their positions.
    pub(crate) fn unlimited() -> Self {
        Self { state: None }
    }

    /// Unknown until the first poll.
    pub(crate) fn polled() -> Self {
        Self { state: Some(Mutex::new(PolledState::unknown(0, Instant::now()))) }
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

    /// How long the oldest change has been waiting until readers of the log can see it. Zero if none is waiting.
    pub(crate) fn unsettled_for(&self) -> Duration {
        let Some(state) = &self.state else { return Duration::ZERO };
        let state = lock(state);
        let since_poll = state.polled_at.map(|polled_at| polled_at.elapsed()).filter(|elapsed| *elapsed >= TTL);
        let since_change = state.unsettled_since.map(|since| since.elapsed());
        since_change.max(since_poll).unwrap_or_default()
    }

    /// Records a successful poll that began at `started`. `seq` is the new watermark, if there is one.
    /// `unsettled_since` is when the poller has first seen the first position that is not settled.
    pub(crate) fn record_poll(&self, started: Instant, seq: Option<i64>, unsettled_since: Option<Instant>) {
        let Some(state) = &self.state else { return };
        let mut state = lock(state);
        state.seq = seq.or(state.seq);
        state.polled_at = Some(started);
        if state.seq.is_some() {
            state.unsettled_since = unsettled_since;
        }
    }

    /// Makes the watermark unknown, because the poller has lost its connection, or the database was replaced.
    pub(crate) fn reset(&self) {
        if let Some(state) = &self.state {
            let mut state = lock(state);
            let since = state.unsettled_since.or(state.polled_at).unwrap_or_else(Instant::now);
            *state = PolledState::unknown(state.epoch + 1, since);
        }
    }
}

fn lock(state: &Mutex<PolledState>) -> MutexGuard<'_, PolledState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the future, so that a poll at this time stays valid however slow the machine is.
    fn recently() -> Instant {
        Instant::now() + Duration::from_hours(1)
    }

    #[test]
    fn a_watermark_is_unknown_until_polled_and_after_a_reset() {
        let watermark = Watermark::polled();
        assert_eq!(watermark.current(), None);
        watermark.record_poll(recently(), Some(7), None);
        let settled = watermark.current().unwrap();
        assert_eq!(settled.seq, 7);
        watermark.record_poll(recently(), Some(8), None);
        assert!(watermark.is_valid(settled));
        watermark.reset();
        assert_eq!(watermark.current(), None);
        assert!(!watermark.is_valid(settled));
        watermark.record_poll(recently(), None, None);
        assert_eq!(watermark.current(), None, "no position has been settled yet");
        watermark.record_poll(recently(), Some(9), None);
        assert!(!watermark.is_valid(settled), "another connection may lead to another server");
        assert_eq!(watermark.current().map(|settled| settled.seq), Some(9));
    }

    fn ago(duration: Duration) -> Instant {
        Instant::now().checked_sub(duration).unwrap()
    }

    #[test]
    fn an_old_poll_is_not_valid() {
        let watermark = Watermark::polled();
        watermark.record_poll(ago(TTL), Some(7), None);
        assert_eq!(watermark.current(), None);
        assert!(watermark.unsettled_for() >= TTL);
    }

    #[test]
    fn the_oldest_unsettled_change_determines_the_wait() {
        let watermark = Watermark::polled();
        let hour = Duration::from_hours(1);
        watermark.record_poll(recently(), Some(7), Some(ago(hour)));
        assert!(watermark.unsettled_for() >= hour);
        watermark.reset();
        assert!(watermark.unsettled_for() >= hour, "the change still waits");
        watermark.record_poll(recently(), None, None);
        assert!(watermark.unsettled_for() >= hour);
        watermark.record_poll(recently(), Some(8), None);
        assert_eq!(watermark.unsettled_for(), Duration::ZERO);
    }

    #[test]
    fn every_row_counts_without_a_poller() {
        let watermark = Watermark::unlimited();
        watermark.reset();
        assert_eq!(watermark.current().map(|settled| settled.seq), Some(i64::MAX));
        assert_eq!(watermark.unsettled_for(), Duration::ZERO);
    }
}
