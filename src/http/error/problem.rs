//! The body of an error response.

use serde::Serialize;
use utoipa::ToSchema;

use crate::validation::FieldError;

/// An error, as `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// The URL of an explanation, relative to the service.
    #[schema(value_type = String, format = "uri-reference", example = "/problems/validation_failed")]
    pub r#type: String,
    /// A summary of the kind of error. Does not vary between occurrences.
    #[schema(value_type = String, example = "Validation failed")]
    pub title: &'static str,
    /// The HTTP status code.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    pub status: u16,
    /// What went wrong in this request.
    #[schema(example = "1 field is invalid")]
    pub detail: String,
    /// The stable name of the error. Branch on this member. Later versions may add codes: treat an unknown one by its
    /// `status`.
    #[schema(value_type = String, example = "validation_failed")]
    pub code: &'static str,
    /// The id of the request, as in the `X-Request-Id` header and in the log of the service.
    #[schema(example = "5f2b9c0d1e3a4b67")]
    pub request_id: String,
    /// The invalid fields: every one for `validation_failed`, the slugs in use for `slug_taken` of a batch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
}
