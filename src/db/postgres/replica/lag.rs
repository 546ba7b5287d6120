//! [`Lag`]: how long the replica has been behind the primary.
//!
//! It samples the primary's LSN with the time on this machine's clock. The lag is the age of the oldest sample that the
//! replica has not replayed. `pg_last_xact_replay_timestamp` is not used: its age grows while nothing is written.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The maximum number of samples. Beyond it, every other sample is dropped, and the spacing of new ones doubles.
const MAX_SAMPLES: usize = 128;
/// The minimum time between two reads of the primary's LSN.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Lag {
    /// How often the primary's LSN is read.
    interval: Duration,
    /// The minimum time between stored samples. Grows with the lag.
    spacing: Duration,
    /// The last LSN that was read, and when.
    newest: Option<(Instant, i64)>,
    /// Samples that the replica has not replayed, oldest first.
    unreplayed: VecDeque<(Instant, i64)>,
}

impl Lag {
    /// `max_lag` is the accepted lag. It determines how often the primary's LSN is read: 64 times within that lag, but
    /// at most every 100 ms.
    pub(crate) fn new(max_lag: Duration) -> Self {
        let interval = (max_lag / 64).max(MIN_INTERVAL);
        Self { interval, spacing: interval, newest: None, unreplayed: VecDeque::new() }
    }

    /// Whether it is time to read the primary's LSN.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.newest.is_none_or(|(time, _)| now.duration_since(time) >= self.interval)
    }

    /// Records the primary's LSN.
    pub(crate) fn record_primary(&mut self, now: Instant, lsn: i64) {
        // After a failover, the new primary's WAL can be shorter, so the old samples are invalid.
        if self.newest.is_some_and(|(_, newest)| lsn < newest) {
            self.unreplayed.clear();
        }
        self.newest = Some((now, lsn));
        if self.unreplayed.is_empty() {
            self.spacing = self.interval;
        }
        if self.unreplayed.back().is_some_and(|(time, _)| now.duration_since(*time) < self.spacing) {
            return;
        }
        self.unreplayed.push_back((now, lsn));
        if self.unreplayed.len() > MAX_SAMPLES {
            let mut is_kept = false;
            self.unreplayed.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.spacing *= 2;
        }
    }

    /// The lag of a replica that has replayed the WAL up to `replayed`. `None` until the primary's LSN has been read.
    pub(crate) fn measure(&mut self, replayed: i64) -> Option<Duration> {
        let (now, _) = self.newest?;
        while self.unreplayed.front().is_some_and(|(_, lsn)| *lsn <= replayed) {
            self.unreplayed.pop_front();
        }
        Some(self.unreplayed.front().map_or(Duration::ZERO, |(time, _)| now.duration_since(*time)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_grows_with_unreplayed_wal_but_not_with_idle_time() {
        let (start, mut lag) = (Instant::now(), Lag::new(Duration::from_secs(10)));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(lag.measure(5), None);
        for seconds in 0..60 {
            assert!(lag.is_due(at(seconds)));
            lag.record_primary(at(seconds), 100);
        }
        assert_eq!(lag.measure(100), Some(Duration::ZERO));
        // The primary writes one byte per second, and the replica replays nothing.
        for seconds in 60..90 {
            lag.record_primary(at(seconds), i64::try_from(seconds).unwrap() + 100);
        }
        assert_eq!(lag.measure(100), Some(Duration::from_secs(29)));
        assert_eq!(lag.measure(180), Some(Duration::from_secs(8)));
        assert_eq!(lag.measure(189), Some(Duration::ZERO));
    }

    #[test]
    fn long_lag_is_measured_with_few_samples() {
        let (start, mut lag) = (Instant::now(), Lag::new(Duration::from_secs(10)));
        for number in 0..100_000 {
            lag.record_primary(start + Duration::from_secs(number), i64::try_from(number).unwrap());
        }
        assert!(lag.unreplayed.len() <= MAX_SAMPLES);
        assert_eq!(lag.measure(-1), Some(Duration::from_secs(99_999)));
        // The next sample may be later than LSN 10,001, so the lag may be underestimated.
        let measured = lag.measure(10_000).unwrap();
        assert!(measured > Duration::from_hours(24) && measured <= Duration::from_secs(89_999), "{measured:?}");
        assert_eq!(lag.measure(100_000), Some(Duration::ZERO));
    }
}
