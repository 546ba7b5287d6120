//! The errors that only posts have.

use crate::http::ApiError;
use crate::http::error::code::error_codes;
use crate::validation::FieldError;

error_codes! {
    SLUG_TAKEN "slug_taken" CONFLICT "Slug already in use"
        "Another post has this slug. Choose another one, or omit `slug` to have an unused one derived from the title.",
}

/// Another post has the slug.
pub(crate) fn slug_taken() -> ApiError {
    ApiError::Resource { code: SLUG_TAKEN, detail: "the slug is used by another post", errors: Vec::new() }
}

/// Other posts have some of the slugs of a batch: where these are in the request body.
pub(crate) fn slugs_taken(errors: Vec<FieldError>) -> ApiError {
    ApiError::Resource { code: SLUG_TAKEN, detail: "some slugs are used by other posts", errors }
}
