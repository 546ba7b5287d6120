//! What every route shares: problems, bodies, conditions, caching, cursors, limits, and the layers around all
//! requests.

pub mod audit;
pub mod cache;
pub mod conditional;
pub mod connection;
pub mod cors;
pub mod cursor;
pub mod edge;
pub mod entity_tag;
mod gcra;
pub mod idempotency;
pub mod json;
pub mod limits;
pub mod path;
pub mod peer;
pub mod problem;
pub mod query;
pub mod representation;
pub mod requests;
mod trace;
pub mod unread;
mod value;

pub use problem::{ApiError, Code};
