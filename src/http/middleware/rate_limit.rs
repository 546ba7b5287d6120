//! Rate limits: a client that exceeds one gets 429.
//!
//! A client is a valid API key, wherever it is used from, or otherwise an IP address (IPv6: a /64, which is what one
//! household or host gets). Reads and writes are counted separately, by `gcra`. A request with an invalid key counts for
//! its address.
//!
//! **Defaults** are far above what a site sends and below what harms the service. A page server or a static build reads
//! from one address, some thousands of times a second; 10,000 cached responses take a tenth of a processor. A script that
//! writes one post at a time sends some hundreds of requests a second; above that there are batches.
//!
//! **Guessing keys.** After 20 invalid keys, an address may try one more every 3 seconds. Meanwhile its keys are rejected
//! without asking the database, except for keys that were valid within the last hour. A client that guesses keys therefore
//! locks out only those clients behind the same address whose keys this instance has not seen lately, for seconds.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage, web};

use crate::config::{Rate, RateLimit};
use crate::http::ApiError;
use crate::http::middleware::gcra::{Allowance, Buckets, Interval};
use crate::http::rate_limit_status::RateLimitStatus;
use crate::http::transport::client_ip;

/// Cache lines of four clients each, for each of reads, writes, and failures: 256 KiB each. A client occupies a slot only
/// while it has sent something within the last period.
const CLIENT_LINES: usize = 4096;
/// The same for keys that were valid.
const KEY_LINES: usize = 256;
/// How long a valid key is exempt from the failure limit, in nanoseconds: one hour.
const KEY_MEMORY: u64 = 3600 * SECOND;
const SECOND: u64 = 1_000_000_000;

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
    interval: Interval,
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

/// Checks the failure limit before a key is looked up; `key` is its hash.
///
/// # Errors
/// The address has sent too many invalid keys, and this key was not valid within the last hour.
pub fn check_failures(request: &ServiceRequest, key: &[u8; 32]) -> Result<(), ApiError> {
    let Some(limits) = limits(request) else { return Ok(()) };
    let now = limits.now();
    let status = limits.failures.status(address_id(request), now);
    let is_allowed = status.remaining > 0 || limits.known_keys.time(hash_id(key)) > now;
    if is_allowed { Ok(()) } else { Err(ApiError::TooManyInvalidKeys(limits.failures.refuse(status))) }
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
    limits.known_keys.set_time(hash_id(key), now + KEY_MEMORY);
    let limit = limits.for_method(request.method());
    let taken = limit.take(key_id(id), now);
    let (Ok(status) | Err(status)) = taken;
    request.extensions_mut().insert(CountedForKey(status));
    taken.map(drop).map_err(|status| ApiError::RateLimited(limit.refuse(status)))
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
        Self { name, rate, interval: Interval::of(rate), clients, refusals: AtomicU64::new(0) }
    }

    /// Counts a request; an `Err` if none remains.
    fn take(&self, client: u128, now: u64) -> Result<RateLimitStatus, RateLimitStatus> {
        let status = |allowance| self.status_of(allowance);
        self.clients.take(client, self.interval, now).map(status).map_err(status)
    }

    fn status(&self, client: u128, now: u64) -> RateLimitStatus {
        self.status_of(self.clients.allowance(client, self.interval, now))
    }

    fn status_of(&self, Allowance { requests, wait }: Allowance) -> RateLimitStatus {
        RateLimitStatus { limit: self.name, rate: self.rate, remaining: requests, reset: wait }
    }

    /// Counts a refusal.
    fn refuse(&self, status: RateLimitStatus) -> RateLimitStatus {
        self.refusals.fetch_add(1, Ordering::Relaxed);
        status
    }
}

/// What identifies an address among all clients.
fn address_id(request: &ServiceRequest) -> u128 {
    match client_ip::address(request.request()) {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => 1 << 64 | address.to_bits() >> 64,
    }
}

/// What identifies an API key among all clients.
fn key_id(id: i64) -> u128 {
    2 << 64 | u128::from(id.cast_unsigned())
}

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
/// 1. A request without a key is counted before it is served, and rejected if none remains.
/// 2. A request with a key is served first: `keys::auth` finds out whether the key is valid, and counts it.
/// 3. If it was not counted there, because its key was invalid or the route ignores keys, it counts for its address.
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
    let before = if has_key { None } else { Some(take(request.method())) };
    let refuse = |method: &Method, status| ApiError::RateLimited(limits.for_method(method).refuse(status));
    if let Some(Err(status)) = before {
        let refusal = refuse(request.method(), status);
        return Ok(request.error_response(refusal).map_into_right_body());
    }
    let mut response = serve(request).await?;
    let by_key = || response.request().extensions().get().map(|CountedForKey(status)| Ok(*status));
    let taken = before.or_else(by_key).unwrap_or_else(|| take(response.request().method()));
    let is_refused = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS);
    match taken {
        // Without a valid key, the handler has changed nothing, so that the response can still be replaced.
        Err(status) if !is_refused => {
            let refusal = refuse(response.request().method(), status);
            return Ok(response.error_response(refusal).map_into_right_body());
        }
        Ok(status) | Err(status) => status.write_headers_if_low(response.headers_mut()),
    }
    Ok(response)
}
