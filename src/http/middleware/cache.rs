//! The cache of public responses: stores the bytes of responses to anonymous clients until published data changes.
//!
//! Every entry was read at one [`Database::revision`]. When the revision changes, all entries are discarded together, so
//! there is no record of dependencies that could be wrong.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use quick_cache::Weighter;
use tokio::sync::oneshot;

use crate::db::{Database, RequestContext};
use crate::http::ApiError;
use crate::http::representation::{CacheScope, Representation};

/// The approximate memory of an entry beside its key and its response, in bytes.
const ENTRY_OVERHEAD: usize = 512;
/// Initial capacity of the index of a generation, which grows as needed. Each public change creates a new generation.
const EXPECTED_ENTRIES: usize = 64;

/// A handle to the cache; clones share its contents.
#[derive(Clone)]
pub struct Cache(Arc<CacheInner>);

struct CacheInner {
    database: Database,
    /// In bytes; 0 disables the cache.
    capacity: u64,
    current: RwLock<Arc<Generation>>,
    reads: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    invalidations: AtomicU64,
}

/// Contents and effectiveness of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheStats {
    /// Requests that the cache answered.
    pub hits: u64,
    /// Anonymous requests whose response was not stored, or not in the requested content coding.
    pub misses: u64,
    /// Database reads for anonymous requests. Concurrent requests for the same response share one read.
    pub reads: u64,
    /// How often a public change discarded all entries.
    pub invalidations: u64,
    pub entries: u64,
    /// The approximate memory of the entries.
    pub bytes: u64,
    /// The limit in bytes; 0 if the cache is disabled.
    pub capacity: u64,
    /// Whether the cache answers requests: it is enabled, and changes by other processes are being noticed.
    pub is_active: bool,
}

/// The responses read at one revision.
struct Generation {
    revision: u64,
    responses: quick_cache::sync::Cache<CacheKey, Arc<Representation>, ByteWeighter>,
    /// The reads in progress. Requests for the same response wait for them. A read without waiters is canceled.
    fills: Mutex<Fills>,
}

/// Path and query of a request.
type CacheKey = Arc<str>;
type FillResult = Result<Arc<Representation>, ApiError>;
type Fill = Shared<oneshot::Receiver<FillResult>>;
type Fills = HashMap<CacheKey, WeakShared<oneshot::Receiver<FillResult>>>;

#[derive(Clone)]
struct ByteWeighter;

impl Weighter<CacheKey, Arc<Representation>> for ByteWeighter {
    fn weight(&self, cache_key: &CacheKey, response: &Arc<Representation>) -> u64 {
        u64::try_from(cache_key.len() + response.weight() + ENTRY_OVERHEAD).unwrap_or(u64::MAX)
    }
}

impl Cache {
    /// Creates a cache of at most `capacity` bytes; 0 disables it.
    #[must_use]
    pub fn new(database: Database, capacity: u64) -> Self {
        let current = RwLock::new(Arc::new(Generation::new(0, capacity)));
        let [reads, hits, misses, invalidations] = [(); 4].map(|()| AtomicU64::new(0));
        Self(Arc::new(CacheInner { database, capacity, current, reads, hits, misses, invalidations }))
    }

    /// A snapshot of the current state.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let current = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            hits: count(&self.0.hits),
            misses: count(&self.0.misses),
            reads: self.reads(),
            invalidations: count(&self.0.invalidations),
            entries: current.responses.len() as u64,
            bytes: current.responses.weight(),
            capacity: self.0.capacity,
            is_active: self.0.capacity > 0 && self.0.database.revision().is_some(),
        }
    }

    /// Database reads for anonymous requests.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// Responds to a read: from the cache if `scope` is public, otherwise always from the database.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn respond(
        &self,
        request: &HttpRequest,
        scope: CacheScope,
        read: impl Future<Output = Result<Representation, ApiError>> + 'static,
    ) -> Result<HttpResponse, ApiError> {
        let generation = if scope == CacheScope::Public {
            self.0.misses.fetch_add(1, Ordering::Relaxed);
            self.generation()
        } else {
            None
        };
        let cache = self.clone();
        let read = async move {
            if scope == CacheScope::Public {
                cache.0.reads.fetch_add(1, Ordering::Relaxed);
            }
            read.await
        };
        let representation = match generation {
            None => Arc::new(read.await?),
            Some(generation) => generation.get_or_fill(cache_key(request), read).await?,
        };
        if let Some(response) = representation.respond(request.headers(), scope) {
            return Ok(response);
        }
        representation.compress().await;
        let compressed = representation.respond(request.headers(), scope);
        Ok(compressed.unwrap_or_else(|| representation.respond_whole(scope)))
    }

    fn lookup(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let lookup =
            self.generation()?.responses.get(cache_key(request))?.respond(request.headers(), CacheScope::Public)?;
        self.0.hits.fetch_add(1, Ordering::Relaxed);
        Some(lookup)
    }

    /// The generation of the current revision; `None` while nothing may be stored.
    fn generation(&self) -> Option<Arc<Generation>> {
        if self.0.capacity == 0 {
            return None;
        }
        let revision = self.0.database.revision()?;
        let current = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        if current.revision == revision {
            return Some(current);
        }
        let mut next = Arc::new(Generation::new(revision, self.0.capacity));
        let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have installed a later generation, whose responses are at least as recent.
        if current.revision < revision {
            std::mem::swap(&mut *current, &mut next);
            self.0.invalidations.fetch_add(1, Ordering::Relaxed);
        }
        let generation = Arc::clone(&current);
        // Release the lock first: dropping the old generation takes time.
        drop(current);
        Some(generation)
    }
}

