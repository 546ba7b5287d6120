//! The cache of public responses: stores the bytes of responses to anonymous clients until published data changes.
//!
//! All entries were read at the same [`Database::revision`]. When the revision changes, all entries are discarded
//! together, so the cache does not have to know which data a response depends on.

pub(crate) mod generation;
pub(crate) mod generations;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};

use crate::db::Database;
use crate::http::ApiError;
use crate::http::middleware::cache::generation::{Generation, Weight};
use crate::http::middleware::cache::generations::Generations;
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
    generations: Generations<Representation>,
    reads: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Weight for Representation {
    fn weight(&self) -> usize {
        self.weight()
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
    /// How often a public change discarded all entries.
    pub invalidations: u64,
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
        let generations = Generations::new(capacity);
        let [reads, hits, misses] = [(); 3].map(|()| AtomicU64::new(0));
        Self(Arc::new(CacheInner { database, budget, capacity, generations, reads, hits, misses }))
    }

    /// The budget that counts the memory of reads and their responses.
    #[must_use]
    pub fn budget(&self) -> &MemoryBudget {
        &self.0.budget
    }

    /// A snapshot of the current state.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let current = self.0.generations.current();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            hits: count(&self.0.hits),
            misses: count(&self.0.misses),
            reads: self.reads(),
            invalidations: self.0.generations.replacements(),
            entries: current.results.len() as u64,
            bytes: current.results.weight(),
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
        let representation = match &generation {
            None => Arc::new(read.await?),
            Some(generation) => Arc::clone(generation).get_or_fill(cache_key(request), read).await?,
        };
        if scope == CacheScope::Public {
            self.forget_older(request, generation.as_deref());
        }
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

    /// The response to an anonymous request; `None` if it is not in the cache, or not in the requested content coding.
    fn lookup(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let representation = self.generation()?.results.get(cache_key(request))?;
        let response = representation.respond(request.headers(), CacheScope::Public)?;
        self.0.hits.fetch_add(1, Ordering::Relaxed);
        Some(response)
    }

    /// Prevents later requests from getting an older state than the response that was just read in `generation`: if
    /// another generation is current by now, or if there was none, that read may be more recent than the response that
    /// the current generation stores for this request.
    fn forget_older(&self, request: &HttpRequest, generation: Option<&Generation<Representation>>) {
        let current = self.0.generations.current();
        if generation.is_none_or(|generation| !std::ptr::eq(generation, Arc::as_ptr(&current))) {
            current.forget(cache_key(request));
        }
    }

    /// The generation of the current revision; `None` while nothing may be stored.
    fn generation(&self) -> Option<Arc<Generation<Representation>>> {
        if self.0.capacity == 0 {
            return None;
        }
        Some(self.0.generations.at(self.0.database.revision()?))
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
