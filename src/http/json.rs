//! Request bodies: JSON, of bounded size, that arrives in bounded time.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;
use serde_json::Value;

use super::ApiError;
use crate::input::{self, Input};

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
        let checked = check_headers(request, LIMIT);
        let payload = payload.take();
        Box::pin(async move {
            checked?;
            parse(&collect(payload, LIMIT).await?).map(Self)
        })
    }
}

impl<T: Input + 'static> FromRequest for OptionalJson<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_headers(request, BODY_LIMIT);
        let payload = payload.take();
        Box::pin(async move {
            let body = collect(payload, BODY_LIMIT).await?;
            if body.is_empty() {
                return Ok(Self(None));
            }
            checked?;
            parse(&body).map(Some).map(Self)
        })
    }
}

fn parse<T: Input>(body: &[u8]) -> Result<T, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| ApiError::MalformedJson(error.to_string()))?;
    input::read(value, "").map_err(ApiError::ValidationFailed)
}

fn check_headers(request: &HttpRequest, limit: usize) -> Result<(), ApiError> {
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(ApiError::UnsupportedContentEncoding);
    }
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

async fn collect(mut payload: Payload, limit: usize) -> Result<BytesMut, ApiError> {
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
