//! How many requests a client may send; for who sends more, 429.
//!
//! A client is a valid key, wherever it is used from, or else an address (IPv6: a /64, which is what one household or
//! host gets). Reads and writes are counted apart, by `http::gcra`. What is sent with a key that is not valid counts
//! for the address.
//!
//! **The defaults** are far from what a site sends and below what hurts. A page server or a static build asks from one
//! address, some thousands of times a second; 10,000 cached answers are a tenth of a processor. Of writes, one a time,
//! a script sends some hundreds a second; for more there are batches.
//!
//! **Guessing.** After 20 wrong keys an address may try another one every 3 seconds. Meanwhile its keys are refused
//! without asking the database, other than those that were valid within the last hour: so who guesses locks nobody
//! else behind the same address out, but for keys that this instance has not yet seen, and those for seconds only.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage, web};

use crate::config::{Rate, RateLimit};
use crate::http::ApiError;
use crate::http::middleware::gcra::{Cells, Left, Pace};
use crate::http::transport::client_ip;

/// Lines of four clients, for each of reads, writes and failures: 256 KiB each. Only those count who have sent something
/// within the last period.
const LINES: usize = 4096;
/// The same for keys that were valid.
const KEY_LINES: usize = 256;
/// For how long a valid key is known to be one, in nanoseconds: an hour.
const KNOWN_FOR: u64 = 3600 * SECOND;
const SECOND: u64 = 1_000_000_000;

pub(crate) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(crate) const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Counts what clients send. With `None` it counts nothing and refuses nothing.
pub struct Limits(Option<Counters>);

struct Counters {
    start: Instant,
    reads: Limit,
    writes: Limit,
    failures: Limit,
    /// By its hash, until when a key that was valid counts as one.
    known: Cells,
}

struct Limit {
    /// As it is called in `RateLimit`.
    name: &'static str,
    rate: Rate,
    pace: Pace,
    cells: Cells,
    refusals: AtomicU64,
}

/// How a client stands with a limit.
#[derive(Debug, Clone, Copy)]
pub struct RateLimitStatus {
    limit: &'static str,
    rate: Rate,
    left: Left,
}

/// A request that was counted for a key.
struct Counted(RateLimitStatus);

impl Limits {
    #[must_use]
    pub fn new(limit: Option<RateLimit>) -> Self {
        Self(limit.map(|RateLimit { reads, writes, failures }| Counters {
            start: Instant::now(),
            reads: Limit::new("reads", reads),
            writes: Limit::new("writes", writes),
            failures: Limit::new("failures", failures),
            known: Cells::new(KEY_LINES),
        }))
    }

    /// Of each limit its name and how many requests it has refused.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let limits = self.0.iter().flat_map(|Counters { reads, writes, failures, .. }| [reads, writes, failures]);
        limits.map(|limit| (limit.name, limit.refusals.load(Ordering::Relaxed)))
    }
}

/// To be asked before a key is looked up; `key` is its hash.
///
/// # Errors
/// The address has sent too many wrong ones, and this one was not valid lately.
pub fn check_failures(request: &ServiceRequest, key: &[u8; 32]) -> Result<(), ApiError> {
    let Some(counters) = counters(request) else { return Ok(()) };
    let now = counters.now();
    let standing = counters.failures.standing(address(request), now);
    let may = standing.left.requests > 0 || counters.known.time(number(key)) > now;
    if may { Ok(()) } else { Err(ApiError::TooManyWrongKeys(counters.failures.refuse(standing))) }
}

/// Counts a key that was not valid.
pub fn record_failure(request: &ServiceRequest, key: &[u8; 32]) {
    let Some(counters) = counters(request) else { return };
    // One that was never valid must not take the place of one that was.
    if counters.known.time(number(key)) > 0 {
        counters.known.set_time(number(key), 0);
    }
    // Others may have used it up meanwhile.
    let _ = counters.failures.take(address(request), counters.now());
}

/// Counts a request for its key, which is valid and has this id.
///
/// # Errors
/// The key has sent too many.
pub fn count(request: &ServiceRequest, key: &[u8; 32], id: i64) -> Result<(), ApiError> {
    let Some(counters) = counters(request) else { return Ok(()) };
    let now = counters.now();
    counters.known.set_time(number(key), now + KNOWN_FOR);
    let limit = counters.limit_of(request.method());
    let taken = limit.take(of_key(id), now);
    let (Ok(standing) | Err(standing)) = taken;
    request.extensions_mut().insert(Counted(standing));
    taken.map(drop).map_err(|standing| ApiError::RateLimited(limit.refuse(standing)))
}

fn counters(request: &ServiceRequest) -> Option<&Counters> {
    request.app_data::<web::Data<Limits>>()?.0.as_ref()
}

