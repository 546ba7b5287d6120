//! [`Generations`]: the current [`Generation`], which a later revision replaces.

use std::sync::{Arc, PoisonError, RwLock};

use crate::http::middleware::cache::generation::Generation;
use crate::http::middleware::cache::weight::Weight;

pub(crate) struct Generations<V: Weight> {
    /// In bytes.
    capacity: u64,
    current: RwLock<Arc<Generation<V>>>,
}

impl<V: Weight> Generations<V> {
    /// A generation stores at most `capacity` bytes.
    pub(crate) fn new(capacity: u64) -> Self {
        let current = RwLock::new(Arc::new(Generation::new(0, capacity)));
        Self { capacity, current }
    }

    fn current(&self) -> Arc<Generation<V>> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The generation of this revision, or of a later one.
    pub(crate) fn at(&self, revision: u64) -> Arc<Generation<V>> {
        let current = self.current();
        if current.revision >= revision {
            return current;
        }
        let mut next = Arc::new(Generation::new(revision, self.capacity));
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have installed a later generation, whose results are at least as recent.
        if current.revision < revision {
            std::mem::swap(&mut *current, &mut next);
        }
        let generation = Arc::clone(&current);
        // Release the lock first: dropping the old generation takes time.
        drop(current);
        generation
    }
}
