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

/// `If-None-Match` of a read, for the OpenAPI document; [`super::representation`] reads it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "its fields are only described")]
pub struct IfNoneMatch {
    /// An `ETag` from an earlier answer: 304 without a body while nothing has changed.
    #[param(rename = "If-None-Match", required = false, example = "\"1-1\"")]
    tags: String,
}

/// What `If-Match` of a change says.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IfMatch {
    /// The `ETag` of the post as last read: 412 where somebody changed it since.
    #[param(rename = "If-Match", value_type = String, required = false, example = "\"1-1\"")]
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

/// What `If-Match` or `If-None-Match` of a `PUT` says.
#[derive(Debug)]
pub enum IfExists {
    /// Neither was sent.
    Either,
    /// `If-None-Match: *`: only where nothing is there.
    No,
    /// `If-Match`: only where this is there.
    Yes(IfMatch),
}

/// The headers, for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "its fields are only described")]
pub struct IfExistsHeaders {
    /// The `ETag` of the post as last read: replaces only that, 412 otherwise.
    #[param(rename = "If-Match", value_type = String, required = false, example = "\"1-1\"")]
    if_match: Option<String>,
    /// `*` creates only: 412 where the post exists.
    #[param(rename = "If-None-Match", value_type = String, required = false, example = "*")]
    if_none_match: Option<String>,
}

impl FromRequest for IfExists {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let headers = request.headers();
        ready(match (headers.get(header::IF_NONE_MATCH), headers.contains_key(header::IF_MATCH)) {
            (Some(value), false) if value == "*" => Ok(Self::No),
            (Some(_), _) => Err(ApiError::InvalidHeader {
                name: "If-None-Match",
                why: "takes only * here, and not together with If-Match",
            }),
            (None, true) => return ready(IfMatch::from_request(request, payload).into_inner().map(Self::Yes)),
            (None, false) if is_required(request) => Err(ApiError::PreconditionRequired),
            (None, false) => Ok(Self::Either),
        })
    }
}

fn is_required(request: &HttpRequest) -> bool {
    request.app_data::<web::Data<RequireIfMatch>>().is_some_and(|required| required.0)
}

impl FromRequest for IfMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        if !request.headers().contains_key(header::IF_MATCH) {
            return ready(if is_required(request) {
                Err(ApiError::PreconditionRequired)
            } else {
                Ok(Self { tags: None })
            });
        }
        let unreadable =
            ApiError::InvalidHeader { name: "If-Match", why: "takes * or the ETags of posts, with their quotes" };
        ready(match header::IfMatch::parse(request) {
            // actix leaves out what it cannot read.
            Ok(header::IfMatch::Items(tags)) if tags.len() != given(request, &header::IF_MATCH) => Err(unreadable),
            Ok(tags) => Ok(Self { tags: Some(tags) }),
            Err(_) => Err(unreadable),
        })
    }
}

/// How many items the lists of this header have; the service's own tags hold no comma.
fn given(request: &HttpRequest, name: &header::HeaderName) -> usize {
    let items = |value: &header::HeaderValue| {
        value.to_str().map_or(0, |list| list.split(',').filter(|item| !item.trim().is_empty()).count())
    };
    request.headers().get_all(name).map(items).sum()
}
