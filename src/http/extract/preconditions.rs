//! Preconditions (RFC 9110, section 13): `If-None-Match` and `If-Match`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{FromRequest, HttpRequest, web};
use utoipa::IntoParams;

use crate::http::{ApiError, entity_tag};

/// The setting `REQUIRE_IF_MATCH`: whether a change without `If-Match` is rejected with 428.
#[derive(Debug, Clone, Copy)]
pub struct RequireIfMatch(pub bool);

/// `If-None-Match` of a read.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IfNoneMatch {
    /// The `ETag` of an earlier response, such as `"1-1"`. If the resource has not changed since, the response is 304 without
    /// a body.
    #[param(rename = "If-None-Match", value_type = String, required = false)]
    values: Vec<HeaderValue>,
}

impl IfNoneMatch {
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self { values: headers.get_all(header::IF_NONE_MATCH).cloned().collect() }
    }

    /// Each header line, unparsed.
    #[must_use]
    pub fn values(&self) -> &[HeaderValue] {
        &self.values
    }
}

/// `If-Match` of a change.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IfMatch {
    /// The `ETag` of the resource as last read, such as `"1-1"`. If the resource has changed since, the response is 412.
    #[param(
        rename = "If-Match",
        value_type = String,
        required = false,
        pattern = r#"^(\*|((W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)?)$"#
    )]
    tags: Option<Vec<String>>,
}

impl IfMatch {
    /// The listed tags, one of which must be the current tag (strong comparison). `None` without the header and for `*`:
    /// every version is accepted.
    #[must_use]
    pub fn tags(&self) -> Option<&[String]> {
        self.tags.as_deref()
    }
}

/// `If-Match` or `If-None-Match` of a `PUT`.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct PutPrecondition {
    /// The `ETag` of the resource as last read, such as `"1-1"`. Replaces only that version; otherwise the response is 412.
    #[param(
        rename = "If-Match",
        value_type = String,
        required = false,
        pattern = r#"^(\*|((W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)?)$"#
    )]
    pub if_match: Option<IfMatch>,
    /// `*` creates only: if the resource exists, the response is 412.
    #[param(rename = "If-None-Match", value_type = String, required = false, pattern = r"^\*$")]
    pub if_none_match: bool,
}

impl FromRequest for PutPrecondition {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers();
        ready(match (headers.get(header::IF_NONE_MATCH), headers.contains_key(header::IF_MATCH)) {
            (Some(value), false) if value == "*" => Ok(Self { if_match: None, if_none_match: true }),
            (Some(_), _) => Err(ApiError::InvalidHeader {
                name: "If-None-Match",
                message: "must be * here, and cannot be combined with If-Match",
            }),
            (None, true) => parse_if_match(request).map(|tags| Self { if_match: Some(tags), if_none_match: false }),
            (None, false) if is_required(request) => Err(ApiError::PreconditionRequired),
            (None, false) => Ok(Self { if_match: None, if_none_match: false }),
        })
    }
}

impl FromRequest for IfMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.headers().contains_key(header::IF_MATCH) {
            true => parse_if_match(request),
            false if is_required(request) => Err(ApiError::PreconditionRequired),
            false => Ok(Self { tags: None }),
        })
    }
}

fn is_required(request: &HttpRequest) -> bool {
    request.app_data::<web::Data<RequireIfMatch>>().is_some_and(|setting| setting.0)
}

fn parse_if_match(request: &HttpRequest) -> Result<IfMatch, ApiError> {
    strong_tags(request).map(|tags| IfMatch { tags }).ok_or(ApiError::InvalidHeader {
        name: "If-Match",
        message: "must be * or a list of ETags, including their quotes",
    })
}

/// The strong tags of `If-Match`, or `Some(None)` for `*`. `None` if the header cannot be parsed.
fn strong_tags(request: &HttpRequest) -> Option<Option<Vec<String>>> {
    let mut values = request.headers().get_all(header::IF_MATCH);
    if values.next().is_some_and(|value| value == "*") && values.next().is_none() {
        return Some(None);
    }
    let mut strong = Vec::new();
    for value in request.headers().get_all(header::IF_MATCH) {
        let tags = entity_tag::parse_list(value.to_str().ok()?)?;
        strong.extend(tags.into_iter().filter(|tag| !tag.is_weak).map(|tag| tag.opaque.to_owned()));
    }
    Some(Some(strong))
}
