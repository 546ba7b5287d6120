//! [`MinLsn`]: the LSN that the replica must have replayed before it may serve a read.
//!
//! It is the end of every public change that this instance knows of, its own and those that the change poller found:
//!
//! 1. After a commit, this instance reads the primary's LSN on the same connection and raises the minimum to it.
//! 2. If the LSN is not known, because the outcome of a commit is unknown or reading the LSN failed, the change is
//!    marked pending. While a change is pending there is no minimum, and the primary serves all reads.
//! 3. The poller reads the primary's LSN and resolves the pending changes with it. The changes that it detects itself
//!    are marked and resolved in the same poll.
//! 4. The revision advances only after step 1, 2, or 3. A reader that has a revision therefore gets a minimum that
//!    covers it, or none.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct MinLsn {
    lsn: AtomicI64,
    /// How many changes have been marked pending.
    marked: AtomicU64,
    /// How many of them have been resolved.
    resolved: AtomicU64,
}

impl MinLsn {
    /// Starts with a pending change, so the minimum is unknown.
    pub(crate) fn new() -> Self {
        Self { lsn: AtomicI64::new(0), marked: AtomicU64::new(1), resolved: AtomicU64::new(0) }
    }

    /// The minimum LSN. `None` while a change is pending.
    pub(crate) fn get(&self) -> Option<i64> {
        // `resolved` must be loaded first: a mark that the second load misses was made after this call began.
        let resolved = self.resolved.load(Ordering::SeqCst);
        (self.marked.load(Ordering::SeqCst) == resolved).then(|| self.lsn.load(Ordering::SeqCst))
    }

    /// Marks a change whose LSN is unknown. An LSN of the primary that is read after this call covers it.
    pub(crate) fn mark_pending(&self) {
        self.marked.fetch_add(1, Ordering::SeqCst);
    }

    /// A token for the pending changes, to be passed to [`MinLsn::resolve`] with an LSN that is read after this call.
    /// `None` if no change is pending.
    pub(crate) fn pending(&self) -> Option<u64> {
        let marked = self.marked.load(Ordering::SeqCst);
        (marked != self.resolved.load(Ordering::SeqCst)).then_some(marked)
    }

    /// Raises the minimum to `lsn`. A smaller LSN has no effect.
    pub(crate) fn raise(&self, lsn: i64) {
        self.lsn.fetch_max(lsn, Ordering::SeqCst);
    }

    /// Raises the minimum to `lsn`, and resolves the changes that were pending when `token` was returned.
    pub(crate) fn resolve(&self, token: u64, lsn: i64) {
        self.raise(lsn);
        self.resolved.fetch_max(token, Ordering::SeqCst);
    }

    /// Forgets the LSN when the connection may lead to another primary, whose WAL may be shorter. The new pending mark
    /// covers the changes that the old LSN covered.
    pub(crate) fn reset(&self) {
        self.mark_pending();
        self.lsn.store(0, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::MinLsn;

    #[test]
    fn minimum_is_unknown_while_a_change_is_pending() {
        let min_lsn = MinLsn::new();
        assert_eq!(min_lsn.get(), None);
        let token = min_lsn.pending().unwrap();
        // Another change while the LSN is being read.
        min_lsn.mark_pending();
        min_lsn.resolve(token, 7);
        assert_eq!(min_lsn.get(), None);
        min_lsn.resolve(min_lsn.pending().unwrap(), 9);
        assert_eq!((min_lsn.get(), min_lsn.pending()), (Some(9), None));
        min_lsn.raise(8);
        assert_eq!(min_lsn.get(), Some(9));
        min_lsn.reset();
        assert_eq!(min_lsn.get(), None);
        min_lsn.resolve(min_lsn.pending().unwrap(), 3);
        assert_eq!(min_lsn.get(), Some(3));
    }
}
