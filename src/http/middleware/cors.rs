//! Which browser pages may call the API (the Fetch standard's CORS protocol). Keys travel in a header and never in
//! cookies, so credentials stay off.

use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName};

use crate::http::rate_limit_status;

const READ: [Method; 2] = [Method::GET, Method::HEAD];
const WRITE: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// How long, in seconds, a browser may remember the answer to a preflight.
const MAX_AGE: usize = 3600;

/// Without a list any origin may read and none may write; with one, its origins may do both and no other anything.
pub fn cors(origins: Option<&[String]>) -> Cors {
    let cors = Cors::default()
        .allowed_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers([
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            HeaderName::from_static("idempotency-replayed"),
            rate_limit_status::POLICY,
            rate_limit_status::STATUS,
            HeaderName::from_static("x-request-id"),
        ])
        .max_age(MAX_AGE);
    match origins {
        None => cors.allow_any_origin().send_wildcard().disable_vary_header().allowed_methods(READ),
        Some(origins) => origins.iter().fold(cors.allowed_methods(WRITE), |cors, origin| cors.allowed_origin(origin)),
    }
}
