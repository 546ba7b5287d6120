//! The generic slot rate algorithm (ITU-T I.371), for any number of clients in a fixed piece of memory, without locks.
//!
//! Of each client it keeps one time: when all that it has sent will have been paid for. Each request moves that time
//! on by its share of the period; one that would move it further ahead than a whole period is refused. A time that has
//! passed says nothing any more, so its slot is free without having been cleared.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Rate;

/// Slots in one cache line of the processor. The hash of a client selects its line.
const WAYS: usize = 4;
const SECOND: u64 = 1_000_000_000;

/// One time for each client, in nanoseconds since an instant that the caller chooses.
pub(crate) struct Buckets {
    lines: Box<[CacheLine]>,
    /// Randomly keyed, so that a client cannot choose which clients it shares a line with.
    hasher: RandomState,
}

#[derive(Default)]
#[repr(align(64))]
struct CacheLine([Slot; WAYS]);

#[derive(Default)]
struct Slot {
    /// The hash of the client.
    owner: AtomicU64,
    time: AtomicU64,
}

/// A rate, in nanoseconds per request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interval {
    /// The cost of one request.
    step: u64,
    /// The cost of the largest burst.
    whole: u64,
}

/// What a client may still send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) requests: u64,
    /// Nanoseconds until one request is allowed if none is now, otherwise until the full burst is available.
    pub(crate) wait: u64,
}

impl Buckets {
    /// Allocates `lines` cache lines of four slots, 64 bytes each.
    pub(crate) fn new(lines: usize) -> Self {
        Self { lines: (0..lines).map(|_| CacheLine::default()).collect(), hasher: RandomState::new() }
    }

    /// Counts a request. Returns `Err` without counting it if the client has no request left.
    pub(crate) fn take(&self, client: u128, interval: Interval, now: u64) -> Result<Allowance, Allowance> {
        let Interval { step, whole } = interval;
        let advance = |time: u64| Some(time.max(now) + step).filter(|time| *time <= now + whole);
        match self.slot(client).fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance) {
            Ok(before) => Ok(interval.allowance(before.max(now) + step, now)),
            Err(time) => Err(interval.allowance(time, now)),
        }
    }

    /// What the client may still send.
    pub(crate) fn allowance(&self, client: u128, interval: Interval, now: u64) -> Allowance {
        interval.allowance(self.time(client), now)
    }

    /// The client's time; 0 if none is stored.
    pub(crate) fn time(&self, client: u128) -> u64 {
        let (line, owner) = self.line(client);
        line.find(owner).map_or(0, |slot| slot.time.load(Ordering::Relaxed))
    }

    pub(crate) fn set_time(&self, client: u128, time: u64) {
        self.slot(client).store(time, Ordering::Relaxed);
    }

    /// The slot of the client. A client without one takes over the slot with the earliest time in its line, together with
    /// that time, which is usually in the past. While all four are in use, the client starts with the smallest debt of
    /// another client. Thus a client that keeps changing its address finds no fresh slot and erases no large debt.
    fn slot(&self, client: u128) -> &AtomicU64 {
        let (line, owner) = self.line(client);
        loop {
            if let Some(slot) = line.find(owner) {
                return &slot.time;
            }
            let CacheLine([a, b, c, d]) = line;
            let earlier = |one, other| if time_of(other) < time_of(one) { other } else { one };
            let slot: &Slot = [b, c, d].into_iter().fold(a, earlier);
            let before = slot.owner.load(Ordering::Relaxed);
            // If another thread won, search again: it may have stored the same client.
            let taken = slot.owner.compare_exchange(before, owner, Ordering::Relaxed, Ordering::Relaxed);
            if taken.is_ok() {
                return &slot.time;
            }
        }
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is less than the length")]
    fn line(&self, client: u128) -> (&CacheLine, u64) {
        let hash = self.hasher.hash_one(client);
        let count = self.lines.len() as u64;
        #[expect(clippy::cast_possible_truncation, reason = "it is less than the length")]
        (&self.lines[(hash % count) as usize], hash)
    }
}

impl CacheLine {
    fn find(&self, owner: u64) -> Option<&Slot> {
        self.0.iter().find(|slot| slot.owner.load(Ordering::Relaxed) == owner)
    }
}

fn time_of(slot: &Slot) -> u64 {
    slot.time.load(Ordering::Relaxed)
}

impl Interval {
    pub(crate) fn of(rate: Rate) -> Self {
        let step = u64::from(rate.period) * SECOND / u64::from(rate.count.max(1));
        Self { step, whole: step * u64::from(rate.count) }
    }

    fn allowance(self, time: u64, now: u64) -> Allowance {
        let debt = time.saturating_sub(now);
        let free = self.whole.saturating_sub(debt);
        let requests = free / self.step;
        Allowance { requests, wait: if requests == 0 { self.step - free } else { debt } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 12 * SECOND;

    fn interval() -> Interval {
        Interval::of(Rate { count: 5, period: 60 })
    }

    #[test]
    fn a_full_burst_passes_then_one_request_per_interval() {
        let buckets = Buckets::new(1);
        let take = |now| buckets.take(7, interval(), now);
        for requests in (0..5).rev() {
            let wait = if requests == 0 { STEP } else { (5 - requests) * STEP };
            assert_eq!(take(7), Ok(Allowance { requests, wait }));
        }
        assert_eq!(take(7), Err(Allowance { requests: 0, wait: STEP }));
        assert_eq!(take(7 + STEP - 1), Err(Allowance { requests: 0, wait: 1 }), "a refusal costs nothing");
        assert_eq!(take(7 + STEP), Ok(Allowance { requests: 0, wait: STEP }));
        assert_eq!(
            take(7 + 100 * STEP),
            Ok(Allowance { requests: 4, wait: STEP }),
            "no more than one full burst accumulates"
        );
    }

    #[test]
    fn a_million_clients_use_fixed_memory_and_erase_no_debt() {
        let buckets = Buckets::new(64);
        let offender = u128::MAX;
        while buckets.take(offender, interval(), 0).is_ok() {}
        let newcomers = (0..1_000_000).filter(|number| buckets.take(*number, interval(), 0).is_ok()).count();
        let in_use = buckets.lines.iter().flat_map(|line| &line.0).filter(|slot| time_of(slot) > 0).count();
        assert!(in_use <= 64 * WAYS, "{in_use}");
        assert!(newcomers <= 64 * WAYS * 5, "{newcomers}");
        assert!(buckets.take(offender, interval(), 0).is_err());
        // All debts expire with time.
        assert_eq!(buckets.allowance(1_000_000, interval(), 5 * STEP), Allowance { requests: 5, wait: 0 });
        assert!(buckets.take(1_000_000, interval(), 5 * STEP).is_ok());
    }

    #[test]
    fn concurrent_requests_do_not_exceed_the_rate() {
        let buckets = Buckets::new(1);
        let interval = Interval::of(Rate { count: 1000, period: 3600 });
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..1000).filter(|_| buckets.take(7, interval, 0).is_ok()).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 1000);
    }
}
