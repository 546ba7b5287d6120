//! The errors of the API key operations.

use crate::http::ApiError;
use crate::http::error::code::error_codes;

error_codes! {
    LAST_ADMIN_KEY "last_admin_key" CONFLICT "Last admin key"
        "Without this key, no key could manage keys. Create another admin key first, or revoke this one with \
         `posts-api keys revoke`.",
}

/// The error of revoking the last key that can manage keys.
pub(crate) fn last_admin_key() -> ApiError {
    ApiError::Resource {
        code: LAST_ADMIN_KEY,
        detail: "this is the last admin key; create another one first",
        errors: Vec::new(),
    }
}
