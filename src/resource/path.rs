//! Path parameters. The response to an invalid id or slug is 404, as if no resource had it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use utoipa::IntoParams;

use crate::db::MAX_ID;
use crate::http::ApiError;

/// The id in a path.
#[derive(Debug, Clone, Copy, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct IdPath {
    /// The id of the resource.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1)]
    pub id: i64,
}

impl FromRequest for IdPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(parse_id);
        ready(id.map(|id| Self { id }).ok_or(ApiError::NotFound("resource")))
    }
}

/// Parses a positive id of at most [`MAX_ID`]. A sign or a leading zero is invalid, so that each resource has one URL.
fn parse_id(text: &str) -> Option<i64> {
    if text.starts_with(['+', '-', '0']) {
        return None;
    }
    text.parse().ok().filter(|id| *id <= MAX_ID)
}

/// The slug in a path. It is not validated: no resource has an invalid slug.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct SlugPath {
    /// The slug of the resource.
    #[param(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 200, example = "hello-world")]
    pub slug: String,
}

impl FromRequest for SlugPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let slug = request.match_info().get("slug");
        ready(slug.map(|slug| Self { slug: slug.to_owned() }).ok_or(ApiError::NotFound("resource")))
    }
}
