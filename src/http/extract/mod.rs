//! Extractors: what a handler receives from a request, checked and bounded.

pub mod idempotency_key;
pub mod json;
mod json_tree;
pub mod preconditions;
pub mod query;
