//! Preconditions (RFC 9110, section 13): `If-None-Match` and `If-Match`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
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
    /// The `ETag` of an earlier response. If the resource has not changed since, the response is 304 without a body.
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

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagCondition {
    /// `*`
    Any,
    /// Each tag without its quotes, and whether it is weak.
    Tags(Vec<(bool, String)>),
}

/// The preconditions of a request, as sent. `If-Modified-Since` applies to reads only, and `If-Unmodified-Since` only
/// to resources with a modification date (RFC 9110, sections 13.1.3 and 13.1.4). The service sends no `Last-Modified`,
/// so it ignores both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PreconditionHeaders {
    pub if_match: Option<TagCondition>,
    pub if_none_match: Option<TagCondition>,
}

/// The preconditions of a request that creates a member of a collection, such as `POST /api/posts`.
///
/// They apply to the collection, which always exists, and whose tags are not compared: the tag of a list depends on the
/// query string and on the caller. `If-None-Match: *` and tags in `If-Match` are therefore never met.
#[derive(Debug)]
pub struct CollectionPreconditions;

/// The preconditions of a change, except `PUT`. The OpenAPI document describes `If-Match` only.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ChangePreconditions {
    /// The `ETag` of the resource as last read. If the resource has changed since, the response is 412.
    #[param(
        rename = "If-Match",
        value_type = String,
        required = false,
        pattern = r"^(\*|((W/)?\x22[!#-~]*\x22(, ?(W/)?\x22[!#-~]*\x22)*)?)$"
    )]
    pub headers: PreconditionHeaders,
}

/// The preconditions of a `PUT`.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct PutPreconditions {
    /// The `ETag` of the resource as last read. If the resource has changed since, the response is 412.
    #[param(
        rename = "If-Match",
        value_type = String,
        required = false,
        pattern = r"^(\*|((W/)?\x22[!#-~]*\x22(, ?(W/)?\x22[!#-~]*\x22)*)?)$"
    )]
    pub if_match: Option<TagCondition>,
    /// `*` creates only: if the resource exists, the response is 412. With an `ETag`, the response is 412 if the
    /// resource exists with this `ETag`.
    #[param(
        rename = "If-None-Match",
        value_type = String,
        required = false,
        pattern = r"^(\*|((W/)?\x22[!#-~]*\x22(, ?(W/)?\x22[!#-~]*\x22)*)?)$"
    )]
    pub if_none_match: Option<TagCondition>,
}

impl PreconditionHeaders {
    fn parse(headers: &HeaderMap) -> Result<Self, ApiError> {
        let if_none_match = parse_condition(headers, &header::IF_NONE_MATCH);
        let name = "If-None-Match";
        Ok(Self {
            if_match: parse_if_match(headers)?,
            if_none_match: if_none_match.ok_or(ApiError::InvalidHeader { name, message: EXPECTED })?,
        })
    }
}

const EXPECTED: &str = "must be * or a list of ETags, including their quotes";

/// # Errors
/// The header cannot be parsed.
pub(crate) fn parse_if_match(headers: &HeaderMap) -> Result<Option<TagCondition>, ApiError> {
    let name = "If-Match";
    parse_condition(headers, &header::IF_MATCH).ok_or(ApiError::InvalidHeader { name, message: EXPECTED })
}

impl From<PutPreconditions> for PreconditionHeaders {
    fn from(PutPreconditions { if_match, if_none_match }: PutPreconditions) -> Self {
        Self { if_match, if_none_match }
    }
}

impl FromRequest for PreconditionHeaders {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.headers()))
    }
}

impl FromRequest for ChangePreconditions {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(PreconditionHeaders::parse(request.headers()).and_then(|headers| match headers.if_match {
            None if is_required(request) => Err(ApiError::PreconditionRequired),
            _ => Ok(Self { headers }),
        }))
    }
}

impl FromRequest for PutPreconditions {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parsed = PreconditionHeaders::parse(request.headers());
        ready(parsed.and_then(|PreconditionHeaders { if_match, if_none_match }| {
            if if_match.is_none() && if_none_match != Some(TagCondition::Any) && is_required(request) {
                return Err(ApiError::PreconditionRequired);
            }
            Ok(Self { if_match, if_none_match })
        }))
    }
}

impl FromRequest for CollectionPreconditions {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(PreconditionHeaders::parse(request.headers()).and_then(
            |PreconditionHeaders { if_match, if_none_match }| match (if_match, if_none_match) {
                (Some(TagCondition::Tags(_)), _) | (_, Some(TagCondition::Any)) => Err(ApiError::PreconditionFailed),
                (Some(TagCondition::Any) | None, _) => Ok(Self),
            },
        ))
    }
}

fn is_required(request: &HttpRequest) -> bool {
    request.app_data::<web::Data<RequireIfMatch>>().is_some_and(|setting| setting.0)
}

/// The condition in the lines of this header; `Some(None)` without the header. `None` if it cannot be parsed.
fn parse_condition(headers: &HeaderMap, name: &HeaderName) -> Option<Option<TagCondition>> {
    let mut values = headers.get_all(name);
    let Some(first) = values.next() else { return Some(None) };
    if first == "*" && values.next().is_none() {
        return Some(Some(TagCondition::Any));
    }
    let mut listed = Vec::new();
    for value in headers.get_all(name) {
        let tags = entity_tag::parse_list(value.to_str().ok()?)?;
        listed.extend(tags.into_iter().map(|tag| (tag.is_weak, tag.opaque.to_owned())));
    }
    Some(Some(TagCondition::Tags(listed)))
}
