//! The errors of the webhook operations.

use crate::http::ApiError;
use crate::http::error::code::error_codes;
use crate::posts::errors::CURSOR_EXPIRED;
use crate::resource::versioned::Change;

error_codes! {
    TOO_MANY_WEBHOOKS "too_many_webhooks" CONFLICT "Too many webhooks"
        "There are 50 webhooks already. Delete one that is not used, or change one with `PATCH`.",
}

/// The limit on webhooks is reached.
pub(crate) fn too_many_webhooks() -> ApiError {
    ApiError::Resource {
        code: TOO_MANY_WEBHOOKS,
        detail: "there are 50 webhooks already; delete one first",
        errors: Vec::new(),
    }
}

pub(crate) const NOT_FOUND: ApiError = ApiError::NotFound("webhook");

pub(crate) fn into_result<T>(change: Change<T>) -> Result<T, ApiError> {
    match change {
        Change::Done(value) => Ok(value),
        Change::Missing => Err(NOT_FOUND),
        Change::Stale | Change::Conflict => Err(ApiError::PreconditionFailed),
        Change::Invalid(error) => Err(ApiError::ValidationFailed(vec![error])),
    }
}

/// The log no longer contains all changes that a replay requests.
pub(crate) fn replay_expired() -> ApiError {
    ApiError::Resource {
        code: CURSOR_EXPIRED,
        detail: "the log no longer contains all changes since this position; replay from a later time",
        errors: Vec::new(),
    }
}
