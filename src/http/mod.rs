//! What every route shares: reading requests, errors, responses, idempotency, and the middleware around all routes.
//!
//! This module knows no post and no role. [`error`] and [`representation`] are what handlers return, [`extract`] is what
//! they receive, [`middleware`] surrounds them, and [`transport`] is below HTTP: sockets, body streams, and addresses.

pub mod content_coding;
pub mod entity_tag;
pub mod error;
pub mod extract;
pub mod idempotency_store;
pub mod middleware;
pub mod rate_limit_status;
pub mod representation;
pub mod transport;

pub use error::ApiError;
