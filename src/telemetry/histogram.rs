//! Histograms that any room may own: a value costs two relaxed atomic additions. `ops::metrics` shows them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often values fell into each of some buckets.
#[derive(Debug)]
pub struct Histogram {
    scale: Scale,
    /// The upper bound of each range, which belongs to it, in ascending order.
    bounds: &'static [u64],
    /// One more than there are bounds.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What the numbers of a histogram stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// Kept in nanoseconds, shown in seconds.
    Time,
    Number,
}

/// A histogram at one moment, in seconds where it is one of times. Values that are being counted meanwhile may be
/// missing from any of its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSnapshot {
    pub sum: f64,
    pub count: u64,
    /// The upper bound of each range, and how many values are in this range alone; the last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// A histogram of times; `bounds` are in microseconds.
    #[must_use]
    pub fn of_durations(bounds: &'static [u64]) -> Self {
        Self::new(Scale::Time, bounds)
    }

    /// A histogram of numbers.
    #[must_use]
    pub fn of_values(bounds: &'static [u64]) -> Self {
        Self::new(Scale::Number, bounds)
    }

    fn new(scale: Scale, bounds: &'static [u64]) -> Self {
        let counts = std::iter::repeat_with(AtomicU64::default).take(bounds.len() + 1).collect();
        Self { scale, bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts a time.
    pub fn record_duration(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.record_in_bucket(nanoseconds.div_ceil(1000), nanoseconds);
    }

    /// Counts a number.
    pub fn record(&self, value: u64) {
        self.record_in_bucket(value, value);
    }

    fn record_in_bucket(&self, value: u64, added: u64) {
        let range = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get(range) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(added, Ordering::Relaxed);
    }

    /// What it holds now.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "what is shown need not be exact beyond 15 digits")]
    pub fn snapshot(&self) -> HistogramSnapshot {
        let (bound, value) = match self.scale {
            Scale::Time => (1e6, 1e9),
            Scale::Number => (1.0, 1.0),
        };
        let bounds = self.bounds.iter().map(|upper| *upper as f64 / bound).chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(self.counts.iter().map(|count| count.load(Ordering::Relaxed))).collect();
        HistogramSnapshot {
            sum: self.sum.load(Ordering::Relaxed) as f64 / value,
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_in_the_first_range_that_reaches_it() {
        let histogram = Histogram::of_values(&[1, 4, 16]);
        for value in [0, 1, 2, 4, 5, 17, 1000] {
            histogram.record(value);
        }
        let expected = vec![(1.0, 2), (4.0, 2), (16.0, 1), (f64::INFINITY, 2)];
        assert_eq!(histogram.snapshot(), HistogramSnapshot { sum: 1029.0, count: 7, buckets: expected });
    }

    #[test]
    fn times_are_shown_in_seconds_and_none_is_taken_for_shorter_than_it_is() {
        let histogram = Histogram::of_durations(&[100, 1_000_000]);
        for nanoseconds in [100_000, 100_001, 1_000_000_000] {
            histogram.record_duration(Duration::from_nanos(nanoseconds));
        }
        let expected = vec![(0.0001, 1), (1.0, 2), (f64::INFINITY, 0)];
        assert_eq!(histogram.snapshot(), HistogramSnapshot { sum: 1.000_200_001, count: 3, buckets: expected });
    }
}
