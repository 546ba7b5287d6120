//! Rate limits: the response to a client that exceeds one is 429.
//!
//! A client is a valid API key, from any address, or otherwise an IP address (IPv6: a /64, the prefix of one household
//! or host). Reads and writes are counted separately, by `gcra`. A request with an invalid key counts for its address.
//!
//! **Defaults** are far above the traffic of a site, and below what overloads the service. A web server or a static
//! site generator reads from one address, some thousands of times a second; 10,000 cached responses take a tenth of a
//! processor. A script that writes one post per request sends some hundreds of requests a second. One that needs more
//! can use the batch operations.
//!
//! **Guessing keys.** After 20 invalid keys, an address may try one more every 3 seconds. Until then, its keys no
//! longer get a database query each, except for keys that were valid within the last hour: `keys::existence` checks all
//! of them together. Valid keys are accepted, so a client that guesses keys does not lock out others at its address.
//! The limit protects the database, and makes guessing visible. It need not protect the keys, which have too many
//! random bits to be guessed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage, web};

use crate::config::{Rate, RateLimit};
use crate::http::ApiError;
use crate::http::middleware::gcra::{Allowance, Buckets, Quota};
use crate::http::rate_limit_status::RateLimitStatus;
use crate::http::transport::client_ip;

/// The cache lines of each limit, with four clients each: 16,384 clients in 256 KiB. A client occupies a slot only if
/// it has sent a request within the last period.
const CLIENT_LINES: usize = 4096;
/// The cache lines of [`Limits::known_keys`]: 1,024 keys in 16 KiB.
const KEY_LINES: usize = 256;
/// How long a valid key is exempt from the failure limit, in nanoseconds: one hour.
const KNOWN_KEY_TTL: u64 = 3600 * 1_000_000_000;

/// Counts the requests of each client. With `None`, nothing is counted and nothing is rejected.
pub struct RateLimiter(Option<Limits>);

struct Limits {
    start: Instant,
    reads: Limit,
    writes: Limit,
    failures: Limit,
    /// For each key that was valid, by its hash: until when it is exempt from the failure limit.
    known_keys: Buckets,
}

struct Limit {
    name: &'static str,
    rate: Rate,
    quota: Quota,
    clients: Buckets,
    refusals: AtomicU64,
}

/// In a request's extensions: the request was counted for its key.
struct CountedForKey(RateLimitStatus);

impl RateLimiter {
    #[must_use]
    pub fn new(limit: Option<RateLimit>) -> Self {
        Self(limit.map(|RateLimit { reads, writes, failures }| Limits {
            start: Instant::now(),
            reads: Limit::new("reads", reads),
            writes: Limit::new("writes", writes),
            failures: Limit::new("failures", failures),
            known_keys: Buckets::new(KEY_LINES),
        }))
    }

    /// The name of each limit, and how many requests it has rejected.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let limits = self.0.iter().flat_map(|Limits { reads, writes, failures, .. }| [reads, writes, failures]);
        limits.map(|limit| (limit.name, limit.refusals.load(Ordering::Relaxed)))
    }
}

/// Whether the address has sent too many invalid keys, and this key was not valid within the last hour. `key` is its
/// hash.
#[must_use]
pub fn has_too_many_failures(request: &ServiceRequest, key: &[u8; 32]) -> bool {
    limits(request).is_some_and(|limits| {
        let now = limits.now();
        let status = limits.failures.status(address_id(request), now);
        status.remaining == 0 && limits.known_keys.time(hash_id(key)) <= now
    })
}

/// The error for an invalid key of an address that has sent too many of them.
#[must_use]
pub fn refuse_invalid_key(request: &ServiceRequest) -> ApiError {
    limits(request).map_or(ApiError::KeyInvalid, |limits| {
        let status = limits.failures.status(address_id(request), limits.now());
        ApiError::TooManyInvalidKeys(limits.failures.refuse(status))
    })
}

/// Counts an invalid key.
pub fn record_failure(request: &ServiceRequest, key: &[u8; 32]) {
    let Some(limits) = limits(request) else { return };
    // A key that was never valid must not displace one that was.
    if limits.known_keys.time(hash_id(key)) > 0 {
        limits.known_keys.set_time(hash_id(key), 0);
    }
    // Concurrent requests may have exhausted the limit in the meantime.
    let _ = limits.failures.take(address_id(request), limits.now());
}

