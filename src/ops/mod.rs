//! Operations: health checks, metrics, API documentation, self-diagnosis, cleanup, and shutdown.

pub mod admin;
pub mod cleanup;
pub mod docs;
pub mod doctor;
pub mod health;
pub mod metrics;
pub mod shutdown;

use crate::http::error::code::{NOT_FOUND, NOT_READY};
use crate::routing::{Access, Operation, operation};

const UNCHECKED: Access = Access::Unchecked;

/// The public routes of this module. None of them checks an API key.
pub const ROUTES: &[Operation] = &[
    operation!(UNCHECKED, ops::docs, get_openapi, []),
    operation!(UNCHECKED, ops::docs, get_docs, []),
    operation!(UNCHECKED, ops::docs, get_docs_file, [NOT_FOUND]),
    operation!(UNCHECKED, ops::docs, get_problem, [NOT_FOUND]),
    operation!(UNCHECKED, ops::health, check_liveness, []),
    operation!(UNCHECKED, ops::health, check_readiness, [NOT_READY]),
];
