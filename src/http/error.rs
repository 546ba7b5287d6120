//! Errors: one enum, and one place where it becomes `application/problem+json` (RFC 9457).
//!
//! [`Code`] lists every error that the API can answer, with its status and its explanation; the OpenAPI document and
//! `/problems/{code}` are made from it. [`ApiError`] is one that happened, with what is particular to it.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::db;
use crate::http::middleware::rate_limit::RateLimitStatus;
use crate::validation::FieldError;

/// Declares [`Code`]: one line per error, so that its name, status and explanation cannot drift apart.
macro_rules! codes {
    ($($variant:ident $name:literal $status:ident $title:literal $help:literal,)+) => {
        /// Every error of the API. Its name is stable: clients branch on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($variant,)+ }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The member `code` of a problem.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// A short summary that is the same every time.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What it means and what to do, for people.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }
        }
    };
}

codes! {
    MalformedJson "malformed_json" BAD_REQUEST "The body is not JSON"
        "The request body could not be read as JSON (RFC 8259), has a name twice in one object, or holds more than 20,000 \
         values. `detail` says where reading stopped.",
    InvalidParameter "invalid_parameter" BAD_REQUEST "A parameter is wrong"
        "A parameter of the query string or the path is unknown, given twice, or has a value outside what it takes. \
         `detail` names it.",
    InvalidCursor "invalid_cursor" BAD_REQUEST "The cursor is not valid here"
        "A cursor is taken as it is from `next_cursor` or `prev_cursor` and works only with the parameters of the \
         list that gave it. Start again without a cursor.",
    InvalidHeader "invalid_header" BAD_REQUEST "A request header is wrong"
        "A header of the request has a value that cannot be read. `detail` names it.",
    OriginNotAllowed "origin_not_allowed" BAD_REQUEST "This page may not send this request"
        "The browser asked whether a page of this origin may send such a request, and it may not. The operator lists \
         the origins that may write in `CORS_ALLOWED_ORIGINS`.",
    BadRequest "bad_request" BAD_REQUEST "The request is not valid HTTP"
        "The request could not be understood as HTTP.",
    KeyRequired "key_required" UNAUTHORIZED "An API key is required"
        "Send a key with the request: `Authorization: Bearer <key>`. `posts-api keys create` makes one.",
    KeyInvalid "key_invalid" UNAUTHORIZED "The API key is not valid"
        "The key in `Authorization: Bearer <key>` is unknown, was revoked or has expired. Public routes answer without a \
         key, too.",
    Forbidden "forbidden" FORBIDDEN "The API key's role is too low"
        "The key is valid but its role may not do this. Roles are reader, editor and admin, each with all that the \
         one before may do.",
    NotFound "not_found" NOT_FOUND "Not found"
        "There is nothing at this path, or nothing that this caller may see: a draft is not found by those who may \
         not read drafts.",
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "The method is not allowed here"
        "The path exists but does not take this method. The header `Allow` lists those it takes.",
    RequestTimeout "request_timeout" REQUEST_TIMEOUT "The request took too long to arrive"
        "The body did not arrive in time. Send it again, faster.",
    SlugTaken "slug_taken" CONFLICT "The slug is taken"
        "Another post has this slug. Choose another one, or leave `slug` out to have a free one made from the title.",
    LastAdminKey "last_admin_key" CONFLICT "This is the last admin key"
        "Without it nobody could manage keys any more. Make another admin key first, or revoke it on the command line.",
    IdempotencyKeyInUse "idempotency_key_in_use" CONFLICT "The first request with this key still runs"
        "A request with the same `Idempotency-Key` is being carried out. Wait a moment and send it again: the answer is \
         then the first one's.",
    IdempotencyKeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY "Another request had this key"
        "An `Idempotency-Key` belongs to one request. This one differs from the one that first had the key: give it a \
         key of its own.",
    PreconditionFailed "precondition_failed" PRECONDITION_FAILED "The post is not in the state that the request asks for"
        "The `ETag` in `If-Match` is not the post's: somebody changed it since. Read it again, then repeat the change \
         with the new `ETag`. With `If-None-Match: *` it means that the post exists already.",
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "The body is too large"
        "The request body is larger than this route takes. `detail` gives the limit.",
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The body has the wrong type"
        "Send JSON and say so: `Content-Type: application/json`, or `application/merge-patch+json` to PATCH.",
    UnsupportedContentEncoding "unsupported_content_encoding" UNSUPPORTED_MEDIA_TYPE "Compressed bodies are not taken"
        "Send the body without `Content-Encoding`.",
    ValidationFailed "validation_failed" UNPROCESSABLE_ENTITY "The body has wrong fields"
        "The body is JSON but not what this route takes. `errors` lists every mistake with its JSON Pointer.",
    PreconditionRequired "precondition_required" PRECONDITION_REQUIRED "If-Match is required"
        "This service takes changes only with `If-Match`, so that nobody overwrites what they have not seen. Send the \
         `ETag` of the post as you read it.",
    HeadTooLarge "head_too_large" REQUEST_HEADER_FIELDS_TOO_LARGE "The request head is too large"
        "The request line and the headers together are too large.",
    RateLimited "rate_limited" TOO_MANY_REQUESTS "Too many requests"
        "This key, or without one this address, has sent more requests than the service takes in a time, or too many \
         wrong keys. Wait as long as `Retry-After` says. `RateLimit-Policy` has the limit. The operator changes it with \
         `RATE_LIMIT`.",
    InternalError "internal_error" INTERNAL_SERVER_ERROR "Something went wrong here"
        "The service failed, not the request. Report the `request_id`: the log has the reason under it.",
    DatabaseBusy "database_busy" SERVICE_UNAVAILABLE "The service is busy"
        "More requests are waiting for the database than it can serve now. Wait as long as `Retry-After` says, then \
         try again.",
    DatabaseUnavailable "database_unavailable" SERVICE_UNAVAILABLE "The database cannot be reached"
        "The service runs but its database does not answer. A change may have been stored or not: read before you \
         repeat it.",
    StorageFull "storage_full" INSUFFICIENT_STORAGE "There is no room to store this"
        "The disk under the database is full (RFC 4918, section 11.5). Nothing was stored, and reading goes on. Try again \
         when the operator has made room.",
    NotReady "not_ready" SERVICE_UNAVAILABLE "The service is not ready"
        "This instance should not get requests now. `detail` says why.",
}

