//! `posts-api`: the posts backend for any frontend.
//!
//! A request goes one way, and nothing imports upward:
//!
//! 1. [`app`] has the table of routes and the layers around them;
//! 2. [`http`] knows what is asked: bodies, conditions, cursors, and errors;
//! 3. [`keys::auth`] knows who is asking;
//! 4. [`posts::handlers`] takes the request apart, calls the store once and answers;
//! 5. [`posts::store`] and [`posts::list`] hold the queries, each written once for both databases;
//! 6. [`db`] lends them a connection, bounded in time and in queue;
//! 7. `schema` is what the migrations made.
//!
//! [`config`] is the only reader of the environment, [`openapi`] makes the document from the same table of routes, and
//! [`ops`] is for operators.

pub mod config;
pub mod db;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod keys;
pub mod openapi;
pub mod ops;
pub mod posts;
pub mod resource;
pub mod routes;
pub mod routing;
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "diesel generates it"))]
mod schema;
pub mod server;
pub mod telemetry;
pub mod transfer;
pub mod validation;
