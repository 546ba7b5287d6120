//! Histograms that any module can own. Recording a value costs two relaxed atomic additions. `ops::metrics` exports
//! them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts values in buckets.
#[derive(Debug)]
pub struct Histogram {
    unit: Unit,
    /// The inclusive upper bounds of the buckets, in ascending order.
    bounds: &'static [u64],
    /// One count per bound, and one for the values above the last bound.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// The unit of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Nanoseconds, exported as seconds. The bounds are in microseconds.
    Duration,
    Unitless,
}

/// The state of a histogram at one moment, with durations in seconds. It is not atomic: a value that is recorded at the
/// same time may be included in the sum but not in the count, or the other way around.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSnapshot {
    pub sum: f64,
    pub count: u64,
    /// The upper bound of each bucket and the number of values in it, not cumulative. The last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// Creates a histogram of durations. `bounds` are in microseconds.
    #[must_use]
    pub fn of_durations(bounds: &'static [u64]) -> Self {
        Self::new(Unit::Duration, bounds)
    }

    /// Creates a histogram of unitless values.
    #[must_use]
    pub fn of_values(bounds: &'static [u64]) -> Self {
        Self::new(Unit::Unitless, bounds)
    }

    fn new(unit: Unit, bounds: &'static [u64]) -> Self {
        let counts = std::iter::repeat_with(AtomicU64::default).take(bounds.len() + 1).collect();
        Self { unit, bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Records a duration.
    pub fn record_duration(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.record_in_bucket(nanoseconds.div_ceil(1000), nanoseconds);
    }

    /// Records a unitless value.
    pub fn record(&self, value: u64) {
        self.record_in_bucket(value, value);
    }

    fn record_in_bucket(&self, value: u64, addend: u64) {
        let bucket = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(addend, Ordering::Relaxed);
    }

    /// Reads the current counts.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "metrics need at most 15 exact digits")]
    pub fn snapshot(&self) -> HistogramSnapshot {
        let (bound_divisor, sum_divisor) = match self.unit {
            Unit::Duration => (1e6, 1e9),
            Unit::Unitless => (1.0, 1.0),
        };
        let bounds = self.bounds.iter().map(|upper| *upper as f64 / bound_divisor).chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(self.counts.iter().map(|count| count.load(Ordering::Relaxed))).collect();
        HistogramSnapshot {
            sum: self.sum.load(Ordering::Relaxed) as f64 / sum_divisor,
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_first_bucket_that_fits() {
        let histogram = Histogram::of_values(&[1, 4, 16]);
        for value in [0, 1, 2, 4, 5, 17, 1000] {
            histogram.record(value);
        }
        let expected = vec![(1.0, 2), (4.0, 2), (16.0, 1), (f64::INFINITY, 2)];
        assert_eq!(histogram.snapshot(), HistogramSnapshot { sum: 1029.0, count: 7, buckets: expected });
    }

    #[test]
    fn durations_are_in_seconds_and_never_rounded_down() {
        let histogram = Histogram::of_durations(&[100, 1_000_000]);
        for nanoseconds in [100_000, 100_001, 1_000_000_000] {
            histogram.record_duration(Duration::from_nanos(nanoseconds));
        }
        let expected = vec![(0.0001, 1), (1.0, 2), (f64::INFINITY, 0)];
        assert_eq!(histogram.snapshot(), HistogramSnapshot { sum: 1.000_200_001, count: 3, buckets: expected });
    }
}
