//! Errors: [`ApiError`] is the error of one request, and the only source of `application/problem+json` (RFC 9457).
//!
//! [`code`] is the catalog of the kinds of errors, [`problem`] is the body of the response.

pub mod code;
pub mod problem;

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};

use crate::db;
use crate::http::error::code::ErrorCode;
use crate::http::error::problem::Problem;
use crate::http::rate_limit_status::RateLimitStatus;
use crate::http::transport::memory_budget::BudgetExhausted;
use crate::validation::FieldError;

/// The error of one request. `Display` writes the member `detail` of the response.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    #[error("{0}")]
    MalformedJson(String),
    #[error("{name}: {message}")]
    InvalidParameter { name: String, message: Cow<'static, str> },
    #[error("the cursor is damaged or belongs to another list; omit it to start over")]
    InvalidCursor,
    #[error("{name}: {message}")]
    InvalidHeader { name: &'static str, message: &'static str },
    #[error("send an API key: Authorization: Bearer <key>")]
    KeyRequired,
    #[error("the API key is unknown, revoked, or expired; send a valid one: Authorization: Bearer <key>")]
    KeyInvalid,
    #[error("this operation requires an API key with the role {needed}")]
    Forbidden { needed: &'static str },
    /// The kind of resource that was not found.
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error("supported methods: {allow}")]
    MethodNotAllowed { allow: String },
    #[error("the request body did not arrive within {seconds} seconds")]
    RequestTimeout { seconds: u64 },
    #[error("a request with this Idempotency-Key is in progress; try again later")]
    IdempotencyKeyInUse,
    #[error("this Idempotency-Key was used with a different request; use a new one")]
    IdempotencyKeyReused,
    #[error("the resource does not match If-Match or If-None-Match; read it again")]
    PreconditionFailed,
    #[error("send If-Match with the ETag of the resource, or If-None-Match: * with a PUT that creates it")]
    PreconditionRequired,
    #[error("the request body must be at most {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("send Content-Type: {expected}")]
    UnsupportedMediaType { expected: &'static str },
    #[error("send the request body without Content-Encoding")]
    UnsupportedContentEncoding,
    #[error("{} invalid", if .0.len() == 1 { "1 field is".to_owned() } else { format!("{} fields are", .0.len()) })]
    ValidationFailed(Vec<FieldError>),
    #[error("{0}")]
    RateLimited(RateLimitStatus),
    #[error("too many invalid API keys from this address: {0}")]
    TooManyInvalidKeys(RateLimitStatus),
    /// What is exhausted: memory or connections.
    #[error("{0}")]
    ServerBusy(&'static str),
    #[error("too many requests are waiting for the database")]
    DatabaseBusy,
    #[error(
        "the query took too long; narrow its filters, sort by the column that they limit, use count=estimated instead \
         of count=exact, or send an API key"
    )]
    QueryTooExpensive,
    #[error("the database did not respond")]
    DatabaseUnavailable { cause: String },
    #[error("the disk of the database is full; nothing was stored")]
    StorageFull { cause: String },
    #[error("{0}")]
    NotReady(String),
    #[error("the service failed unexpectedly; its log contains the cause")]
    Internal { cause: String },
    /// An error that one resource declares, such as a slug that is in use.
    #[error("{detail}")]
    Resource { code: &'static ErrorCode, detail: &'static str, errors: Vec<FieldError> },
    /// A resource that stays exhausted for longer than a moment. `retry_after` is in seconds; `None` if a retry cannot
    /// succeed.
    #[error("{detail}")]
    Exhausted { code: &'static ErrorCode, detail: &'static str, retry_after: Option<u32> },
    /// An error that actix or a middleware has detected. `detail` is the help text of its code.
    #[error("{}", .0.help)]
    Framework(&'static ErrorCode),
}

impl ApiError {
    #[must_use]
    pub fn code(&self) -> &'static ErrorCode {
        match self {
            Self::MalformedJson(_) => code::MALFORMED_JSON,
            Self::InvalidParameter { .. } => code::INVALID_PARAMETER,
            Self::InvalidCursor => code::INVALID_CURSOR,
            Self::InvalidHeader { .. } => code::INVALID_HEADER,
            Self::KeyRequired => code::KEY_REQUIRED,
            Self::KeyInvalid => code::KEY_INVALID,
            Self::Forbidden { .. } => code::FORBIDDEN,
            Self::NotFound(_) => code::NOT_FOUND,
            Self::MethodNotAllowed { .. } => code::METHOD_NOT_ALLOWED,
            Self::RequestTimeout { .. } => code::REQUEST_TIMEOUT,
            Self::IdempotencyKeyInUse => code::IDEMPOTENCY_KEY_IN_USE,
            Self::IdempotencyKeyReused => code::IDEMPOTENCY_KEY_REUSED,
            Self::PreconditionFailed => code::PRECONDITION_FAILED,
            Self::PreconditionRequired => code::PRECONDITION_REQUIRED,
            Self::BodyTooLarge { .. } => code::BODY_TOO_LARGE,
            Self::UnsupportedMediaType { .. } => code::UNSUPPORTED_MEDIA_TYPE,
            Self::UnsupportedContentEncoding => code::UNSUPPORTED_CONTENT_ENCODING,
            Self::ValidationFailed(_) => code::VALIDATION_FAILED,
            Self::RateLimited(_) | Self::TooManyInvalidKeys(_) => code::RATE_LIMITED,
            Self::ServerBusy(_) => code::SERVER_BUSY,
            Self::DatabaseBusy => code::DATABASE_BUSY,
            Self::QueryTooExpensive => code::QUERY_TOO_EXPENSIVE,
            Self::DatabaseUnavailable { .. } => code::DATABASE_UNAVAILABLE,
            Self::StorageFull { .. } => code::STORAGE_FULL,
            Self::NotReady(_) => code::NOT_READY,
            Self::Internal { .. } => code::INTERNAL_ERROR,
            Self::Resource { code, .. } | Self::Exhausted { code, .. } | Self::Framework(code) => code,
        }
    }

    /// The cause. It may reveal internals, so it is logged but not part of the response.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Internal { cause } | Self::DatabaseUnavailable { cause } | Self::StorageFull { cause } => Some(cause),
            _ => None,
        }
    }

    /// The problem that describes an error response of a handler or of actix.
    pub(crate) fn problem_of_response(status: StatusCode, error: Option<&actix_web::Error>) -> Problem {
        match error.and_then(|error| error.as_error::<Self>()) {
            Some(error) => error.problem(),
            None => Self::Framework(code::of_status(status)).problem(),
        }
    }

    /// The code of [`ApiError::problem_of_response`], without building the problem.
    pub(crate) fn code_of_response(status: StatusCode, error: Option<&actix_web::Error>) -> &'static ErrorCode {
        error.and_then(|error| error.as_error::<Self>()).map_or_else(|| code::of_status(status), Self::code)
    }

    /// The body of the response, without the request id.
    pub(crate) fn problem(&self) -> Problem {
        let code = self.code();
        Problem {
            r#type: format!("/problems/{}", code.name),
            title: code.title,
            status: code.status.as_u16(),
            detail: self.to_string(),
            code: code.name,
            request_id: String::new(),
            errors: match self {
                Self::ValidationFailed(errors) | Self::Resource { errors, .. } => errors.clone(),
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
            Self::ServerBusy(_)
            | Self::DatabaseBusy
            | Self::QueryTooExpensive
            | Self::IdempotencyKeyInUse
            | Self::DatabaseUnavailable { .. }
            | Self::NotReady(_) => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            Self::Exhausted { retry_after, .. } => {
                retry_after.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds)))
            }
            Self::Resource { code, .. } if code.status == StatusCode::SERVICE_UNAVAILABLE => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
            _ => None,
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code().status
    }

    /// Status and headers only. The envelope middleware writes the body, which contains the request id.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        if let Self::RateLimited(status) | Self::TooManyInvalidKeys(status) = self {
            status.write_refusal_headers(response.headers_mut());
        }
        response
    }
}

impl From<BudgetExhausted> for ApiError {
    fn from(_: BudgetExhausted) -> Self {
        Self::ServerBusy("the responses in progress use all memory that is reserved for them")
    }
}

impl From<db::Error> for ApiError {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Busy(_) => Self::DatabaseBusy,
            db::Error::TooExpensive => Self::QueryTooExpensive,
            db::Error::Unreachable(_) | db::Error::ReadOnly(_) | db::Error::Deadline => {
                Self::DatabaseUnavailable { cause: error.to_string() }
            }
            db::Error::Full(_) => Self::StorageFull { cause: error.to_string() },
            db::Error::Query(error) => Self::Internal { cause: error.to_string() },
        }
    }
}
