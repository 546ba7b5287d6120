//! The generic cell rate algorithm (GCRA, ITU-T I.371), for any number of clients in a fixed amount of memory, without
//! locks.
//!
//! It stores one time per client, the theoretical arrival time (TAT): when the full burst is available to the client
//! again. Each request advances the TAT by the emission interval, which is the period divided by the number of
//! requests. A request that would advance the TAT to more than a full burst after now is refused. A TAT in the past has
//! no effect, so its slot can be reused without being cleared.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Rate;

/// Slots in one cache line of the processor. The hash of a client selects its line.
const WAYS: usize = 4;
const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/// A table with one time for each client. All times are in nanoseconds since an instant that the caller chooses.
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
    /// The client's TAT.
    time: AtomicU64,
}

/// A rate as the algorithm uses it, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    /// How far one request advances the TAT.
    emission_interval: u64,
    /// How far the TAT may be after now: the emission interval times the number of requests in a full burst.
    burst: u64,
}

/// How many requests a client may send now.
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
    pub(crate) fn take(&self, client: u128, quota: Quota, now: u64) -> Result<Allowance, Allowance> {
        let advanced = |tat: u64| tat.max(now) + quota.emission_interval;
        let advance = |tat: u64| Some(advanced(tat)).filter(|tat| *tat <= now + quota.burst);
        match self.slot(client).fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance) {
            Ok(previous_tat) => Ok(quota.allowance(advanced(previous_tat), now)),
            Err(tat) => Err(quota.allowance(tat, now)),
        }
    }

    /// How many requests the client may send now. Counts none.
    pub(crate) fn allowance(&self, client: u128, quota: Quota, now: u64) -> Allowance {
        quota.allowance(self.time(client), now)
    }

    /// The stored time of the client; 0 if none is stored.
    pub(crate) fn time(&self, client: u128) -> u64 {
        let (line, owner) = self.line(client);
        line.find(owner).map_or(0, |slot| slot.time.load(Ordering::Relaxed))
    }

    /// Stores a time for the client, for tables that store another time than a TAT.
    pub(crate) fn set_time(&self, client: u128, time: u64) {
        self.slot(client).store(time, Ordering::Relaxed);
    }

    /// The slot of the client. A client without a slot takes over the slot with the earliest time in its line,
    /// including that time, which is usually in the past. If all four times are in the future, a part of its limit is
    /// already used up. A client that keeps changing its address therefore does not regain its full limit, and the
    /// clients that have used most of their limit keep their slots.
    fn slot(&self, client: u128) -> &AtomicU64 {
        let (line, owner) = self.line(client);
        loop {
            if let Some(slot) = line.find(owner) {
                return &slot.time;
            }
            let CacheLine([a, b, c, d]) = line;
            let earlier = |one, other| if time_of(other) < time_of(one) { other } else { one };
            let slot: &Slot = [b, c, d].into_iter().fold(a, earlier);
            let previous_owner = slot.owner.load(Ordering::Relaxed);
            // If another thread has replaced the owner first, search again: it may have stored the same client.
            let replaced = slot.owner.compare_exchange(previous_owner, owner, Ordering::Relaxed, Ordering::Relaxed);
            if replaced.is_ok() {
                return &slot.time;
            }
        }
    }

    /// The line that the client's hash selects, and the hash.
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

impl Quota {
    pub(crate) fn of(rate: Rate) -> Self {
        let emission_interval = u64::from(rate.period) * NANOSECONDS_PER_SECOND / u64::from(rate.count.max(1));
        Self { emission_interval, burst: emission_interval * u64::from(rate.count) }
    }

    fn allowance(self, tat: u64, now: u64) -> Allowance {
        let used = tat.saturating_sub(now);
        let unused = self.burst.saturating_sub(used);
        let requests = unused / self.emission_interval;
        Allowance { requests, wait: if requests == 0 { self.emission_interval - unused } else { used } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 12 * NANOSECONDS_PER_SECOND;

    fn quota() -> Quota {
        Quota::of(Rate { count: 5, period: 60 })
    }

    #[test]
    fn a_full_burst_passes_then_one_request_per_interval() {
        let buckets = Buckets::new(1);
        let take = |now| buckets.take(7, quota(), now);
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
    fn a_million_clients_displace_no_limited_client() {
        let buckets = Buckets::new(64);
        let limited = u128::MAX;
        while buckets.take(limited, quota(), 0).is_ok() {}
        let allowed = (0..1_000_000).filter(|client| buckets.take(*client, quota(), 0).is_ok()).count();
        let in_use = buckets.lines.iter().flat_map(|line| &line.0).filter(|slot| time_of(slot) > 0).count();
        assert!(in_use <= 64 * WAYS, "{in_use}");
        assert!(allowed <= 64 * WAYS * 5, "{allowed}");
        assert!(buckets.take(limited, quota(), 0).is_err());
        // Every slot can be reused after a full period.
        assert_eq!(buckets.allowance(1_000_000, quota(), 5 * STEP), Allowance { requests: 5, wait: 0 });
        assert!(buckets.take(1_000_000, quota(), 5 * STEP).is_ok());
    }

    #[test]
    fn concurrent_requests_do_not_exceed_the_rate() {
        let buckets = Buckets::new(1);
        let quota = Quota::of(Rate { count: 1000, period: 3600 });
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..1000).filter(|_| buckets.take(7, quota, 0).is_ok()).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 1000);
    }
}
