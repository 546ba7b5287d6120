//! HTTP code that every route uses: extractors, errors, responses, idempotency, and middleware.
//!
//! This module does not depend on posts or roles. Handlers receive the types of [`extract`], and return those of
//! [`error`] and [`representation`]. [`middleware`] wraps all routes. [`transport`] is below HTTP: sockets, body
//! streams, and client addresses.

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
