//! The cache of public responses: stores the bytes of responses to anonymous clients until published data changes.
//!
//! The response to a request for one post depends on this post only, and stays valid when other posts change. Every
//! other response counts as one that depends on all posts, so the cache does not have to know which posts are in it.

pub(crate) mod generation;
pub(crate) mod generations;
mod shared_read;
mod store;
pub(crate) mod weight;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;

use crate::db::{Database, Dependency};
use crate::http::ApiError;
use crate::http::middleware::cache::store::{Cacheable, Store};
use crate::http::middleware::cache::weight::Weight;
use crate::http::representation::{CacheScope, Representation};
use crate::http::transport::memory_budget::MemoryBudget;

/// A handle to the cache; clones share its contents.
#[derive(Clone)]
pub struct Cache(Arc<CacheInner>);

struct CacheInner {
    database: Database,
    budget: MemoryBudget,
    /// In bytes; 0 disables the cache.
    capacity: u64,
    store: Arc<Store<Representation>>,
    reads: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Weight for Representation {
    fn weight(&self) -> usize {
        self.weight()
    }
}

impl Cacheable for Representation {
    fn dependency(&self) -> Dependency {
        self.dependency
    }
}

/// Statistics of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheStats {
    /// Requests that were served from the cache.
    pub hits: u64,
    /// Anonymous requests whose response was not in the cache, or not in the requested content coding.
    pub misses: u64,
    /// Database reads for anonymous requests. Concurrent requests for the same response share one read.
    pub reads: u64,
    /// Requests that found an entry outdated, because the data that it depends on had changed.
    pub invalidations: u64,
    /// Includes outdated entries until they are replaced or evicted.
    pub entries: u64,
    /// The approximate memory of the entries.
    pub bytes: u64,
    /// The limit in bytes; 0 if the cache is disabled.
    pub capacity: u64,
    /// Whether requests are served from the cache: it is enabled, and changes by other processes are being detected.
    pub is_active: bool,
}

impl Cache {
    /// Creates a cache of at most `capacity` bytes; 0 disables it. `budget` counts the responses that it stores.
    #[must_use]
    pub fn new(database: Database, capacity: u64, budget: MemoryBudget) -> Self {
        let store = Arc::new(Store::new(database.revisions(), capacity));
        let [reads, hits, misses] = [(); 3].map(|()| AtomicU64::new(0));
        Self(Arc::new(CacheInner { database, budget, capacity, store, reads, hits, misses }))
    }

    /// The budget that counts the memory of reads and their responses.
    #[must_use]
    pub fn budget(&self) -> &MemoryBudget {
        &self.0.budget
    }

    /// A snapshot of the current state.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let store = &self.0.store;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            hits: count(&self.0.hits),
            misses: count(&self.0.misses),
            reads: self.reads(),
            invalidations: store.invalidations(),
            entries: store.len() as u64,
            bytes: store.weight(),
            capacity: self.0.capacity,
            is_active: self.0.capacity > 0 && self.0.database.revision().is_some(),
        }
    }

    /// Database reads for anonymous requests.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// Responds to a read that [`serve_cached`] has not served. If `scope` is public and the cache is active, the
    /// response is stored, and concurrent requests for it share one `read`. Otherwise each request executes its own
    /// `read`.
    ///
    /// # Errors
    /// Those of `read`. 412 if the response does not meet `If-Match`.
    pub async fn respond(
        &self,
        request: &HttpRequest,
        scope: CacheScope,
        read: impl Future<Output = Result<Representation, ApiError>> + 'static,
    ) -> Result<HttpResponse, ApiError> {
        // Boxed, because the futures that wrap a read would each contain it several times.
        let read = Box::pin(read);
        let representation = match scope {
            CacheScope::Public => self.read_public(request, read).await?,
            CacheScope::Private => Arc::new(read.await?),
        };
        if !representation.meets_if_match(request.headers())? {
            return Err(ApiError::PreconditionFailed);
        }
        if let Some(response) = representation.respond(request.headers(), scope) {
            return Ok(response);
        }
        representation.compress().await;
        let response = representation.respond(request.headers(), scope);
        Ok(response.unwrap_or_else(|| representation.respond_uncompressed(scope)))
    }

    async fn read_public(
        &self,
        request: &HttpRequest,
        read: LocalBoxFuture<'static, Result<Representation, ApiError>>,
    ) -> Result<Arc<Representation>, ApiError> {
        self.0.misses.fetch_add(1, Ordering::Relaxed);
        let cache = self.clone();
        let read = async move {
            cache.0.reads.fetch_add(1, Ordering::Relaxed);
            read.await
        };
        if self.0.capacity == 0 {
            return read.await.map(Arc::new);
        }
        self.0.store.get_or_fill(cache_key(request), read).await
    }

    /// The response to an anonymous request; `None` if it is not in the cache, or not in the requested content coding.
    fn lookup(&self, request: &HttpRequest) -> Option<HttpResponse> {
        if self.0.capacity == 0 {
            return None;
        }
        let representation = self.0.store.get(cache_key(request))?;
        let response = representation.respond(request.headers(), CacheScope::Public)?;
        self.0.hits.fetch_add(1, Ordering::Relaxed);
        Some(response)
    }
}

fn cache_key(request: &HttpRequest) -> &str {
    request.uri().path_and_query().map_or("/", |path_and_query| path_and_query.as_str())
}

/// Serves an anonymous read from the cache, or passes the request to its route.
///
/// # Errors
/// Those of the handler.
pub async fn serve_cached<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    // `Cache::respond` evaluates `If-Match`, which reads rarely have.
    let is_anonymous = !request.headers().contains_key(header::AUTHORIZATION);
    let is_plain = is_anonymous && !request.headers().contains_key(header::IF_MATCH);
    let cache = request.app_data::<web::Data<Cache>>().filter(|_| is_read && is_plain);
    match cache.and_then(|cache| cache.lookup(request.request())) {
        Some(response) => Ok(request.into_response(response).map_into_right_body()),
        None => next.call(request).await.map(ServiceResponse::map_into_left_body),
    }
}
