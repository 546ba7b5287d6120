//! Conditional requests (RFC 9110, section 13): `ETag`, `If-None-Match` and `If-Match`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, EntityTag, Header};
use actix_web::{FromRequest, HttpRequest, web};
use utoipa::IntoParams;

use super::ApiError;

/// The setting `REQUIRE_IF_MATCH`: whether a change without `If-Match` is refused.
#[derive(Debug, Clone, Copy)]
pub struct RequireIfMatch(pub bool);

/// What `If-None-Match` of a read says.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IfNoneMatch {
    /// An `ETag` from an earlier answer: 304 without a body while nothing has changed.
    #[param(rename = "If-None-Match", value_type = Option<String>, example = "\"1-1\"")]
    tags: header::IfNoneMatch,
}

impl IfNoneMatch {
    /// Whether the caller already has the representation with this tag (weak comparison).
    #[must_use]
    pub fn matches(&self, tag: &EntityTag) -> bool {
        match &self.tags {
            header::IfNoneMatch::Any => true,
            header::IfNoneMatch::Items(tags) => tags.iter().any(|given| given.weak_eq(tag)),
        }
    }
}

impl FromRequest for IfNoneMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    /// A condition that cannot be read matches nothing: the answer is then complete.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let tags = header::IfNoneMatch::parse(request).unwrap_or(header::IfNoneMatch::Items(Vec::new()));
        ready(Ok(Self { tags }))
    }
}

/// What `If-Match` of a change says.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IfMatch {
    /// The `ETag` of the post as last read: 412 where somebody changed it since.
    #[param(rename = "If-Match", value_type = Option<String>, example = "\"1-1\"")]
    tags: Option<header::IfMatch>,
}

impl IfMatch {
    /// The tags of which one must be the current one (strong comparison), or `None` where any will do.
    #[must_use]
    pub fn tags(&self) -> Option<Vec<&str>> {
        match &self.tags {
            None | Some(header::IfMatch::Any) => None,
            Some(header::IfMatch::Items(tags)) => {
                Some(tags.iter().filter(|tag| !tag.weak).map(EntityTag::tag).collect())
            }
        }
    }
}

impl FromRequest for IfMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    /// A condition that cannot be read matches nothing: the change is then refused.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let required = request.app_data::<web::Data<RequireIfMatch>>().is_some_and(|required| required.0);
        let tags = request
            .headers()
            .contains_key(header::IF_MATCH)
            .then(|| header::IfMatch::parse(request).unwrap_or(header::IfMatch::Items(Vec::new())));
        ready(if required && tags.is_none() { Err(ApiError::PreconditionRequired) } else { Ok(Self { tags }) })
    }
}
