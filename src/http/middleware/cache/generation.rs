//! [`Generation`]: the cached responses of one revision, and the reads in progress for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use quick_cache::Weighter;
use tokio::sync::oneshot;

use crate::db::RequestContext;
use crate::http::ApiError;
use crate::http::representation::Representation;

/// The approximate memory of an entry beside its key and its response, in bytes.
const ENTRY_OVERHEAD: usize = 512;
/// The number of entries for which a new generation allocates memory at once. It grows as needed. The number is small,
/// because each public change creates a new generation.
const EXPECTED_ENTRIES: usize = 64;

/// The responses read at one revision.
pub(super) struct Generation {
    pub(super) revision: u64,
    pub(super) responses: quick_cache::sync::Cache<CacheKey, Arc<Representation>, ByteWeighter>,
    /// The reads in progress. Requests for the same response wait for the same read. A read that no request waits for
    /// is canceled.
    fills: Mutex<Fills>,
}

/// Path and query of a request.
pub(super) type CacheKey = Arc<str>;
type FillResult = Result<Arc<Representation>, ApiError>;
/// A read in progress: completes with its result.
type Fill = Shared<oneshot::Receiver<FillResult>>;
type Fills = HashMap<CacheKey, WeakShared<oneshot::Receiver<FillResult>>>;

/// A response in the cache, or the read that will store it.
enum Lookup {
    Stored(Arc<Representation>),
    InProgress(Fill),
}

#[derive(Clone)]
pub(super) struct ByteWeighter;

impl Weighter<CacheKey, Arc<Representation>> for ByteWeighter {
    fn weight(&self, cache_key: &CacheKey, response: &Arc<Representation>) -> u64 {
        u64::try_from(cache_key.len() + response.weight() + ENTRY_OVERHEAD).unwrap_or(u64::MAX)
    }
}

impl Generation {
    pub(super) fn new(revision: u64, capacity: u64) -> Self {
        Self {
            revision,
            responses: quick_cache::sync::Cache::with_weighter(EXPECTED_ENTRIES, capacity, ByteWeighter),
            fills: Mutex::default(),
        }
    }

    /// The stored response, or the result of one `read` for all concurrent requests. The read continues if the request
    /// that started it is canceled, and stops when all waiting requests have been canceled.
    pub(super) async fn get_or_fill(
        self: Arc<Self>,
        cache_key: &str,
        read: impl Future<Output = Result<Representation, ApiError>> + 'static,
    ) -> FillResult {
        match self.get_or_start_fill(cache_key, read) {
            Lookup::Stored(response) => Ok(response),
            Lookup::InProgress(fill) => {
                fill.await.unwrap_or_else(|_| Err(ApiError::Internal { cause: "the read panicked".into() }))
            }
        }
    }

    /// The stored response, or the read in progress. Starts `read` if there is neither.
    fn get_or_start_fill(
        self: &Arc<Self>,
        cache_key: &str,
        read: impl Future<Output = Result<Representation, ApiError>> + 'static,
    ) -> Lookup {
        // A read stores its response before it is removed from `fills`. Under the lock, a read that has succeeded is
        // therefore visible in at least one of the two.
        let mut fills = self.fills();
        if let Some(response) = self.responses.get(cache_key) {
            return Lookup::Stored(response);
        }
        if let Some(fill) = fills.get(cache_key).and_then(WeakShared::upgrade) {
            return Lookup::InProgress(fill);
        }
        let cache_key = CacheKey::from(cache_key);
        let (mut sender, receiver) = oneshot::channel();
        let fill = receiver.shared();
        if let Some(fill) = fill.downgrade() {
            fills.insert(Arc::clone(&cache_key), fill);
        }
        let guard = RemoveOnDrop { generation: Arc::clone(self), cache_key };
        // The read runs in the context of the request that started it.
        actix_web::rt::spawn(RequestContext::current().run(async move {
            let result = tokio::select! {
                result = read => result.map(Arc::new),
                () = sender.closed() => return,
            };
            if let Ok(response) = &result {
                guard.generation.responses.insert(Arc::clone(&guard.cache_key), Arc::clone(response));
            }
            drop(guard);
            // Fails if all waiting requests have been canceled.
            let _ = sender.send(result);
        }));
        Lookup::InProgress(fill)
    }

    fn fills(&self) -> MutexGuard<'_, Fills> {
        self.fills.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a fill from the map when it ends, even by a panic. If all waiting requests were canceled and another request
/// has started a new fill in the meantime, this removes the new one, which costs one additional read.
struct RemoveOnDrop {
    generation: Arc<Generation>,
    cache_key: CacheKey,
}

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        self.generation.fills().remove(&self.cache_key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a message when it is dropped.
    struct NotifyOnDrop(Option<oneshot::Sender<()>>);

    impl Drop for NotifyOnDrop {
        fn drop(&mut self) {
            let _ = self.0.take().map(|sender| sender.send(()));
        }
    }

    #[actix_web::test]
    async fn a_read_stops_when_all_waiting_requests_are_canceled() {
        let generation = Arc::new(Generation::new(1, 1 << 20));
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
        assert_eq!(generation.fills().len(), 1);
        drop(second);
        dropped.await.unwrap();
        assert!(generation.fills().is_empty());
    }
}
