//! [`HeadMemory`]: counts the memory of the request head that a connection is receiving, if it is long.

use std::cell::{Cell, RefCell};

use crate::http::transport::memory_budget::{MemoryBudget, Reservation, Share};

/// The length from which a head is counted, in bytes. Browsers and SDKs send less.
const COUNTED_HEAD: usize = 16 * 1024;
/// The length that actix-http accepts, in bytes.
const MAX_HEAD: usize = 128 * 1024;

#[derive(Debug, Default)]
pub(crate) struct HeadMemory {
    bytes: Cell<usize>,
    memory: RefCell<Option<Reservation>>,
}

impl HeadMemory {
    /// Records bytes of the head.
    pub(crate) fn record(&self, count: usize) {
        self.bytes.set(self.bytes.get() + count);
    }

    /// Reserves memory for a long head. Returns whether the budget has room for it.
    pub(crate) fn reserve(&self, budget: Option<&MemoryBudget>) -> bool {
        let mut memory = self.memory.borrow_mut();
        let Some(budget) = budget.filter(|_| self.bytes.get() > COUNTED_HEAD && memory.is_none()) else { return true };
        *memory = budget.reserve(Share::Public, MAX_HEAD).ok();
        memory.is_some()
    }

    /// Releases the memory, after the request has ended.
    pub(crate) fn clear(&self) {
        self.bytes.set(0);
        self.memory.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_head_needs_memory_of_the_budget() {
        let budget = MemoryBudget::new(0, 2 * MAX_HEAD as u64);
        let (one, other) = (HeadMemory::default(), HeadMemory::default());
        for head in [&one, &other] {
            head.record(COUNTED_HEAD);
            assert!(head.reserve(Some(&budget)));
        }
        assert_eq!(budget.used(), 0);
        one.record(1);
        other.record(1);
        assert!(one.reserve(Some(&budget)));
        assert!(!other.reserve(Some(&budget)));
        assert!(one.reserve(Some(&budget)), "it is reserved once");
        one.clear();
        assert!(other.reserve(Some(&budget)));
    }
}
