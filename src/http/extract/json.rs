//! Request bodies: JSON, of bounded size, that arrives in bounded time.

use std::future::{Future, ready};
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;

use crate::http::ApiError;
use crate::http::extract::json_tree;
use crate::validation;
use crate::validation::Input;

/// The most that a body may have, unless its route says otherwise: 1 MiB.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// A body that takes longer to arrive is given up, so that a dripping client cannot hold its connection for ever.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// A JSON body of at most `LIMIT` bytes, read and checked as a `T`.
#[derive(Debug)]
pub struct Json<T, const LIMIT: usize = BODY_LIMIT>(pub T);

/// Like [`Json`], where the body may be left out altogether.
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
        // Neither header is sent without a body (RFC 9112, section 6).
        let has_body = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING]
            .iter()
            .any(|name| request.headers().get(name).is_some_and(|value| value != "0"));
        if !has_body {
            return Box::pin(ready(Ok(Self(None))));
        }
        let body = collect(request, payload, BODY_LIMIT);
        Box::pin(async move { parse(&body.await?).map(Some).map(Self) })
    }
}

/// # Errors
/// It is not JSON, or not a `T`.
pub(crate) fn parse<T: Input>(body: &[u8]) -> Result<T, ApiError> {
    let value = json_tree::read(body).map_err(|error| ApiError::MalformedJson(error.to_string()))?;
    validation::read(value, "").map_err(ApiError::ValidationFailed)
}

/// The body, as it arrived.
///
/// # Errors
/// It is not said to be JSON, is too large or too slow.
pub(crate) fn collect(
    request: &HttpRequest,
    payload: &mut Payload,
    limit: usize,
) -> impl Future<Output = Result<BytesMut, ApiError>> + use<> {
    let checked = check_headers(request, limit);
    let payload = payload.take();
    async move {
        checked?;
        read(payload, limit).await
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
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    Ok(())
}

async fn read(mut payload: Payload, limit: usize) -> Result<BytesMut, ApiError> {
    let read = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| ApiError::MalformedJson(format!("the body ended early: {error}")))?;
            if body.len() + chunk.len() > limit {
                return Err(ApiError::BodyTooLarge { limit });
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
