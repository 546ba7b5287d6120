//! The catalog of errors: [`ErrorCode`], and the error codes that are not specific to one resource.
//!
//! A module with errors of its own declares them with `error_codes!` too. `routes` concatenates all of them for the
//! OpenAPI document, for `/problems/{code}`, and for the metrics.

use actix_web::http::StatusCode;

/// One kind of error that the API returns.
#[derive(Debug)]
pub struct ErrorCode {
    /// The member `code` of a problem response. Stable: clients branch on it.
    pub name: &'static str,
    pub status: StatusCode,
    /// The member `title`: a summary that does not vary between occurrences (RFC 9457, section 3.1.3).
    pub title: &'static str,
    /// What the error means, and what the caller can do.
    pub help: &'static str,
}

impl PartialEq for ErrorCode {
    /// Names are unique, which a test of the routes verifies.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ErrorCode {}

/// Declares constants of type `&ErrorCode`, and `ERRORS`, which lists all of them.
macro_rules! error_codes {
    ($($constant:ident $name:literal $status:ident $title:literal $help:literal,)+) => {
        $(
            #[doc = $title]
            pub const $constant: &$crate::http::error::code::ErrorCode = &$crate::http::error::code::ErrorCode {
                name: $name,
                status: actix_web::http::StatusCode::$status,
                title: $title,
                help: $help,
            };
        )+

        /// Every error that this module declares.
        pub const ERRORS: &[&$crate::http::error::code::ErrorCode] = &[$($constant,)+];
    };
}
pub(crate) use error_codes;

error_codes! {
    MALFORMED_JSON "malformed_json" BAD_REQUEST "Malformed JSON"
        "The request body is not valid JSON (RFC 8259), repeats a member name within an object, or contains more than \
         20,000 values (150,000 in a batch). `detail` gives the line and column where parsing stopped.",
    INVALID_PARAMETER "invalid_parameter" BAD_REQUEST "Invalid parameter"
        "A query or path parameter is unknown, repeated, or has an invalid value. `detail` names the parameter and the \
         accepted values.",
    INVALID_CURSOR "invalid_cursor" BAD_REQUEST "Invalid cursor"
        "Pass `next_cursor` or `prev_cursor` unchanged, with the same parameters as the request that returned it. To \
         start over, omit `cursor`.",
    INVALID_HEADER "invalid_header" BAD_REQUEST "Invalid request header"
        "A request header has an invalid value. `detail` names the header and the expected format.",
    ORIGIN_NOT_ALLOWED "origin_not_allowed" BAD_REQUEST "Origin not allowed"
        "The CORS preflight was rejected: this origin may not send this request. The operator lists the origins that \
         may write in `CORS_ALLOWED_ORIGINS`.",
    BAD_REQUEST "bad_request" BAD_REQUEST "Bad request"
        "The request is not valid HTTP.",
    KEY_REQUIRED "key_required" UNAUTHORIZED "API key required"
        "Send an API key: `Authorization: Bearer <key>`. To create one, run `posts-api keys create`.",
    KEY_INVALID "key_invalid" UNAUTHORIZED "Invalid API key"
        "The key in `Authorization: Bearer <key>` is unknown, revoked, or expired. Public routes can be called without \
         a key.",
    FORBIDDEN "forbidden" FORBIDDEN "Insufficient role"
        "The API key is valid, but its role does not permit this operation. The roles are reader, editor, and admin; \
         each includes the permissions of the ones before it.",
    NOT_FOUND "not_found" NOT_FOUND "Not found"
        "The resource does not exist, or the caller may not see it. Without a key that can read drafts, a draft is \
         not found.",
    METHOD_NOT_ALLOWED "method_not_allowed" METHOD_NOT_ALLOWED "Method not allowed"
        "The path exists but does not support this method. The `Allow` header lists the supported methods.",
    REQUEST_TIMEOUT "request_timeout" REQUEST_TIMEOUT "Request timeout"
        "The request body did not arrive in time. Send the request again.",
    IDEMPOTENCY_KEY_IN_USE "idempotency_key_in_use" CONFLICT "A request with this Idempotency-Key is in progress"
        "An earlier request with the same `Idempotency-Key` has not completed. Wait for `Retry-After`, then send the \
         request again to get the response of the earlier one.",
    IDEMPOTENCY_KEY_REUSED "idempotency_key_reused" UNPROCESSABLE_ENTITY
        "Idempotency-Key already used with a different request"
        "An `Idempotency-Key` identifies one request. Use a new key for a request with another method, path, or body.",
    PRECONDITION_FAILED "precondition_failed" PRECONDITION_FAILED "Precondition failed"
        "The `ETag` in `If-Match` is not the current one: the resource has changed since it was read. Read it again, \
         and repeat the change with the new `ETag`. With `If-None-Match: *`, the resource exists; with a list of tags, \
         it has one of them.",
    BODY_TOO_LARGE "body_too_large" PAYLOAD_TOO_LARGE "Request body too large"
        "The request body exceeds the limit of this route. `detail` gives the limit in bytes.",
    UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "Unsupported media type"
        "Send JSON with `Content-Type: application/json`; PATCH also accepts `application/merge-patch+json`.",
    UNSUPPORTED_CONTENT_ENCODING "unsupported_content_encoding" UNSUPPORTED_MEDIA_TYPE
        "Content-Encoding not supported"
        "Compressed request bodies are not supported. Send the body without `Content-Encoding`.",
    VALIDATION_FAILED "validation_failed" UNPROCESSABLE_ENTITY "Validation failed"
        "The request body is valid JSON, but some of its fields are invalid. `errors` lists each invalid field as a \
         JSON Pointer.",
    PRECONDITION_REQUIRED "precondition_required" PRECONDITION_REQUIRED "Precondition required"
        "This service requires `If-Match` for changes, to prevent lost updates. Send the `ETag` of the resource as \
         last read.",
    HEAD_TOO_LARGE "head_too_large" REQUEST_HEADER_FIELDS_TOO_LARGE "Request header fields too large"
        "The request line and headers together exceed the limit.",
    RATE_LIMITED "rate_limited" TOO_MANY_REQUESTS "Too many requests"
        "This API key, or for requests without a key this IP address, has exceeded a rate limit, or has sent too many \
         invalid keys. Wait for `Retry-After` seconds. `RateLimit-Policy` describes the limit; the operator sets it \
         with `RATE_LIMIT`.",
    INTERNAL_ERROR "internal_error" INTERNAL_SERVER_ERROR "Internal server error"
        "The service failed unexpectedly. Report the `request_id` to the operator; the log contains the cause under \
         that id.",
    SERVER_BUSY "server_busy" SERVICE_UNAVAILABLE "Server busy"
        "The responses in progress use all memory that is reserved for them, too many connections are open from this \
         IP address, or too many tests or URL checks of webhooks are in progress; `detail` gives the reason. Wait for \
         `Retry-After` seconds, then try again. The operator sets the first two limits with `RESPONSE_BYTES` and \
         `CONNECTIONS_PER_IP`.",
    DATABASE_BUSY "database_busy" SERVICE_UNAVAILABLE "Database busy"
        "Too many requests are waiting for the database. Wait for `Retry-After` seconds, then try again.",
    QUERY_TOO_EXPENSIVE "query_too_expensive" SERVICE_UNAVAILABLE "Query too expensive"
        "The query took longer than 2 seconds, the limit for requests without an API key, and was canceled. Narrow its \
         filters, sort by the column that they limit, or use `count=estimated` instead of `count=exact`. A request \
         with an API key may run for 10 seconds.",
    DATABASE_UNAVAILABLE "database_unavailable" SERVICE_UNAVAILABLE "Database unavailable"
        "The database did not respond. The outcome of a change is unknown: read the resource before repeating it, or \
         use an `Idempotency-Key`.",
    STORAGE_FULL "storage_full" INSUFFICIENT_STORAGE "Insufficient storage"
        "The disk of the database is full (RFC 4918, section 11.5). Nothing was stored; reads continue to work. Try \
         again after the operator has freed space.",
    NOT_READY "not_ready" SERVICE_UNAVAILABLE "Service not ready"
        "This instance does not accept requests at the moment. `detail` gives the reason.",
}

/// The code of an error response that actix has created.
pub(super) fn of_status(status: StatusCode) -> &'static ErrorCode {
    match status {
        StatusCode::NOT_FOUND => NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED => METHOD_NOT_ALLOWED,
        StatusCode::REQUEST_TIMEOUT => REQUEST_TIMEOUT,
        StatusCode::PAYLOAD_TOO_LARGE => BODY_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => UNSUPPORTED_MEDIA_TYPE,
        StatusCode::TOO_MANY_REQUESTS => RATE_LIMITED,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => HEAD_TOO_LARGE,
        StatusCode::SERVICE_UNAVAILABLE => NOT_READY,
        status if status.is_client_error() => BAD_REQUEST,
        _ => INTERNAL_ERROR,
    }
}
