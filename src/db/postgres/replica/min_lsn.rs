//! What a replica must have replayed before it may answer.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A place in the log of the primary behind all changes that this instance knows of.
///
/// Whoever learns of a change raises it before the revision moves on, or owes that: until it is paid, no place is known.
/// So who reads after a change was answered finds the place of that change, or none.
#[derive(Debug)]
pub(crate) struct Floor {
    position: AtomicI64,
    owed: AtomicU64,
    paid: AtomicU64,
}

impl Floor {
    /// One that is not known yet.
    pub(crate) fn new() -> Self {
        Self { position: AtomicI64::new(0), owed: AtomicU64::new(1), paid: AtomicU64::new(0) }
    }

    /// `None` while it is not known.
    pub(crate) fn position(&self) -> Option<i64> {
        // In this order: a debt of which this sees nothing yet was made after the call.
        let paid = self.paid.load(Ordering::SeqCst);
        (self.owed.load(Ordering::SeqCst) == paid).then(|| self.position.load(Ordering::SeqCst))
    }

    /// There was a change whose place is not known, but will lie before the end of the log.
    pub(crate) fn owe(&self) {
        self.owed.fetch_add(1, Ordering::SeqCst);
    }

    /// What is to be paid with a place that is asked for after this call.
    pub(crate) fn debt(&self) -> Option<u64> {
        let owed = self.owed.load(Ordering::SeqCst);
        (owed != self.paid.load(Ordering::SeqCst)).then_some(owed)
    }

    /// A change lies before this place.
    pub(crate) fn raise(&self, position: i64) {
        self.position.fetch_max(position, Ordering::SeqCst);
    }

    /// The changes of [`Floor::debt`] lie before this place.
    pub(crate) fn pay(&self, debt: u64, position: i64) {
        self.raise(position);
        self.paid.fetch_max(debt, Ordering::SeqCst);
    }

    /// The primary may be another server, whose log may be shorter. What was raised is part of the new debt, so it may
    /// be forgotten.
    pub(crate) fn reset(&self) {
        self.owe();
        self.position.store(0, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::Floor;

    #[test]
    fn nothing_is_known_while_a_change_is_owed() {
        let floor = Floor::new();
        assert_eq!(floor.position(), None);
        let debt = floor.debt().unwrap();
        // One more while the place is asked for.
        floor.owe();
        floor.pay(debt, 7);
        assert_eq!(floor.position(), None);
        floor.pay(floor.debt().unwrap(), 9);
        assert_eq!((floor.position(), floor.debt()), (Some(9), None));
        floor.raise(8);
        assert_eq!(floor.position(), Some(9));
        floor.reset();
        assert_eq!(floor.position(), None);
        floor.pay(floor.debt().unwrap(), 3);
        assert_eq!(floor.position(), Some(3));
    }
}