impl Generation {
    fn new(revision: u64, capacity: u64) -> Self {
        Self {
            revision,
            responses: quick_cache::sync::Cache::with_weighter(EXPECTED_ENTRIES, capacity, ByteWeighter),
            fills: Mutex::default(),
        }
    }

    /// Reads once for all concurrent requests. The read continues if the request that started it is canceled, and stops
    /// when all waiting requests are.
    async fn get_or_fill(
        self: Arc<Self>,
        cache_key: &str,
        read: impl Future<Output = Result<Representation, ApiError>> + 'static,
    ) -> FillResult {
        let fill = match self.fill(cache_key, read) {
            Ok(response) => return Ok(response),
            Err(fill) => fill,
        };
        fill.await.unwrap_or_else(|_| Err(ApiError::Internal { cause: "the read panicked".into() }))
    }

    /// The stored response, or otherwise the read in progress, started if necessary.
    fn fill(
        self: &Arc<Self>,
        cache_key: &str,
        read: impl Future<Output = Result<Representation, ApiError>> + 'static,
    ) -> Result<Arc<Representation>, Fill> {
        // A read stores its response before it is removed from `fills`: under the lock, one of the two is visible.
        let mut fills = self.fills();
        if let Some(response) = self.responses.get(cache_key) {
            return Ok(response);
        }
        if let Some(fill) = fills.get(cache_key).and_then(WeakShared::upgrade) {
            return Err(fill);
        }
        let cache_key = CacheKey::from(cache_key);
        let (mut sender, receiver) = oneshot::channel();
        let fill = receiver.shared();
        if let Some(fill) = fill.downgrade() {
            fills.insert(Arc::clone(&cache_key), fill);
        }
        let ending = EndFill { generation: Arc::clone(self), cache_key };
        // The read runs in the context of the request that started it.
        actix_web::rt::spawn(RequestContext::current().run(async move {
            let filled = tokio::select! {
                filled = read => filled.map(Arc::new),
                () = sender.closed() => return,
            };
            if let Ok(response) = &filled {
                ending.generation.responses.insert(Arc::clone(&ending.cache_key), Arc::clone(response));
            }
            drop(ending);
            // All waiting requests may have been canceled.
            let _ = sender.send(filled);
        }));
        Err(fill)
    }

    fn fills(&self) -> MutexGuard<'_, Fills> {
        self.fills.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a fill when it ends, even by a panic. If all waiters left and another request started the next fill meanwhile,
/// that one is removed instead, which costs one additional read.
struct EndFill {
    generation: Arc<Generation>,
    cache_key: CacheKey,
}

impl Drop for EndFill {
    fn drop(&mut self) {
        self.generation.fills().remove(&self.cache_key);
    }
}

fn cache_key(request: &HttpRequest) -> &str {
    request.uri().path_and_query().map_or("/", |cache_key| cache_key.as_str())
}

/// Responds from the cache before the request is routed.
///
/// # Errors
/// Those of the handler.
pub async fn serve_cached<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_anonymous = !request.headers().contains_key(header::AUTHORIZATION);
    let cache = request.app_data::<web::Data<Cache>>().filter(|_| is_read && is_anonymous);
    match cache.and_then(|cache| cache.lookup(request.request())) {
        Some(response) => Ok(request.into_response(response).map_into_right_body()),
        None => next.call(request).await.map(ServiceResponse::map_into_left_body),
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
            let _told = notify;
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
