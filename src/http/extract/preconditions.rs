//! Conditional requests (RFC 9110, section 13): `ETag`, `If-None-Match` and `If-Match`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use utoipa::IntoParams;

use crate::http::{ApiError, entity_tag};

/// The setting `REQUIRE_IF_MATCH`: whether a change without `If-Match` is refused.
#[derive(Debug, Clone, Copy)]
pub struct RequireIfMatch(pub bool);

/// `If-None-Match` of a read, for the OpenAPI document; [`crate::http::representation`] reads it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "its fields are only described")]
pub struct IfNoneMatch {
    /// An `ETag` from an earlier answer, such as `"1-1"`: 304 without a body while nothing has changed.
    #[param(rename = "If-None-Match", required = false)]
    tags: String,
}

/// What `If-Match` of a change says.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IfMatch {
    /// The `ETag` of the post as last read, such as `"1-1"`: 412 where somebody changed it since.
    #[param(
        rename = "If-Match",
        value_type = String,
        required = false,
        pattern = r#"^(\*|((W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)?)$"#
    )]
    tags: Option<Vec<String>>,
}

impl IfMatch {
    /// The tags of which one must be the current one (strong comparison), or `None` where any will do.
    #[must_use]
    pub fn tags(&self) -> Option<&[String]> {
        self.tags.as_deref()
    }
}

/// What `If-Match` or `If-None-Match` of a `PUT` says.
#[derive(Debug)]
pub enum PutPrecondition {
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
pub struct PutPreconditionHeaders {
    /// The `ETag` of the post as last read, such as `"1-1"`: replaces only that, 412 otherwise.
    #[param(
        rename = "If-Match",
        value_type = String,
        required = false,
        pattern = r#"^(\*|((W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)?)$"#
    )]
    if_match: Option<String>,
    /// `*` creates only: 412 where the post exists.
    #[param(rename = "If-None-Match", value_type = String, required = false, pattern = r"^\*$")]
    if_none_match: Option<String>,
}

impl FromRequest for PutPrecondition {
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
        ready(tags(request).map(|tags| Self { tags }).ok_or(ApiError::InvalidHeader {
            name: "If-Match",
            why: "takes * or the ETags of posts, with their quotes",
        }))
    }
}

/// The strong tags of `If-Match`, or `Some(None)` for `*`; `None`: it cannot be read.
fn tags(request: &HttpRequest) -> Option<Option<Vec<String>>> {
    let mut values = request.headers().get_all(header::IF_MATCH);
    if request.headers().get(header::IF_MATCH).is_some_and(|value| value == "*") && values.nth(1).is_none() {
        return Some(None);
    }
    let mut strong = Vec::new();
    for value in request.headers().get_all(header::IF_MATCH) {
        let tags = entity_tag::list(value.to_str().ok()?)?;
        strong.extend(tags.into_iter().filter(|tag| !tag.is_weak).map(|tag| tag.opaque.to_owned()));
    }
    Some(Some(strong))
}
