//! JSON request bodies, limited in size and in the time that they take to arrive.

use std::future::{Future, ready};
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;

use crate::http::ApiError;
use crate::http::transport::memory_budget::BudgetExhausted;
use crate::http::transport::request_body::{GROWTH, is_out_of_memory};
use crate::validation;
use crate::validation::{Input, json_tree};

/// The size limit of a body, unless the route has its own: 1 MiB.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// The time for a body to arrive, so that a slow client cannot occupy its connection indefinitely.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// A JSON body of at most `LIMIT` bytes, validated as a `T`.
#[derive(Debug)]
pub struct Json<T, const LIMIT: usize = BODY_LIMIT>(pub T);

/// Like [`Json`], but the body is optional. `null` counts as no body: generated Go and Rust clients send it if the
/// caller passes none.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<T: Input + 'static, const LIMIT: usize> FromRequest for Json<T, LIMIT> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = collect(request, payload, LIMIT);
        Box::pin(async move { parse(&body.await?).map(Self) })
    }
}

impl<T: Input + 'static> FromRequest for OptionalJson<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // A request without a body has neither header (RFC 9112, section 6).
        let has_body = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING]
            .iter()
            .any(|name| request.headers().get(name).is_some_and(|value| value != "0"));
        if !has_body {
            return Box::pin(ready(Ok(Self(None))));
        }
        let body = collect(request, payload, BODY_LIMIT);
        Box::pin(async move {
            let body = body.await?;
            if body.trim_ascii() == b"null" { Ok(Self(None)) } else { parse(&body).map(Some).map(Self) }
        })
    }
}

/// Parses and validates a body.
///
/// # Errors
/// The body is not valid JSON, or not a valid `T`.
pub(crate) fn parse<T: Input>(body: &[u8]) -> Result<T, ApiError> {
    let value = json_tree::parse(body, T::MAX_VALUES).map_err(|error| ApiError::MalformedJson(error.to_string()))?;
    validation::read(value, "").map_err(ApiError::ValidationFailed)
}

/// Reads the body from the connection.
///
/// # Errors
/// The content type is not JSON, the body exceeds `limit` bytes, or it does not arrive within 10 seconds.
pub(crate) fn collect(
    request: &HttpRequest,
    payload: &mut Payload,
    limit: usize,
) -> impl Future<Output = Result<Vec<u8>, ApiError>> + use<> {
    let headers_checked = check_headers(request, limit);
    let payload = payload.take();
    async move {
        headers_checked?;
        read_payload(payload, limit).await
    }
}

fn check_headers(request: &HttpRequest, limit: usize) -> Result<(), ApiError> {
    let is_json = matches!(
        request.content_type().to_ascii_lowercase().as_str(),
        "application/json" | "application/merge-patch+json"
    );
    if !is_json {
        return Err(ApiError::UnsupportedMediaType { expected: "application/json" });
    }
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > limit) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    Ok(())
}

fn read_error(error: PayloadError) -> ApiError {
    if is_out_of_memory(&error) {
        return BudgetExhausted.into();
    }
    ApiError::MalformedJson(format!("the request body ended early: {error}"))
}

async fn read_payload(mut payload: Payload, limit: usize) -> Result<Vec<u8>, ApiError> {
    let read = async {
        let mut body = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(read_error)?;
            if body.len() + chunk.len() > limit {
                return Err(ApiError::BodyTooLarge { limit });
            }
            // By default, the buffer would double, and occupy twice the memory that is counted.
            if body.capacity() - body.len() < chunk.len() {
                body.reserve_exact(chunk.len().max(body.len() / GROWTH));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    match tokio::time::timeout(BODY_DEADLINE, read).await {
        Ok(body) => body,
        Err(_elapsed) => Err(ApiError::RequestTimeout { seconds: BODY_DEADLINE.as_secs() }),
    }
}
