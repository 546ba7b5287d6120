//! API keys: who may call what.

pub mod auth;
pub mod handlers;
pub mod model;
pub mod store;
