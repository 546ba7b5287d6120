//! [`MemoryBudget`]: a limit on the memory of requests and responses in progress.
//!
//! A client that does not read its response keeps the response in memory. Without a limit, a few hundred such clients
//! could occupy several gigabytes. The budget counts the bytes of each response body from the database read until the
//! last handle to the body is dropped: by the connection that sends it, or by the cache. A body that the cache and many
//! connections share is therefore counted once. The budget also counts the bodies and the long heads of requests.
//!
//! The limit is the capacity of the cache plus the setting `RESPONSE_BYTES`. Callers without a key may use only a part
//! of the latter, so that they cannot exhaust the memory for callers with a key. Their long responses may use less than
//! their short ones: clients that do not read can occupy memory only with long responses, because the kernel accepts
//! the short ones at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::web::Bytes;

/// The maximum length of a short response, in bytes: what the kernel buffers for each connection, see `listen`.
const SHORT: u64 = 64 * 1024;

/// The limit and what is in use; clones share it.
#[derive(Debug, Clone)]
pub struct MemoryBudget(Arc<BudgetInner>);

#[derive(Debug)]
struct BudgetInner {
    /// The capacity of the response cache, in bytes.
    cache: u64,
    /// `RESPONSE_BYTES`.
    responses: u64,
    used: AtomicU64,
    refusals: AtomicU64,
}

/// Whose memory it is, which determines how much of `RESPONSE_BYTES` may be in use before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// A caller without a key: half for more than 64 KiB, and otherwise seven eighths.
    Public,
    /// The request body of a caller with a key: half.
    Upload,
    /// A response to a caller with a key: all.
    Keyed,
}

/// The budget is exhausted for this share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetExhausted;

impl MemoryBudget {
    /// `cache` is the capacity of the response cache; `responses` is `RESPONSE_BYTES`.
    #[must_use]
    pub fn new(cache: u64, responses: u64) -> Self {
        let [used, refusals] = [(); 2].map(|()| AtomicU64::new(0));
        Self(Arc::new(BudgetInner { cache, responses, used, refusals }))
    }

    /// Reserves memory, which is released when the reservation is dropped.
    ///
    /// # Errors
    /// The budget is exhausted for `share`. Nothing is reserved.
    pub fn reserve(&self, share: Share, bytes: usize) -> Result<Reservation, BudgetExhausted> {
        let mut reservation = Reservation { budget: self.clone(), share, bytes: 0 };
        reservation.resize(bytes)?;
        Ok(reservation)
    }

    /// Counts memory that is in use already, even if that exceeds the limit.
    #[must_use]
    pub fn count(&self, bytes: usize) -> Reservation {
        let bytes = to_u64(bytes);
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
        Reservation { budget: self.clone(), share: Share::Keyed, bytes }
    }

    /// Reserves memory for a read of unknown size: that of a short response, and at most `max` bytes. The reservation
    /// must be resized after the read. The number of database connections limits how many reads are not counted yet.
    ///
    /// # Errors
    /// The budget is exhausted.
    pub fn reserve_read(&self, share: Share, max: usize) -> Result<Reservation, BudgetExhausted> {
        self.reserve(share, usize::try_from(SHORT).unwrap_or(usize::MAX).min(max))
    }

    /// The bytes in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// The limit for callers with a key.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.0.cache + self.0.responses
    }

    /// How many reservations have been refused.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.0.refusals.load(Ordering::Relaxed)
    }

    /// Whether so much is in use that slow clients are disconnected early: more than the cache and a quarter of
    /// `RESPONSE_BYTES`.
    #[must_use]
    pub fn is_scarce(&self) -> bool {
        self.used() > self.0.cache + self.0.responses / 4
    }

    /// The limit on the memory in use, if `bytes` of it belong to one response.
    fn limit_of(&self, share: Share, bytes: u64) -> u64 {
        let BudgetInner { cache, responses, .. } = *self.0;
        cache
            + match share {
                Share::Public if bytes > SHORT => responses / 2,
                Share::Public => responses / 8 * 7,
                Share::Upload => responses / 2,
                Share::Keyed => responses,
            }
    }
}

/// A part of the budget, released when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: MemoryBudget,
    share: Share,
    bytes: u64,
}

