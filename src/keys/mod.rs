//! API keys: authentication of requests, and the routes that manage keys.

pub mod auth;
pub mod errors;
pub mod existence;
pub mod handlers;
pub mod model;
pub mod store;

use crate::http::error::code::{INVALID_HEADER, NOT_FOUND, PRECONDITION_FAILED};
use crate::keys::errors::LAST_ADMIN_KEY;
use crate::routing::{Access, Operation, Role, operation};

const ADMIN: Access = Access::AtLeast(Role::Admin);

/// The routes of API keys.
pub const ROUTES: &[Operation] = &[
    operation!(ADMIN, keys::handlers, list_keys, []),
    operation!(ADMIN, keys::handlers, create_key, [INVALID_HEADER, PRECONDITION_FAILED]),
    operation!(ADMIN, keys::handlers, revoke_key, [INVALID_HEADER, NOT_FOUND, LAST_ADMIN_KEY, PRECONDITION_FAILED]),
];
