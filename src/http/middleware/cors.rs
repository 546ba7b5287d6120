//! Which browser pages may call the API (the CORS protocol of the Fetch standard). API keys are sent in a header, never
//! in cookies, so credentials are not allowed.

use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

const READ: [Method; 2] = [Method::GET, Method::HEAD];
const WRITE: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// How long a browser may cache the response to a preflight, in seconds.
const MAX_AGE: usize = 3600;

/// Request headers that scripts may send, in a fixed order. Browser SDKs add headers for tracing, and HTTP clients some
/// for caches; the service ignores most of them. A browser sends a request only if all of its headers are listed.
///
/// Not listed: headers of proxies such as `X-Forwarded-For`, which a page must not forge.
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "accept, accept-language, authorization, b3, baggage, cache-control, content-language, content-type, \
     elastic-apm-traceparent, idempotency-key, if-match, if-modified-since, if-none-match, if-range, \
     if-unmodified-since, last-event-id, newrelic, pragma, priority, range, request-context, request-id, \
     sentry-trace, traceparent, tracestate, uber-trace-id, user-agent, x-amzn-trace-id, x-b3-flags, \
     x-b3-parentspanid, x-b3-sampled, x-b3-spanid, x-b3-traceid, x-client-info, x-cloud-trace-context, \
     x-correlation-id, x-csrf-token, x-datadog-origin, x-datadog-parent-id, x-datadog-sampling-priority, \
     x-datadog-tags, x-datadog-trace-id, x-dtpc, x-dtreferer, x-honeycomb-trace, x-instana-l, x-instana-s, \
     x-instana-t, x-request-id, x-requested-with, x-xsrf-token",
);

/// Response headers that scripts may read, in a fixed order.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, idempotency-replayed, link, location, ratelimit, ratelimit-policy, retry-after, x-request-id",
);

/// Without a list of origins, any origin may read and none may write. With one, only its origins may read and write.
pub fn cors(origins: Option<&[String]>) -> Cors {
    // A preflight that asks for other headers is not an error: `order_headers` lists those that are allowed, and the
    // browser decides.
    let cors = Cors::default().allow_any_header().max_age(MAX_AGE);
    match origins {
        None => cors.allow_any_origin().send_wildcard().disable_vary_header().allowed_methods(READ),
        Some(origins) => origins.iter().fold(cors.allowed_methods(WRITE), |cors, origin| cors.allowed_origin(origin)),
    }
}

/// Sets the lists in CORS headers. actix-cors stores them in hash sets, whose order differs between workers. Without a
/// fixed order, the responses to identical requests would differ.
pub(crate) fn order_headers(method: &Method, headers: &mut HeaderMap) {
    if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    if method != Method::OPTIONS {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        return;
    }
    if let Some(sorted) = headers.get(header::ACCESS_CONTROL_ALLOW_METHODS).and_then(sorted) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, sorted);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    }
}

/// The items of a comma-separated list, sorted.
fn sorted(list: &HeaderValue) -> Option<HeaderValue> {
    let mut items: Vec<&str> = list.to_str().ok()?.split(',').map(str::trim).collect();
    items.sort_unstable();
    HeaderValue::try_from(items.join(", ")).ok()
}
