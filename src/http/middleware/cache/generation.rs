//! [`Generation`]: the results of reads that began at one revision, and the reads in progress. The pages of event
//! streams are stored in generations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::ApiError;
use crate::http::middleware::cache::shared_read::{ReadResult, SharedRead, WeakRead};
use crate::http::middleware::cache::weight::{ByteWeighter, CacheKey, EXPECTED_ENTRIES, Weight};

/// The results of reads that began at one revision or later.
pub(crate) struct Generation<V: Weight> {
    pub(super) revision: u64,
    results: quick_cache::sync::Cache<CacheKey, Arc<V>, ByteWeighter>,
    /// The reads in progress. Requests for the same result wait for the same read. A read that no request waits for is
    /// canceled.
    fills: Mutex<Fills<V>>,
}

/// The reads in progress, by their keys. The numbers distinguish the reads of one key.
struct Fills<V> {
    by_key: HashMap<CacheKey, (u64, WeakRead<V>)>,
    last_number: u64,
}

/// A stored result, or the read that will store it.
enum Lookup<V> {
    Stored(Arc<V>),
    InProgress(SharedRead<V>),
}

impl<V: Weight> Generation<V> {
    pub(super) fn new(revision: u64, capacity: u64) -> Self {
        Self {
            revision,
            results: quick_cache::sync::Cache::with_weighter(EXPECTED_ENTRIES, capacity, ByteWeighter),
            fills: Mutex::new(Fills { by_key: HashMap::new(), last_number: 0 }),
        }
    }

    /// The stored result, or the result of one `read` for all concurrent requests. The read continues if the request
    /// that started it is canceled, and stops when all waiting requests have been canceled.
    pub(crate) async fn get_or_fill(
        self: Arc<Self>,
        cache_key: &str,
        read: impl Future<Output = Result<V, ApiError>> + 'static,
    ) -> ReadResult<V> {
        match self.get_or_start_fill(cache_key, read) {
            Lookup::Stored(result) => Ok(result),
            Lookup::InProgress(fill) => fill.result().await,
        }
    }

    /// The stored result, or the read in progress. Starts `read` if there is neither.
    fn get_or_start_fill(
        self: &Arc<Self>,
        cache_key: &str,
        read: impl Future<Output = Result<V, ApiError>> + 'static,
    ) -> Lookup<V> {
        // A read stores its result and is removed from `fills` under this lock.
        let mut fills = self.fills();
        if let Some(result) = self.results.get(cache_key) {
            return Lookup::Stored(result);
        }
        if let Some(fill) = fills.by_key.get(cache_key).and_then(|(_, fill)| fill.upgrade()) {
            return Lookup::InProgress(fill);
        }
        let cache_key = CacheKey::from(cache_key);
        let (sender, fill) = SharedRead::announce();
        fills.last_number += 1;
        let number = fills.last_number;
        if let Some(fill) = fill.downgrade() {
            fills.by_key.insert(Arc::clone(&cache_key), (number, fill));
        }
        let running = RunningFill { generation: Arc::clone(self), cache_key, number };
        sender.start(read, move |result| {
            if let Ok(value) = result {
                running.store(value);
            }
        });
        Lookup::InProgress(fill)
    }

    fn fills(&self) -> MutexGuard<'_, Fills<V>> {
        self.fills.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read in progress. Its drop removes it from the map, even after a panic.
struct RunningFill<V: Weight> {
    generation: Arc<Generation<V>>,
    cache_key: CacheKey,
    number: u64,
}

impl<V: Weight> RunningFill<V> {
    /// Stores the result, unless another read has replaced this one.
    fn store(&self, result: &Arc<V>) {
        let fills = self.generation.fills();
        if self.is_registered(&fills) {
            self.generation.results.insert(Arc::clone(&self.cache_key), Arc::clone(result));
        }
    }

    fn is_registered(&self, fills: &Fills<V>) -> bool {
        fills.by_key.get(&self.cache_key).is_some_and(|(number, _)| *number == self.number)
    }
}

impl<V: Weight> Drop for RunningFill<V> {
    fn drop(&mut self) {
        let mut fills = self.generation.fills();
        if self.is_registered(&fills) {
            fills.by_key.remove(&self.cache_key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;
    use crate::http::representation::Representation;

    /// Sends a message when it is dropped.
    struct NotifyOnDrop(Option<oneshot::Sender<()>>);

    impl Drop for NotifyOnDrop {
        fn drop(&mut self) {
            let _ = self.0.take().map(|sender| sender.send(()));
        }
    }

    #[actix_web::test]
    async fn a_read_stops_when_all_waiting_requests_are_canceled() {
        let generation = Arc::new(Generation::<Representation>::new(1, 1 << 20));
        let (sender, mut dropped) = oneshot::channel();
        let notify = NotifyOnDrop(Some(sender));
        let read = async move {
            let _notify = notify;
            std::future::pending().await
        };
        let mut first = Box::pin(Arc::clone(&generation).get_or_fill("/", read));
        let mut second =
            Box::pin(Arc::clone(&generation).get_or_fill("/", async { panic!("the first read serves both") }));
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        actix_web::rt::task::yield_now().await;
        assert!(dropped.try_recv().is_err());
        assert_eq!(generation.fills().by_key.len(), 1);
        drop(second);
        dropped.await.unwrap();
        assert!(generation.fills().by_key.is_empty());
    }
}
