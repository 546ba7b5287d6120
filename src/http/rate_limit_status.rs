//! [`RateLimitStatus`]: how much of a rate limit a client has left, and the response headers that report it.

use std::fmt;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::config::Rate;

/// The header that describes the limit (draft-ietf-httpapi-ratelimit-headers-11).
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The header with the number of remaining requests, from the same draft.
pub const STATUS: HeaderName = HeaderName::from_static("ratelimit");

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/// How much of one limit a client has left.
#[derive(Debug, Clone, Copy)]
pub struct RateLimitStatus {
    /// The name of the limit: `reads`, `writes`, or `failures`.
    pub limit: &'static str,
    pub rate: Rate,
    /// Requests that the client may send now.
    pub remaining: u64,
    /// Nanoseconds until the next request is allowed if none remains, otherwise until the full rate is available again.
    pub reset: u64,
}

impl RateLimitStatus {
    /// [`RateLimitStatus::reset`] in whole seconds, rounded up; at least 1.
    #[must_use]
    pub fn reset_seconds(&self) -> u64 {
        self.reset.div_ceil(NANOSECONDS_PER_SECOND).max(1)
    }

    fn write_headers(&self, headers: &mut HeaderMap) {
        let Self { limit, rate, remaining, .. } = self;
        let policy = format!("\"{limit}\";q={};w={}", rate.count, rate.period);
        let status = format!("\"{limit}\";r={remaining};t={}", self.reset_seconds());
        for (name, value) in [(POLICY, policy), (STATUS, status)] {
            headers.insert(name, HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("")));
        }
    }

    /// Writes the headers of a 429 response.
    pub(crate) fn write_refusal_headers(&self, headers: &mut HeaderMap) {
        self.write_headers(headers);
        headers.insert(header::RETRY_AFTER, self.reset_seconds().into());
    }

    /// Writes the headers if less than a quarter of the rate remains. Before that, hardly any client reads them, and
    /// they would cost time in every response.
    pub(crate) fn write_headers_if_low(&self, headers: &mut HeaderMap) {
        // A 429 response has them already.
        if self.remaining * 4 < self.rate.count.into() && !headers.contains_key(STATUS) {
            self.write_headers(headers);
        }
    }
}

impl fmt::Display for RateLimitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, rate: Rate { count, period }, .. } = self;
        write!(f, "the limit is {count} {limit} per {period} s; try again in {} s", self.reset_seconds())
    }
}
