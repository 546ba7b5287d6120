//! Which browser pages may call the API (the CORS protocol of the Fetch standard). API keys are sent in a header, never
//! in cookies, so credentials are not allowed.

use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

const READ: [Method; 2] = [Method::GET, Method::HEAD];
const WRITE: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// How long a browser may cache the response to a preflight, in seconds.
const MAX_AGE: usize = 3600;

/// Response headers that scripts may read, in a fixed order.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, idempotency-replayed, link, location, ratelimit, ratelimit-policy, retry-after, x-request-id",
);

/// Without a list of origins, any origin may read and none may write. With one, only its origins may read and write.
pub fn cors(origins: Option<&[String]>) -> Cors {
    let cors = Cors::default()
        .allowed_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
        ])
        .max_age(MAX_AGE);
    match origins {
        None => cors.allow_any_origin().send_wildcard().disable_vary_header().allowed_methods(READ),
        Some(origins) => origins.iter().fold(cors.allowed_methods(WRITE), |cors, origin| cors.allowed_origin(origin)),
    }
}

/// Sorts the lists in CORS headers. actix-cors stores them in hash sets, whose order differs between workers. Without a
/// fixed order, the responses to identical requests would differ.
pub(crate) fn order_headers(method: &Method, headers: &mut HeaderMap) {
    if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    if method != Method::OPTIONS {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        return;
    }
    for name in [header::ACCESS_CONTROL_ALLOW_HEADERS, header::ACCESS_CONTROL_ALLOW_METHODS] {
        if let Some(sorted) = headers.get(&name).and_then(sorted) {
            headers.insert(name, sorted);
        }
    }
}

/// The items of a comma-separated list, sorted.
fn sorted(list: &HeaderValue) -> Option<HeaderValue> {
    let mut items: Vec<&str> = list.to_str().ok()?.split(',').map(str::trim).collect();
    items.sort_unstable();
    HeaderValue::try_from(items.join(", ")).ok()
}
