//! [`Store`]: the cached responses of all revisions, and the reads in progress.
//!
//! A response never shows an older state than an earlier response for the same key, because the reads of a key run one
//! after the other:
//!
//! 1. An entry has the revision at which its read began, and what it depends on. It is served while it is current, and
//!    to a request that began at its revision or before. Once it is not, the next request removes it.
//! 2. Without an entry, a request starts a read, or waits for the result of one that began at the revision of the
//!    request or later.
//! 3. If a read in progress began earlier, the request waits until it has ended. Then it uses the entry if that is
//!    current, or the read that another waiting request has started. It therefore waits for two reads at most.
//!    After 3 s, another read replaces that one, for all requests that wait, and the result of that one is not stored.
//! 4. While the revision is unknown, a request executes its own read. It then removes the entry and forgets the read in
//!    progress: both may be older. A forgotten read serves the requests that wait for it, and is not stored.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::db::{Dependency, Revision};
use crate::http::ApiError;
use crate::http::middleware::cache::shared_read::{ReadResult, SharedRead, WeakRead};
use crate::http::middleware::cache::weight::{ByteWeighter, CacheKey, EXPECTED_ENTRIES, Weight};

/// How long a request waits for the end of a read that began too early. Then another read replaces it, so that requests
/// do not wait for a database that has stopped responding for a while.
const PATIENCE: Duration = Duration::from_secs(3);

/// A result that depends on posts.
pub(crate) trait Cacheable: Weight {
    fn dependency(&self) -> Dependency;
}

pub(crate) struct Store<V: Cacheable> {
    revision: Arc<Revision>,
    entries: quick_cache::sync::Cache<CacheKey, Entry<V>, ByteWeighter>,
    fills: Mutex<Fills<V>>,
    invalidations: AtomicU64,
    /// [`PATIENCE`], except in tests.
    patience: Duration,
}

struct Entry<V> {
    /// The revision at which the read began.
    revision: u64,
    value: Arc<V>,
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        Self { revision: self.revision, value: Arc::clone(&self.value) }
    }
}

impl<V: Weight> Weight for Entry<V> {
    fn weight(&self) -> usize {
        self.value.weight()
    }
}

/// The reads in progress, by their keys.
struct Fills<V> {
    by_key: HashMap<CacheKey, Fill<V>>,
    last_number: u64,
}

/// A read in progress. It is canceled when no request waits for its result.
struct Fill<V> {
    /// Distinguishes the reads of a key.
    number: u64,
    /// The revision at which the read began.
    revision: u64,
    read: WeakRead<V>,
    end: ReadEnd,
    is_forgotten: bool,
}

/// Completes when a read has ended, whether or not it has a result. Does not keep the read alive.
type ReadEnd = Shared<oneshot::Receiver<Infallible>>;

/// How a request gets its response.
enum Lookup<V, R> {
    Stored(Arc<V>),
    InProgress(SharedRead<V>),
    /// After the end of a read that began too early, by another lookup with this `read`.
    Outdated(ReadEnd, R),
    /// By its own read, because the revision is unknown.
    Uncached(R),
}

