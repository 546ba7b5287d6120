//! The errors that only posts have.

use crate::http::ApiError;
use crate::http::error::code::error_codes;
use crate::validation::FieldError;

error_codes! {
    SLUG_TAKEN "slug_taken" CONFLICT "Slug already in use"
        "Another post has this slug. Choose another one, or omit `slug` to have an unused one derived from the title.",
    CURSOR_EXPIRED "cursor_expired" GONE "Cursor expired"
        "The change feed no longer contains the position that the cursor names: it is more than 30 days old, or the \
         database was restored or replaced since. Read the feed again from the start, without a cursor, and then \
         remove every post that it did not contain. To replay changes to a webhook, choose a later position.",
    CHANGES_NOT_READY "changes_not_ready" SERVICE_UNAVAILABLE "Change feed not ready"
        "The service does not know yet up to which position the change feed is complete, for example after it has \
         reconnected to the database. Wait for `Retry-After` seconds, then try again.",
    TOO_MANY_STREAMS "too_many_streams" SERVICE_UNAVAILABLE "Too many event streams"
        "The limit on open event streams is reached, for this instance (setting `MAX_STREAMS`) or for this client. \
         Wait for `Retry-After` seconds, then try again, or poll `/api/changes` instead. Without this header, the \
         instance allows no streams at all.",
}

/// The log no longer contains the row that a cursor names.
pub(crate) fn cursor_expired() -> ApiError {
    ApiError::Resource {
        code: CURSOR_EXPIRED,
        detail: "the change feed no longer contains this position; omit the cursor to start over",
        errors: Vec::new(),
    }
}

/// It is unknown up to which position the log is complete.
pub(crate) fn changes_not_ready() -> ApiError {
    ApiError::Resource {
        code: CHANGES_NOT_READY,
        detail: "it is not known yet up to which position the change feed is complete; try again",
        errors: Vec::new(),
    }
}

/// The limit on event streams is reached, for the instance or for one client. Streams stay open for a long time, so
/// clients wait a random time of 5 to 30 seconds.
pub(crate) fn too_many_streams() -> ApiError {
    ApiError::Exhausted {
        code: TOO_MANY_STREAMS,
        detail: "the limit on open event streams is reached; try again later, or poll /api/changes",
        retry_after: Some(5 + getrandom::u32().unwrap_or_default() % 26),
    }
}

/// The instance allows no event streams, so waiting is of no use.
pub(crate) fn no_streams() -> ApiError {
    ApiError::Exhausted {
        code: TOO_MANY_STREAMS,
        detail: "this instance allows no event streams (setting MAX_STREAMS); poll /api/changes instead",
        retry_after: None,
    }
}

/// Another post has the slug.
pub(crate) fn slug_taken() -> ApiError {
    ApiError::Resource { code: SLUG_TAKEN, detail: "the slug is used by another post", errors: Vec::new() }
}

/// Other posts have some of the slugs of a batch: where these are in the request body.
pub(crate) fn slugs_taken(errors: Vec<FieldError>) -> ApiError {
    ApiError::Resource { code: SLUG_TAKEN, detail: "some slugs are used by other posts", errors }
}
