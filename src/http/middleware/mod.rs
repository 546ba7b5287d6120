//! Middleware around all routes, from the outside in: envelope, CORS, rate limits, and the cache.

pub mod audit;
pub mod cache;
pub mod cors;
pub mod envelope;
mod error_log;
mod gcra;
pub mod query;
pub mod rate_limit;
mod request_id;
pub mod request_metrics;
mod trace;
