//! [`Generation`]: the results of reads that began at one revision, and the reads in progress.
//!
//! The results are the cached responses, or the pages of event streams.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use quick_cache::Weighter;
use tokio::sync::oneshot;

use crate::db::RequestContext;
use crate::http::ApiError;

/// The approximate memory of an entry beside its key and its response, in bytes.
const ENTRY_OVERHEAD: usize = 512;
/// The number of entries for which a new generation allocates memory at once. It grows as needed. The number is small,
/// because each public change creates a new generation.
const EXPECTED_ENTRIES: usize = 64;

/// A stored result.
pub(crate) trait Weight: Send + Sync + 'static {
    /// The approximate memory in bytes.
    fn weight(&self) -> usize;
}

/// The results of reads that began at one revision or later.
pub(crate) struct Generation<V: Weight> {
    pub(super) revision: u64,
    pub(super) results: quick_cache::sync::Cache<CacheKey, Arc<V>, ByteWeighter>,
    /// The reads in progress. Requests for the same result wait for the same read. A read that no request waits for is
    /// canceled.
    fills: Mutex<Fills<V>>,
}

/// For responses, path and query of the request.
pub(super) type CacheKey = Arc<str>;
type FillResult<V> = Result<Arc<V>, ApiError>;
/// A read in progress: completes with its result.
type Fill<V> = Shared<oneshot::Receiver<FillResult<V>>>;

/// Does not keep the read alive.
type WeakFill<V> = WeakShared<oneshot::Receiver<FillResult<V>>>;

/// The reads in progress, by their keys. The numbers distinguish the reads of one key.
struct Fills<V> {
    by_key: HashMap<CacheKey, (u64, WeakFill<V>)>,
    last_number: u64,
}

/// A stored result, or the read that will store it.
enum Lookup<V> {
    Stored(Arc<V>),
    InProgress(Fill<V>),
}

#[derive(Clone)]
pub(super) struct ByteWeighter;

impl<V: Weight> Weighter<CacheKey, Arc<V>> for ByteWeighter {
    fn weight(&self, cache_key: &CacheKey, result: &Arc<V>) -> u64 {
        u64::try_from(cache_key.len() + result.weight() + ENTRY_OVERHEAD).unwrap_or(u64::MAX)
    }
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
    ) -> FillResult<V> {
        match self.get_or_start_fill(cache_key, read) {
            Lookup::Stored(result) => Ok(result),
            Lookup::InProgress(fill) => {
                fill.await.unwrap_or_else(|_| Err(ApiError::Internal { cause: "the read panicked".into() }))
            }
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
        let (mut sender, receiver) = oneshot::channel();
        let fill = receiver.shared();
        fills.last_number += 1;
        let number = fills.last_number;
        if let Some(fill) = fill.downgrade() {
            fills.by_key.insert(Arc::clone(&cache_key), (number, fill));
        }
        let running = RunningFill { generation: Arc::clone(self), cache_key, number };
        // The read runs in the context of the request that started it.
        actix_web::rt::spawn(RequestContext::current().run(async move {
            let result = tokio::select! {
                result = read => result.map(Arc::new),
                () = sender.closed() => return,
            };
            if let Ok(value) = &result {
                running.store(value);
            }
            drop(running);
            // Fails if all waiting requests have been canceled.
            let _ = sender.send(result);
        }));
        Lookup::InProgress(fill)
    }

    /// Removes the stored result, and prevents the read in progress from storing its own. Requests that already wait
    /// for this read still get its result.
    pub(super) fn forget(&self, cache_key: &str) {
        let mut fills = self.fills();
        fills.by_key.remove(cache_key);
        self.results.remove(cache_key);
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
    /// Stores the result, unless the read was forgotten.
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
    use actix_web::http::StatusCode;

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
    fn representation(body: &str) -> Representation {
        Representation::of_write(StatusCode::OK, &body).unwrap()
    }

    #[actix_web::test]
    async fn a_forgotten_read_serves_its_requests_but_is_not_stored() {
        let generation = Arc::new(Generation::new(1, 1 << 20));
        let (finish, wait) = oneshot::channel::<()>();
        let read = async {
            wait.await.unwrap();
            Ok(representation("old"))
        };
        let mut waiting = Box::pin(Arc::clone(&generation).get_or_fill("/", read));
        assert!((&mut waiting).now_or_never().is_none());
        generation.forget("/");
        // A new read does not wait for the forgotten one, and is not replaced by it.
        Arc::clone(&generation).get_or_fill("/", async { Ok(representation("new")) }).await.unwrap();
        let new = generation.results.get("/").unwrap();
        finish.send(()).unwrap();
        let old = waiting.await.unwrap();
        assert!(!Arc::ptr_eq(&old, &new));
        assert!(Arc::ptr_eq(&generation.results.get("/").unwrap(), &new));
        generation.forget("/");
        assert!(generation.results.get("/").is_none());
    }
}