impl<V: Cacheable> Store<V> {
    /// Stores at most `capacity` bytes.
    pub(crate) fn new(revision: Arc<Revision>, capacity: u64) -> Self {
        Self {
            revision,
            entries: quick_cache::sync::Cache::with_weighter(EXPECTED_ENTRIES, capacity, ByteWeighter),
            fills: Mutex::new(Fills { by_key: HashMap::new(), last_number: 0 }),
            invalidations: AtomicU64::new(0),
            patience: PATIENCE,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// In bytes.
    pub(crate) fn weight(&self) -> u64 {
        self.entries.weight()
    }

    /// How many entries were removed because the data that they depend on had changed.
    pub(crate) fn invalidations(&self) -> u64 {
        self.invalidations.load(Ordering::Relaxed)
    }

    /// The stored result, if it is current.
    pub(crate) fn get(&self, cache_key: &str) -> Option<Arc<V>> {
        let required = self.revision.current()?;
        let entry = self.entries.get(cache_key)?;
        self.is_usable(&entry, required).then_some(entry.value)
    }

    /// The stored result, or the result of one `read` for concurrent requests.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) async fn get_or_fill<R>(self: &Arc<Self>, cache_key: &str, mut read: R) -> ReadResult<V>
    where
        R: Future<Output = Result<V, ApiError>> + 'static,
    {
        // The revision of the request. A later one after a wait could again be later than that of the read in progress.
        let required = self.revision.current();
        let mut replaces = false;
        loop {
            read = match self.look_up(cache_key, required, replaces, read) {
                Lookup::Stored(value) => return Ok(value),
                Lookup::InProgress(fill) => return fill.result().await,
                // The inner result is always an error: the sender is dropped.
                Lookup::Outdated(end, read) => {
                    replaces = timeout(self.patience, end).await.is_err();
                    read
                }
                Lookup::Uncached(read) => return self.read_uncached(cache_key, read).await,
            };
        }
    }

    async fn read_uncached(&self, cache_key: &str, read: impl Future<Output = Result<V, ApiError>>) -> ReadResult<V> {
        let result = read.await.map(Arc::new);
        self.forget(cache_key);
        result
    }

    /// Starts `read` if there is neither a usable result nor a read in progress. `replaces` is whether it also replaces
    /// a read that began too early: the result of that one is not stored.
    fn look_up<R>(self: &Arc<Self>, cache_key: &str, required: Option<u64>, replaces: bool, read: R) -> Lookup<V, R>
    where
        R: Future<Output = Result<V, ApiError>> + 'static,
    {
        // A read stores its result and is removed from `fills` under this lock.
        let mut fills = self.fills();
        let (Some(required), Some(current)) = (required, self.revision.current()) else {
            return Lookup::Uncached(read);
        };
        if let Some(entry) = self.entries.get(cache_key) {
            if self.is_usable(&entry, required) {
                return Lookup::Stored(entry.value);
            }
            self.entries.remove(cache_key);
            self.invalidations.fetch_add(1, Ordering::Relaxed);
        }
        // A read for which no request waits is being canceled, and will not be stored.
        if let Some((fill, shared)) = fills.by_key.get(cache_key).and_then(|fill| Some((fill, fill.read.upgrade()?))) {
            if fill.revision >= required && !fill.is_forgotten {
                return Lookup::InProgress(shared);
            }
            if !replaces {
                return Lookup::Outdated(fill.end.clone(), read);
            }
        }
        Lookup::InProgress(self.start(&mut fills, cache_key, current, read))
    }

    fn start(
        self: &Arc<Self>,
        fills: &mut Fills<V>,
        cache_key: &str,
        revision: u64,
        read: impl Future<Output = Result<V, ApiError>> + 'static,
    ) -> SharedRead<V> {
        let cache_key = CacheKey::from(cache_key);
        let (sender, shared) = SharedRead::announce();
        let (end_sender, end) = oneshot::channel();
        fills.last_number += 1;
        let number = fills.last_number;
        if let Some(read) = shared.downgrade() {
            let fill = Fill { number, revision, read, end: end.shared(), is_forgotten: false };
            fills.by_key.insert(Arc::clone(&cache_key), fill);
        }
        let running = RunningFill { store: Arc::clone(self), cache_key, number, _end: end_sender };
        sender.start(read, move |result| {
            if let Ok(value) = result {
                running.store(value);
            }
        });
        shared
    }

    /// Removes the entry, and prevents the read in progress from storing one.
    fn forget(&self, cache_key: &str) {
        let mut fills = self.fills();
        if let Some(fill) = fills.by_key.get_mut(cache_key) {
            fill.is_forgotten = true;
        }
        self.entries.remove(cache_key);
    }

    /// Whether a request that began at the revision `required` may get the entry.
    fn is_usable(&self, entry: &Entry<V>, required: u64) -> bool {
        entry.revision >= required || self.revision.is_current(entry.revision, entry.value.dependency())
    }

    fn fills(&self) -> MutexGuard<'_, Fills<V>> {
        self.fills.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read in progress. Its drop removes it from the map, even after a panic, and then announces its end.
struct RunningFill<V: Cacheable> {
    store: Arc<Store<V>>,
    cache_key: CacheKey,
    number: u64,
    _end: oneshot::Sender<Infallible>,
}

impl<V: Cacheable> RunningFill<V> {
    /// Stores the result, unless it is outdated already, or the read was forgotten or replaced.
    fn store(&self, value: &Arc<V>) {
        let fills = self.store.fills();
        let Some(fill) = fills.by_key.get(&self.cache_key).filter(|fill| fill.number == self.number) else { return };
        if !fill.is_forgotten && self.store.revision.is_current(fill.revision, value.dependency()) {
            let entry = Entry { revision: fill.revision, value: Arc::clone(value) };
            self.store.entries.insert(Arc::clone(&self.cache_key), entry);
        }
    }
}

impl<V: Cacheable> Drop for RunningFill<V> {
    fn drop(&mut self) {
        let mut fills = self.store.fills();
        if fills.by_key.get(&self.cache_key).is_some_and(|fill| fill.number == self.number) {
            fills.by_key.remove(&self.cache_key);
        }
    }
}

#[cfg(test)]
mod tests;