impl Reservation {
    /// Changes the size of the reservation.
    ///
    /// # Errors
    /// The reservation would grow, and the budget is exhausted. Its size is unchanged.
    pub fn resize(&mut self, bytes: usize) -> Result<(), BudgetExhausted> {
        let bytes = to_u64(bytes);
        if let Some(more) = bytes.checked_sub(self.bytes) {
            let limit = self.budget.limit_of(self.share, bytes);
            let grown = |used: u64| used.checked_add(more).filter(|used| *used <= limit || more == 0);
            let inner = &self.budget.0;
            if inner.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_err() {
                inner.refusals.fetch_add(1, Ordering::Relaxed);
                return Err(BudgetExhausted);
            }
        } else {
            self.budget.0.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Enlarges the reservation.
    ///
    /// # Errors
    /// The budget is exhausted. The size of the reservation is unchanged.
    pub fn grow(&mut self, bytes: usize) -> Result<(), BudgetExhausted> {
        self.resize(usize::try_from(self.bytes).unwrap_or(usize::MAX).saturating_add(bytes))
    }

    /// Adjusts the reservation to these bytes, and ties it to them: it is released when their last handle is dropped.
    ///
    /// # Errors
    /// The bytes are larger than the reservation, and the budget is exhausted.
    pub fn attach(mut self, bytes: Vec<u8>) -> Result<Bytes, BudgetExhausted> {
        // Boxing does not free the unused capacity if it is less than half: the allocator keeps such a block as it is.
        let has_slack = bytes.capacity() - bytes.len() > bytes.len() / 8;
        let bytes = if has_slack { Box::from(bytes.as_slice()) } else { bytes.into_boxed_slice() };
        self.resize(bytes.len())?;
        Ok(Bytes::from_owner(CountedBytes { bytes, _reservation: self }))
    }

    /// Another reservation with the same share.
    ///
    /// # Errors
    /// The budget is exhausted.
    pub fn reserve_more(&self, bytes: usize) -> Result<Self, BudgetExhausted> {
        self.budget.reserve(self.share, bytes)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.0.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

struct CountedBytes {
    bytes: Box<[u8]>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for CountedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn to_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_without_a_key_leave_a_part_for_those_with_one() {
        const LONG: usize = 128 * 1024;
        let budget = MemoryBudget::new(1 << 20, 1 << 20);
        let long: Vec<_> = (0..12).map(|_| budget.reserve(Share::Public, LONG).unwrap()).collect();
        assert_eq!(budget.reserve(Share::Public, LONG).unwrap_err(), BudgetExhausted);
        let short: Vec<_> = (0..6).map(|_| budget.reserve(Share::Public, LONG / 2).unwrap()).collect();
        assert_eq!(budget.reserve(Share::Public, 1).unwrap_err(), BudgetExhausted);
        let mut keyed = budget.reserve(Share::Keyed, LONG).unwrap();
        assert_eq!(keyed.grow(1).unwrap_err(), BudgetExhausted);
        assert_eq!((budget.used(), budget.limit(), budget.refusals()), (2 << 20, 2 << 20, 3));
        drop((long, short));
        assert!(keyed.grow(1).is_ok());
        drop(keyed);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn bytes_are_counted_until_their_last_handle_is_dropped() {
        let budget = MemoryBudget::new(0, 4000);
        let mut reservation = budget.reserve_read(Share::Keyed, 2000).unwrap();
        assert_eq!(budget.used(), 2000);
        reservation.resize(100).unwrap();
        let bytes = reservation.attach(vec![0; 1000]).unwrap();
        let mut rest = bytes.clone();
        let part = rest.split_to(10);
        drop((bytes, rest));
        assert_eq!(budget.used(), 1000);
        drop(part);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn concurrent_reservations_do_not_exceed_the_limit() {
        let budget = MemoryBudget::new(0, 1000);
        let reserved: usize = std::thread::scope(|scope| {
            let reserve = || (0..1000).map_while(|_| budget.reserve(Share::Keyed, 1).ok()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(reserve)).collect();
            let reservations: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            reservations.iter().map(Vec::len).sum()
        });
        assert_eq!((reserved, budget.used()), (1000, 0));
    }
}
