//! How far a replica is behind, in time. It is measured on this machine's clock and against the primary's log: the age
//! of the last transaction that a replica has replayed would grow on a site where nobody writes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many places of the primary are kept before every other one is dropped, and half as many are kept from then on.
const SAMPLES: usize = 128;
const SHORTEST: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Lag {
    /// How often a place is asked for.
    interval: Duration,
    /// How often one is kept: less often the longer the replica is behind.
    spacing: Duration,
    newest: Option<(Instant, i64)>,
    /// Where the primary was, and when; what the replica has replayed was dropped.
    missing: VecDeque<(Instant, i64)>,
}

impl Lag {
    /// One that measures `longest` well.
    pub(crate) fn new(longest: Duration) -> Self {
        let interval = (longest / 64).max(SHORTEST);
        Self { interval, spacing: interval, newest: None, missing: VecDeque::new() }
    }

    /// Whether the primary's place is asked for again.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.newest.is_none_or(|(time, _)| now.duration_since(time) >= self.interval)
    }

    pub(crate) fn primary_was_at(&mut self, now: Instant, position: i64) {
        // Another server has become the primary, and had not got all.
        if self.newest.is_some_and(|(_, newest)| position < newest) {
            self.missing.clear();
        }
        self.newest = Some((now, position));
        if self.missing.is_empty() {
            self.spacing = self.interval;
        }
        if self.missing.back().is_some_and(|(time, _)| now.duration_since(*time) < self.spacing) {
            return;
        }
        self.missing.push_back((now, position));
        if self.missing.len() > SAMPLES {
            let mut is_kept = false;
            self.missing.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.spacing *= 2;
        }
    }

    /// For how long the replica has been without something that the primary had. `None`: the primary was not asked yet.
    pub(crate) fn of(&mut self, replayed: i64) -> Option<Duration> {
        let (asked, _) = self.newest?;
        while self.missing.front().is_some_and(|(_, position)| *position <= replayed) {
            self.missing.pop_front();
        }
        Some(self.missing.front().map_or(Duration::ZERO, |(time, _)| asked.duration_since(*time)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_behind_for_as_long_as_it_misses_something_and_not_for_as_long_as_nothing_happens() {
        let (start, mut lag) = (Instant::now(), Lag::new(Duration::from_secs(10)));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(lag.of(5), None);
        for seconds in 0..60 {
            assert!(lag.is_due(at(seconds)));
            lag.primary_was_at(at(seconds), 100);
        }
        assert_eq!(lag.of(100), Some(Duration::ZERO));
        // From here on it replays nothing.
        for seconds in 60..90 {
            lag.primary_was_at(at(seconds), i64::try_from(seconds).unwrap() + 100);
        }
        assert_eq!(lag.of(100), Some(Duration::from_secs(29)));
        assert_eq!(lag.of(180), Some(Duration::from_secs(8)));
        assert_eq!(lag.of(189), Some(Duration::ZERO));
    }

    #[test]
    fn however_long_it_is_behind_few_places_are_kept() {
        let (start, mut lag) = (Instant::now(), Lag::new(Duration::from_secs(10)));
        for number in 0..100_000 {
            lag.primary_was_at(start + Duration::from_secs(number), i64::try_from(number).unwrap());
        }
        assert!(lag.missing.len() <= SAMPLES);
        assert_eq!(lag.of(-1), Some(Duration::from_secs(99_999)));
        // The next place that was kept may be later, by a part of the whole.
        let behind = lag.of(10_000).unwrap();
        assert!(behind > Duration::from_hours(24) && behind <= Duration::from_secs(89_999), "{behind:?}");
        assert_eq!(lag.of(100_000), Some(Duration::ZERO));
    }
}