impl Counters {
    /// Nanoseconds since the start; enough for 584 years.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn limit_of(&self, method: &Method) -> &Limit {
        if method.is_safe() { &self.reads } else { &self.writes }
    }
}

impl Limit {
    fn new(name: &'static str, rate: Rate) -> Self {
        Self { name, rate, pace: Pace::of(rate), cells: Cells::new(LINES), refusals: AtomicU64::new(0) }
    }

    fn take(&self, client: u128, now: u64) -> Result<RateLimitStatus, RateLimitStatus> {
        let standing = |left| RateLimitStatus { limit: self.name, rate: self.rate, left };
        self.cells.take(client, self.pace, now).map(standing).map_err(standing)
    }

    /// Counts a refusal.
    fn refuse(&self, standing: RateLimitStatus) -> RateLimitStatus {
        self.refusals.fetch_add(1, Ordering::Relaxed);
        standing
    }

    fn standing(&self, client: u128, now: u64) -> RateLimitStatus {
        RateLimitStatus { limit: self.name, rate: self.rate, left: self.cells.left(client, self.pace, now) }
    }
}

impl RateLimitStatus {
    /// The whole seconds after which another request is served.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.left.wait.div_ceil(SECOND).max(1)
    }

    /// Headers of an answer by which the client knows where it stands (draft-ietf-httpapi-ratelimit-headers-11).
    fn tell(&self, headers: &mut HeaderMap) {
        let Self { limit, rate, left } = self;
        let policy = format!("\"{limit}\";q={};w={}", rate.count, rate.period);
        let state = format!("\"{limit}\";r={};t={}", left.requests, self.seconds());
        for (name, value) in [(POLICY, policy), (STATE, state)] {
            headers.insert(name, HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("")));
        }
    }

    /// The headers of a refusal.
    pub(crate) fn tell_refused(&self, headers: &mut HeaderMap) {
        self.tell(headers);
        headers.insert(header::RETRY_AFTER, self.seconds().into());
    }

    /// Not before three quarters are used up: nearly all clients need not know, and it would cost at every answer.
    fn tell_if_low(&self, headers: &mut HeaderMap) {
        // A refusal has told.
        if self.left.requests * 4 < self.rate.count.into() && !headers.contains_key(STATE) {
            self.tell(headers);
        }
    }
}

impl fmt::Display for RateLimitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, rate: Rate { count, period }, .. } = self;
        write!(f, "at most {count} {limit} in {period} s; try again in {} s", self.seconds())
    }
}

/// What an address is counted by, a number unlike those of all other clients.
fn address(request: &ServiceRequest) -> u128 {
    match client_ip::address(request.request()) {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => 1 << 64 | address.to_bits() >> 64,
    }
}

/// The same for a key.
fn of_key(id: i64) -> u128 {
    2 << 64 | u128::from(id.cast_unsigned())
}

fn number(key: &[u8; 32]) -> u128 {
    key.first_chunk().copied().map_or(0, u128::from_be_bytes)
}

/// Whether it is served however often it is asked for: whoever watches over the service must not be turned away.
#[must_use]
pub fn is_exempt(path: &str) -> bool {
    path.starts_with("/health/")
}

/// Counts a request for its address, unless `keys::auth` counts it for its key, and has it served.
///
/// # Errors
/// Those of `serve`.
pub async fn limit<B: MessageBody + 'static>(
    request: ServiceRequest,
    serve: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<EitherBody<B>>, Error>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let limits = request.app_data::<web::Data<Limits>>().cloned();
    let counters = limits.as_ref().and_then(|limits| limits.0.as_ref());
    let Some(counters) = counters.filter(|_| !is_exempt(request.path())) else { return serve(request).await };
    let client = address(&request);
    let take = |method: &Method| counters.limit_of(method).take(client, counters.now());
    // Whether a key is valid, `keys::auth` will find out.
    let has_key = request.headers().contains_key(header::AUTHORIZATION);
    let before = if has_key { None } else { Some(take(request.method())) };
    let refuse = |method: &Method, standing| ApiError::RateLimited(counters.limit_of(method).refuse(standing));
    if let Some(Err(standing)) = before {
        let refusal = refuse(request.method(), standing);
        return Ok(request.error_response(refusal).map_into_right_body());
    }
    let mut response = serve(request).await?;
    let by_key = || response.request().extensions().get().map(|Counted(standing)| Ok(*standing));
    let taken = before.or_else(by_key).unwrap_or_else(|| take(response.request().method()));
    let is_refused = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS);
    match taken {
        // Without a valid key nothing was done that could not be refused afterwards.
        Err(standing) if !is_refused => {
            let refusal = refuse(response.request().method(), standing);
            return Ok(response.error_response(refusal).map_into_right_body());
        }
        Ok(standing) | Err(standing) => standing.tell_if_low(response.headers_mut()),
    }
    Ok(response)
}