/// Counts a request for its key, which is valid and has this id.
///
/// # Errors
/// The key has sent too many requests.
pub fn count_request(request: &ServiceRequest, key: &[u8; 32], id: i64) -> Result<(), ApiError> {
    let Some(limits) = limits(request) else { return Ok(()) };
    let now = limits.now();
    limits.known_keys.set_time(hash_id(key), now + KNOWN_KEY_TTL);
    let limit = limits.for_method(request.method());
    let result = limit.take(key_id(id), now);
    let (Ok(status) | Err(status)) = result;
    request.extensions_mut().insert(CountedForKey(status));
    result.map(drop).map_err(|status| ApiError::RateLimited(limit.refuse(status)))
}

fn limits(request: &ServiceRequest) -> Option<&Limits> {
    request.app_data::<web::Data<RateLimiter>>()?.0.as_ref()
}

impl Limits {
    /// Nanoseconds since the start; enough for 584 years.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn for_method(&self, method: &Method) -> &Limit {
        if method.is_safe() { &self.reads } else { &self.writes }
    }
}

impl Limit {
    fn new(name: &'static str, rate: Rate) -> Self {
        let clients = Buckets::new(CLIENT_LINES);
        Self { name, rate, quota: Quota::of(rate), clients, refusals: AtomicU64::new(0) }
    }

    /// Counts a request. Returns `Err` without counting it if the client has no request left.
    fn take(&self, client: u128, now: u64) -> Result<RateLimitStatus, RateLimitStatus> {
        let status = |allowance| self.status_of(allowance);
        self.clients.take(client, self.quota, now).map(status).map_err(status)
    }

    fn status(&self, client: u128, now: u64) -> RateLimitStatus {
        self.status_of(self.clients.allowance(client, self.quota, now))
    }

    fn status_of(&self, Allowance { requests, wait }: Allowance) -> RateLimitStatus {
        RateLimitStatus { limit: self.name, rate: self.rate, remaining: requests, reset: wait }
    }

    /// Counts a refusal. Returns the status that its error reports.
    fn refuse(&self, status: RateLimitStatus) -> RateLimitStatus {
        self.refusals.fetch_add(1, Ordering::Relaxed);
        status
    }
}

/// The number under which an address is counted. Differs from every [`key_id`].
fn address_id(request: &ServiceRequest) -> u128 {
    client_ip::network_id(client_ip::address(request.request()))
}

/// The number under which an API key is counted.
fn key_id(id: i64) -> u128 {
    2 << 64 | u128::from(id.cast_unsigned())
}

/// The number of a key in [`Limits::known_keys`]. `key` is its hash.
fn hash_id(key: &[u8; 32]) -> u128 {
    key.first_chunk().copied().map_or(0, u128::from_be_bytes)
}

/// Whether no rate limit applies to the path: health probes must never be rejected.
#[must_use]
pub fn is_exempt(path: &str) -> bool {
    path.starts_with("/health/")
}

/// Counts a request for its address, unless `keys::auth` counts it for its key, and serves it.
///
/// 1. A request without a key is counted before it is served. If its address has no request left, it is not served.
/// 2. A request with a key is served first. `keys::auth` checks the key, and counts the request for a valid key.
/// 3. If the key was invalid or the route ignores keys, the request counts for its address after it was served.
///
/// # Errors
/// Those of `serve`.
pub async fn limit<B: MessageBody + 'static>(
    request: ServiceRequest,
    serve: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<EitherBody<B>>, Error>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let limiter = request.app_data::<web::Data<RateLimiter>>().cloned();
    let limits = limiter.as_ref().and_then(|limiter| limiter.0.as_ref());
    let Some(limits) = limits.filter(|_| !is_exempt(request.path())) else { return serve(request).await };
    let client = address_id(&request);
    let take = |method: &Method| limits.for_method(method).take(client, limits.now());
    let has_key = request.headers().contains_key(header::AUTHORIZATION);
    let counted_first = if has_key { None } else { Some(take(request.method())) };
    let refuse = |method: &Method, status| ApiError::RateLimited(limits.for_method(method).refuse(status));
    if let Some(Err(status)) = counted_first {
        let error = refuse(request.method(), status);
        return Ok(request.error_response(error).map_into_right_body());
    }
    let mut response = serve(request).await?;
    let counted_for_key = || response.request().extensions().get().map(|CountedForKey(status)| Ok(*status));
    let result = counted_first.or_else(counted_for_key).unwrap_or_else(|| take(response.request().method()));
    let is_refused = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS);
    match result {
        // The request had no valid key, so the handler has changed nothing and the response can still be replaced.
        Err(status) if !is_refused => {
            let error = refuse(response.request().method(), status);
            return Ok(response.error_response(error).map_into_right_body());
        }
        Ok(status) | Err(status) => status.write_headers_if_low(response.headers_mut()),
    }
    Ok(response)
}
