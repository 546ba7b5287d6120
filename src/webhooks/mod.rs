//! Webhooks: requests that the service sends when public posts change, and the routes that manage them.
//!
//! A webhook is a position in the log of changes. This module does not know how a change gets into the log.

pub mod actions;
pub mod changes;
pub mod credential;
pub mod delivery;
pub mod errors;
mod etag;
pub mod fields;
pub mod handlers;
pub mod input;
pub mod mode;
pub mod model;
mod network;
pub mod offline;
mod receiver_log;
pub mod responses;
pub mod running_tests;
mod schemas;
pub mod send;
pub mod store;

use crate::http::error::code::{INVALID_HEADER, NOT_FOUND, PRECONDITION_FAILED};
use crate::posts::errors::{CHANGES_NOT_READY, CURSOR_EXPIRED};
use crate::routing::{Access, Operation, Role, operation};
use crate::webhooks::errors::TOO_MANY_WEBHOOKS;

const ADMIN: Access = Access::AtLeast(Role::Admin);

/// The routes of webhooks.
pub const ROUTES: &[Operation] = &[
    operation!(ADMIN, webhooks::handlers, list_webhooks, [INVALID_HEADER, PRECONDITION_FAILED]),
    operation!(ADMIN, webhooks::handlers, create_webhook, [PRECONDITION_FAILED, TOO_MANY_WEBHOOKS, CHANGES_NOT_READY]),
    operation!(ADMIN, webhooks::handlers, get_webhook, [INVALID_HEADER, NOT_FOUND, PRECONDITION_FAILED]),
    operation!(ADMIN, webhooks::handlers, update_webhook, [NOT_FOUND]),
    operation!(ADMIN, webhooks::handlers, delete_webhook, [NOT_FOUND]),
    operation!(ADMIN, webhooks::handlers, rotate_webhook_secret, [NOT_FOUND]),
    operation!(ADMIN, webhooks::handlers, replay_webhook, [NOT_FOUND, CURSOR_EXPIRED, CHANGES_NOT_READY]),
    operation!(ADMIN, webhooks::handlers, test_webhook, [INVALID_HEADER, NOT_FOUND, PRECONDITION_FAILED]),
    operation!(ADMIN, webhooks::handlers, list_webhook_attempts, [INVALID_HEADER, NOT_FOUND, PRECONDITION_FAILED]),
];
