//! [`Unsettled`]: the positions of the log that running transactions may still fill.
//!
//! A trigger takes a position of the log, a value of the sequence `posts_changes`, after its transaction has got its
//! ID. The change poller reads the sequence and then the running transactions, in this order. Every transaction that
//! took a position up to the sequence's value is therefore among them, or has ended:
//!
//! 1. Each new value of the sequence becomes an entry, together with the transactions that run at that time.
//! 2. At every poll, transactions that have ended are removed from all entries.
//! 3. When the first entry has no transaction left, no row up to its value can appear any more: the value is settled.
//! 4. After [`PATIENCE`], an entry keeps only transactions that hold a write lock on the log. A transaction has had
//!    this lock since before it took a position. Long transactions that write other tables, or in other databases of
//!    the server, then do not delay the feed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::db::fixed_sql::FixedSql;

/// How long an entry waits for its transactions before the poller looks up their locks, which takes longer.
const PATIENCE: Duration = Duration::from_millis(200);
/// The maximum number of entries. Beyond, the last one is replaced by later ones, and settles later.
const MAX_ENTRIES: usize = 64;

#[derive(Default)]
pub(crate) struct Unsettled(VecDeque<Entry>);

struct Entry {
    /// The sequence's value.
    seq: i64,
    /// Transactions that may have taken a position up to `seq`.
    running: Vec<u64>,
    added_at: Instant,
    /// When the entry was added, or the locks were looked up last.
    checked_at: Instant,
}

impl Unsettled {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time when the oldest value that is not settled yet was added.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.0.front().map(|entry| entry.added_at)
    }

    /// Adds a value of the sequence, and the transactions that ran when it had this value.
    pub(crate) fn push(&mut self, seq: i64, running: Vec<u64>, now: Instant) {
        if self.0.len() == MAX_ENTRIES {
            self.0.pop_back();
        }
        self.0.push_back(Entry { seq, running, added_at: now, checked_at: now });
    }

    /// Removes the transactions that are not in `running`, which are all that run now. Returns the largest value that
    /// is settled now, if there is a new one.
    pub(crate) fn settle(&mut self, running: &[u64]) -> Option<i64> {
        for entry in &mut self.0 {
            entry.running.retain(|id| running.contains(id));
        }
        let mut settled = None;
        while self.0.front().is_some_and(|entry| entry.running.is_empty()) {
            settled = self.0.pop_front().map(|entry| entry.seq);
        }
        settled
    }

    /// Whether an entry has waited for so long that [`Unsettled::keep_writers`] is worth a query.
    pub(crate) fn is_late(&self, now: Instant) -> bool {
        self.0.front().is_some_and(|entry| entry.is_late(now))
    }

    /// Removes transactions without a write lock on the log from the entries that have waited long. `writers` were read
    /// after the entries were added. The entries then wait as long again, so that the lookup is not repeated at every
    /// poll.
    pub(crate) fn keep_writers(&mut self, writers: &[u32], now: Instant) {
        for entry in self.0.iter_mut().filter(|entry| entry.is_late(now)) {
            // Locks have the lower half of an ID, which the upper half extends across wraparounds.
            entry.running.retain(|id| writers.iter().any(|writer| u64::from(*writer) == id & u64::from(u32::MAX)));
            entry.checked_at = now;
        }
    }
}

impl Entry {
    fn is_late(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.checked_at) >= PATIENCE
    }
}

/// The lower halves of the IDs of transactions that hold a lock on the log that permits writing. Includes prepared
/// transactions. There are none if the log does not exist.
pub(crate) fn writers(conn: &mut PgConnection) -> QueryResult<Vec<u32>> {
    let ids: Vec<i64> = FixedSql::<BigInt>::new(
        "SELECT ids.transactionid::text::bigint \
         FROM pg_locks AS ids JOIN pg_locks AS tables ON tables.virtualtransaction = ids.virtualtransaction \
         WHERE ids.locktype = 'transactionid' AND ids.mode = 'ExclusiveLock' AND ids.granted \
         AND tables.locktype = 'relation' AND tables.granted \
         AND tables.mode NOT IN ('AccessShareLock', 'RowShareLock') \
         AND tables.relation = to_regclass('post_changes') \
         AND tables.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .load(conn)?;
    Ok(ids.into_iter().filter_map(|id| u32::try_from(id).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_settled_when_its_transactions_have_ended() {
        let (mut unsettled, now) = (Unsettled::default(), Instant::now());
        unsettled.push(5, vec![100, 101], now);
        assert_eq!(unsettled.settle(&[100, 101]), None);
        unsettled.push(7, vec![101, 102], now);
        assert_eq!(unsettled.settle(&[101, 103]), None);
        // 103 began after both values were taken.
        assert_eq!(unsettled.settle(&[103]), Some(7));
        assert!(unsettled.is_empty() && unsettled.since().is_none());
        unsettled.push(9, vec![103, 104], now);
        unsettled.push(10, vec![104], now);
        assert_eq!(unsettled.settle(&[103]), None, "10 must wait for 9");
        assert_eq!(unsettled.settle(&[]), Some(10));
    }

    #[test]
    fn a_long_transaction_that_does_not_write_the_log_is_ignored() {
        let (mut unsettled, now) = (Unsettled::default(), Instant::now());
        let wrapped = (3 << 32) + 101;
        unsettled.push(5, vec![100, wrapped], now);
        assert!(!unsettled.is_late(now));
        unsettled.keep_writers(&[], now);
        let later = now + PATIENCE;
        assert!(unsettled.is_late(later));
        unsettled.keep_writers(&[101], later);
        assert_eq!(unsettled.settle(&[100, wrapped]), None, "the entry still has a writer");
        assert_eq!(unsettled.since(), Some(now), "a lookup of the locks does not shorten the wait");
        assert!(!unsettled.is_late(later) && unsettled.is_late(later + PATIENCE));
        assert_eq!(unsettled.settle(&[100]), Some(5));
    }

    #[test]
    fn many_values_behind_a_long_transaction_take_bounded_memory() {
        let (mut unsettled, now) = (Unsettled::default(), Instant::now());
        for seq in 0..10_000 {
            unsettled.push(seq, vec![1], now);
        }
        assert_eq!(unsettled.0.len(), MAX_ENTRIES);
        assert_eq!(unsettled.settle(&[]), Some(9_999));
    }
}
