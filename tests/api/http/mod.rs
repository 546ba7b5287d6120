//! HTTP itself: routes, headers, request bodies, caching, CORS, and the OpenAPI document.

mod caching_headers;
mod cors;
mod docs_pages;
mod openapi;
mod request_bodies;
mod response_cache;
mod routes;
mod security_headers;
mod upgrade;
