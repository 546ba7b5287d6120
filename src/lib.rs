//! `posts-api`: the posts backend for any frontend.
//!
//! A request passes these modules, and imports point downward only (`scripts/check-layers`):
//!
//! 1. [`server`] assembles the middleware on bound listeners; [`routes`] lists every route.
//! 2. [`http`] reads the request and renders responses and errors.
//! 3. [`keys::auth`] authenticates the caller.
//! 4. [`posts::handlers`] takes the request apart, calls the store once, and renders the result.
//! 5. [`posts::store`] and [`posts::list`] contain the queries, each written once for both databases.
//! 6. [`db`] runs them on a connection, with limits on their time and on the queue for a connection.
//! 7. `schema` describes the tables that the migrations create.
//!
//! [`config`] is the only module that reads the environment. [`openapi`] generates the API document from the same
//! routes. [`ops`] serves operators. [`transfer`] imports and exports posts.
//! [`webhooks`] sends requests when public posts change.

pub mod config;
pub mod db;
pub mod escape;
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
pub mod tls;
pub mod transfer;
pub mod validation;
pub mod webhooks;