impl Code {
    /// The code for an answer that the framework made by itself.
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::HeadTooLarge,
            StatusCode::SERVICE_UNAVAILABLE => Self::NotReady,
            status if status.is_client_error() => Self::BadRequest,
            _ => Self::InternalError,
        }
    }
}

/// An error that happened, with what the caller needs to know about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    #[error("{0}")]
    MalformedJson(String),
    #[error("{name}: {why}")]
    InvalidParameter { name: String, why: Cow<'static, str> },
    #[error("the cursor was cut, altered, or made for another list; start again without it")]
    InvalidCursor,
    #[error("{name}: {why}")]
    InvalidHeader { name: &'static str, why: &'static str },
    #[error("send a key: Authorization: Bearer <key>")]
    KeyRequired,
    #[error("the key is unknown, was revoked or has expired; send it as Authorization: Bearer <key>")]
    KeyInvalid,
    #[error("this takes a key with the role {needed}")]
    Forbidden { needed: &'static str },
    #[error("there is no {0} here")]
    NotFound(&'static str),
    #[error("this path takes {allow}")]
    MethodNotAllowed { allow: String },
    #[error("the body did not arrive within {seconds} seconds")]
    RequestTimeout { seconds: u64 },
    #[error("another post has this slug")]
    SlugTaken,
    #[error("no other key could manage keys; make another admin key first")]
    LastAdminKey,
    #[error("a request with this Idempotency-Key is being carried out")]
    IdempotencyKeyInUse,
    #[error("this Idempotency-Key was sent with another request")]
    IdempotencyKeyReused,
    /// Of a batch: where the posts are whose slugs are taken.
    #[error("other posts have some of the slugs")]
    SlugsTaken(Vec<FieldError>),
    #[error("the post is not what If-Match or If-None-Match asks for")]
    PreconditionFailed,
    #[error("send If-Match with the ETag of the post, or If-None-Match: * with a PUT that creates one")]
    PreconditionRequired,
    #[error("the body may have at most {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("send Content-Type: {expected}")]
    UnsupportedMediaType { expected: &'static str },
    #[error("send the body without Content-Encoding")]
    UnsupportedContentEncoding,
    #[error("{} wrong", if .0.len() == 1 { "one field is" } else { "some fields are" })]
    ValidationFailed(Vec<FieldError>),
    #[error("{0}")]
    RateLimited(RateLimitStatus),
    #[error("too many wrong keys came from this address: {0}")]
    TooManyWrongKeys(RateLimitStatus),
    #[error("too many requests are waiting for the database")]
    DatabaseBusy,
    #[error("the database does not answer")]
    DatabaseUnavailable { cause: String },
    #[error("the disk under the database is full; nothing was stored")]
    StorageFull { cause: String },
    #[error("{0}")]
    NotReady(String),
    #[error("the service failed; its log has the reason")]
    Internal { cause: String },
    /// Made by the framework, without a reason of ours.
    #[error("{}", .0.help())]
    Other(Code),
}

impl ApiError {
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::MalformedJson(_) => Code::MalformedJson,
            Self::InvalidParameter { .. } => Code::InvalidParameter,
            Self::InvalidCursor => Code::InvalidCursor,
            Self::InvalidHeader { .. } => Code::InvalidHeader,
            Self::KeyRequired => Code::KeyRequired,
            Self::KeyInvalid => Code::KeyInvalid,
            Self::Forbidden { .. } => Code::Forbidden,
            Self::NotFound(_) => Code::NotFound,
            Self::MethodNotAllowed { .. } => Code::MethodNotAllowed,
            Self::RequestTimeout { .. } => Code::RequestTimeout,
            Self::SlugTaken | Self::SlugsTaken(_) => Code::SlugTaken,
            Self::LastAdminKey => Code::LastAdminKey,
            Self::IdempotencyKeyInUse => Code::IdempotencyKeyInUse,
            Self::IdempotencyKeyReused => Code::IdempotencyKeyReused,
            Self::PreconditionFailed => Code::PreconditionFailed,
            Self::PreconditionRequired => Code::PreconditionRequired,
            Self::BodyTooLarge { .. } => Code::BodyTooLarge,
            Self::UnsupportedMediaType { .. } => Code::UnsupportedMediaType,
            Self::UnsupportedContentEncoding => Code::UnsupportedContentEncoding,
            Self::ValidationFailed(_) => Code::ValidationFailed,
            Self::RateLimited(_) | Self::TooManyWrongKeys(_) => Code::RateLimited,
            Self::DatabaseBusy => Code::DatabaseBusy,
            Self::DatabaseUnavailable { .. } => Code::DatabaseUnavailable,
            Self::StorageFull { .. } => Code::StorageFull,
            Self::NotReady(_) => Code::NotReady,
            Self::Internal { .. } => Code::InternalError,
            Self::Other(code) => *code,
        }
    }

    /// What the log is told and the caller is not.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Internal { cause } | Self::DatabaseUnavailable { cause } | Self::StorageFull { cause } => Some(cause),
            _ => None,
        }
    }

    /// The error behind an answer of ours or of the framework's.
    pub(crate) fn of_response(status: StatusCode, error: Option<&actix_web::Error>) -> Problem {
        match error.and_then(|error| error.as_error::<Self>()) {
            Some(ours) => ours.problem(),
            None => Self::Other(Code::of_status(status)).problem(),
        }
    }

    /// The same in short.
    pub(crate) fn code_of_response(status: StatusCode, error: Option<&actix_web::Error>) -> Code {
        error.and_then(|error| error.as_error::<Self>()).map_or_else(|| Code::of_status(status), Self::code)
    }

    pub(crate) fn problem(&self) -> Problem {
        let code = self.code();
        Problem {
            r#type: format!("/problems/{}", code.name()),
            title: code.title(),
            status: code.status().as_u16(),
            detail: self.to_string(),
            code: code.name(),
            request_id: String::new(),
            errors: match self {
                Self::ValidationFailed(errors) | Self::SlugsTaken(errors) => errors.clone(),
                _ => Vec::new(),
            },
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::KeyRequired => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::KeyInvalid => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\"")))
            }
            Self::MethodNotAllowed { allow } => HeaderValue::from_str(allow).ok().map(|allow| (header::ALLOW, allow)),
            Self::DatabaseBusy | Self::IdempotencyKeyInUse | Self::DatabaseUnavailable { .. } | Self::NotReady(_) => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
            _ => None,
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code().status()
    }

    /// Status and headers; [`crate::http::middleware::envelope`] writes the body, because it knows the request's id.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        if let Self::RateLimited(standing) | Self::TooManyWrongKeys(standing) = self {
            standing.tell_refused(response.headers_mut());
        }
        response
    }
}

