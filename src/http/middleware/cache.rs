//! Answers that everyone gets, kept as bytes for as long as nothing that is published changes.
//!
//! All that is kept was read at one [`Database::revision`], and is dropped as a whole when the revision moves on: no
//! list of what depends on what could be wrong.

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

/// What an entry takes beside its key and its answer, in bytes, about.
const ENTRY: usize = 512;
/// Answers that a new generation has room for in its index, which grows by itself; each change to what is published
/// makes a new one.
const EXPECTED: usize = 64;

/// The cache; clones share it.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    database: Database,
    /// In bytes; 0: nothing is kept.
    capacity: u64,
    current: RwLock<Arc<Generation>>,
    reads: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    drops: AtomicU64,
}

/// What the cache holds and what it was good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Requests that were answered from it.
    pub hits: u64,
    /// Requests without a key that it had no answer for, or none yet in the coding that was asked for.
    pub misses: u64,
    /// How often the database was read for them: who asks at the same time shares a read.
    pub reads: u64,
    /// How often all was dropped because something public had changed.
    pub drops: u64,
    pub entries: u64,
    /// About what the entries take.
    pub bytes: u64,
    /// The most bytes that it may hold; 0: none.
    pub capacity: u64,
    /// Whether it may answer: not where it is off, or changes by others cannot be noticed.
    pub is_usable: bool,
}

/// What was read at one revision.
struct Generation {
    revision: u64,
    answers: quick_cache::sync::Cache<Target, Arc<Representation>, Weigh>,
    /// The reads that are under way: who asks for the same waits for them. One for which nobody waits is dead.
    fills: Mutex<Fills>,
}

/// Path and query of a request.
type Target = Arc<str>;
type Filled = Result<Arc<Representation>, ApiError>;
type Fill = Shared<oneshot::Receiver<Filled>>;
type Fills = HashMap<Target, WeakShared<oneshot::Receiver<Filled>>>;

#[derive(Clone)]
struct Weigh;

impl Weighter<Target, Arc<Representation>> for Weigh {
    fn weight(&self, target: &Target, answer: &Arc<Representation>) -> u64 {
        u64::try_from(target.len() + answer.weight() + ENTRY).unwrap_or(u64::MAX)
    }
}

impl Cache {
    /// A cache that holds at most `capacity` bytes, or nothing where that is 0.
    #[must_use]
    pub fn new(database: Database, capacity: u64) -> Self {
        let current = RwLock::new(Arc::new(Generation::new(0, capacity)));
        let [reads, hits, misses, drops] = [(); 4].map(|()| AtomicU64::new(0));
        Self(Arc::new(Inner { database, capacity, current, reads, hits, misses, drops }))
    }

    /// As it is now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let current = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            hits: count(&self.0.hits),
            misses: count(&self.0.misses),
            reads: self.reads(),
            drops: count(&self.0.drops),
            entries: current.answers.len() as u64,
            bytes: current.answers.weight(),
            capacity: self.0.capacity,
            is_usable: self.0.capacity > 0 && self.0.database.revision().is_some(),
        }
    }

    /// How often the database was read for those who ask without a key.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// Answers a read: for everyone from what is kept, for the holder of a key always anew.
    ///
    /// # Errors
    /// What `read` answered.
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
            Some(generation) => generation.find(target(request), read).await?,
        };
        if let Some(answer) = representation.respond(request.headers(), scope) {
            return Ok(answer);
        }
        representation.compress().await;
        let compressed = representation.respond(request.headers(), scope);
        Ok(compressed.unwrap_or_else(|| representation.respond_whole(scope)))
    }

    fn lookup(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let kept = self.generation()?.answers.get(target(request))?.respond(request.headers(), CacheScope::Public)?;
        self.0.hits.fetch_add(1, Ordering::Relaxed);
        Some(kept)
    }

    /// `None` while nothing may be kept.
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
        // A later one serves as well: what it holds was read after the revision that was asked for.
        if current.revision < revision {
            std::mem::swap(&mut *current, &mut next);
            self.0.drops.fetch_add(1, Ordering::Relaxed);
        }
        let generation = Arc::clone(&current);
        // Before the old one is dropped, which takes its time.
        drop(current);
        Some(generation)
    }
}

