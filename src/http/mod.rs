//! What every route shares: problems, bodies, conditions, caching, cursors and the layer around all requests.

pub mod cache;
pub mod conditional;
pub mod connection;
pub mod cors;
pub mod cursor;
pub mod edge;
pub mod idempotency;
pub mod json;
pub mod path;
pub mod problem;
pub mod query;
pub mod representation;
pub mod unread;
mod value;

pub use problem::{ApiError, Code};
