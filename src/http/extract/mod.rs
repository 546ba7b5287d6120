//! Extractors: the arguments of handlers, read from the request, validated, and limited in size.

pub mod idempotency_key;
pub mod json;
pub mod preconditions;
pub mod query;
