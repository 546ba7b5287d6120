//! Extractors: the arguments of handlers, read from the request, validated, and limited in size.

pub mod idempotency_key;
pub mod json;
mod json_tree;
pub mod preconditions;
pub mod query;
