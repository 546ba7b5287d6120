//! Caching of reads (RFC 9111): validators, and who may keep an answer.

use actix_web::HttpResponse;
use actix_web::http::header::{self, ETag, EntityTag, HeaderValue};
use serde::Serialize;

use super::ApiError;
use super::conditional::IfNoneMatch;

/// Who may keep an answer. Either way it is asked for again before it is used, which a 304 makes cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Any cache: it is what everyone gets.
    Public,
    /// The caller's own cache only: a key unlocked it.
    Private,
}

/// 200 with the value as JSON, or 304 where the caller has it already.
///
/// # Errors
/// The value cannot be written as JSON.
pub fn answer(
    tag: EntityTag,
    keep: Keep,
    condition: &IfNoneMatch,
    value: &impl Serialize,
) -> Result<HttpResponse, ApiError> {
    let is_known = condition.matches(&tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    let control = match keep {
        Keep::Public => HeaderValue::from_static("public, no-cache"),
        Keep::Private => HeaderValue::from_static("private, no-cache"),
    };
    response
        .insert_header((header::CACHE_CONTROL, control))
        .insert_header((header::VARY, HeaderValue::from_static("Authorization")))
        .insert_header(ETag(tag));
    if is_known {
        return Ok(response.finish());
    }
    let body = serde_json::to_vec(value).map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    Ok(response.content_type("application/json").body(body))
}