impl From<db::Error> for ApiError {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Busy(_) => Self::DatabaseBusy,
            db::Error::Unreachable(_) | db::Error::Deadline => Self::DatabaseUnavailable { cause: error.to_string() },
            db::Error::Full(_) => Self::StorageFull { cause: error.to_string() },
            db::Error::Query(error) => Self::Internal { cause: error.to_string() },
        }
    }
}

/// An error, as `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Where the error is explained, relative to the service.
    #[schema(value_type = String, format = "uri-reference", example = "/problems/validation_failed")]
    pub r#type: String,
    /// A short summary that is the same every time.
    #[schema(value_type = String, example = "The body has wrong fields")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    pub status: u16,
    /// What was wrong this time.
    #[schema(example = "one field is wrong")]
    pub detail: String,
    /// The error's stable name: branch on this.
    #[schema(value_type = String, example = "validation_failed")]
    pub code: &'static str,
    /// The request's id, as in the header `X-Request-Id` and in the service's log.
    #[schema(example = "5f2b9c0d1e3a4b67")]
    pub request_id: String,
    /// Where in the body it is wrong: all mistakes with `validation_failed`, the taken slugs of a batch with
    /// `slug_taken`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_and_an_explanation() {
        for (index, code) in Code::ALL.iter().enumerate() {
            assert!(code.status().as_u16() >= 400, "{code:?}");
            assert!(code.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code:?}");
            assert!(!code.title().is_empty() && code.help().ends_with('.'), "{code:?}");
            assert!(Code::ALL[..index].iter().all(|other| other.name() != code.name()), "{code:?}");
        }
    }
}