impl Generation {
    fn new(revision: u64, capacity: u64) -> Self {
        Self {
            revision,
            answers: quick_cache::sync::Cache::with_weighter(EXPECTED, capacity, Weigh),
            fills: Mutex::default(),
        }
    }

    /// Reads once, however many ask at the same time. The read goes on where the one who caused it has gone, and is
    /// given up where all have.
    async fn find(
        self: Arc<Self>,
        target: &str,
        read: impl Future<Output = Result<Representation, ApiError>> + 'static,
    ) -> Filled {
        let fill = match self.fill(target, read) {
            Ok(answer) => return Ok(answer),
            Err(fill) => fill,
        };
        fill.await.unwrap_or_else(|_| Err(ApiError::Internal { cause: "the read of an answer panicked".into() }))
    }

    /// The answer, or the read that is under way, or a new one.
    fn fill(
        self: &Arc<Self>,
        target: &str,
        read: impl Future<Output = Result<Representation, ApiError>> + 'static,
    ) -> Result<Arc<Representation>, Fill> {
        // A read that ends keeps its answer first, and then leaves the table: under its lock, one of the two is seen.
        let mut fills = self.fills();
        if let Some(answer) = self.answers.get(target) {
            return Ok(answer);
        }
        if let Some(fill) = fills.get(target).and_then(WeakShared::upgrade) {
            return Err(fill);
        }
        let target = Target::from(target);
        let (mut sender, receiver) = oneshot::channel();
        let fill = receiver.shared();
        if let Some(fill) = fill.downgrade() {
            fills.insert(Arc::clone(&target), fill);
        }
        let ending = EndFill { generation: Arc::clone(self), target };
        // For the one who asked first.
        actix_web::rt::spawn(RequestContext::current().run(async move {
            let filled = tokio::select! {
                filled = read => filled.map(Arc::new),
                () = sender.closed() => return,
            };
            if let Ok(answer) = &filled {
                ending.generation.answers.insert(Arc::clone(&ending.target), Arc::clone(answer));
            }
            drop(ending);
            // All who waited may have gone.
            let _ = sender.send(filled);
        }));
        Err(fill)
    }

    fn fills(&self) -> MutexGuard<'_, Fills> {
        self.fills.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a fill, also where it panics. Where somebody has begun the next one since all have left this one, that one
/// leaves the table: a read more, and no harm.
struct EndFill {
    generation: Arc<Generation>,
    target: Target,
}

impl Drop for EndFill {
    fn drop(&mut self) {
        self.generation.fills().remove(&self.target);
    }
}

fn target(request: &HttpRequest) -> &str {
    request.uri().path_and_query().map_or("/", |target| target.as_str())
}

/// Answers what is kept before the request is routed.
///
/// # Errors
/// The handler's own.
pub async fn serve_cached<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_anonymous = !request.headers().contains_key(header::AUTHORIZATION);
    let cache = request.app_data::<web::Data<Cache>>().filter(|_| is_read && is_anonymous);
    match cache.and_then(|cache| cache.lookup(request.request())) {
        Some(answer) => Ok(request.into_response(answer).map_into_right_body()),
        None => next.call(request).await.map(ServiceResponse::map_into_left_body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells when it is dropped.
    struct Told(Option<oneshot::Sender<()>>);

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.take().map(|sender| sender.send(()));
        }
    }

    #[actix_web::test]
    async fn a_read_is_given_up_when_all_who_waited_have_gone_and_not_before() {
        let generation = Arc::new(Generation::new(1, 1 << 20));
        let (sender, mut dropped) = oneshot::channel();
        let told = Told(Some(sender));
        let read = async move {
            let _told = told;
            std::future::pending().await
        };
        let mut first = Box::pin(Arc::clone(&generation).find("/", read));
        let mut second = Box::pin(Arc::clone(&generation).find("/", async { panic!("the first one's read serves") }));
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
