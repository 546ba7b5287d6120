//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that may be sent again without being
//! carried out again.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use diesel::QueryResult;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use crate::db::{Connection, Database, Timestamp};
use crate::http::extract::json;
use crate::http::extract::json::BODY_LIMIT;
use crate::http::idempotency_store::{Answer, Begun, Request};
use crate::http::{ApiError, idempotency_store};
use crate::validation::Input;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The header, for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "its fields are only described")]
pub struct IdempotencyKeyHeader {
    /// A name of your choice for this request, such as a UUID. Sent again within 24 hours by the same API key, it is
    /// not carried out again but answered as before, with `Idempotency-Replayed: true`.
    #[param(rename = "Idempotency-Key", required = false, min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    key: String,
}

/// A JSON body, with the request's `Idempotency-Key` where it has one.
#[derive(Debug)]
pub struct Idempotent<T, const LIMIT: usize = BODY_LIMIT> {
    pub body: T,
    pub key: Option<Key>,
}

/// An `Idempotency-Key`, and what it was sent with.
#[derive(Debug, Clone)]
pub struct Key {
    name: String,
    fingerprint: [u8; 32],
    replays: Option<web::Data<Replays>>,
}

/// How many requests were answered as before.
#[derive(Debug, Default)]
pub struct Replays(AtomicU64);

impl Replays {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<T: Input + 'static, const LIMIT: usize> FromRequest for Idempotent<T, LIMIT> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = json::collect(request, payload, LIMIT);
        let key = key(request);
        let replays = request.app_data::<web::Data<Replays>>().cloned();
        let mut hash = Sha256::new();
        hash.update(format!("{} {}\n", request.method(), request.path()));
        Box::pin(async move {
            let key = key?;
            let body = body.await?;
            let key = key.map(|key| {
                hash.update(&body);
                Key { name: key, fingerprint: hash.finalize().into(), replays }
            });
            Ok(Self { body: json::parse(&body)?, key })
        })
    }
}

/// Any printable ASCII, which takes in the quoted string that the draft asks for.
pub(crate) fn key(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    const MAX: usize = 255;
    let mut given = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = given.next() else { return Ok(None) };
    let key =
        value.to_str().ok().filter(|key| (1..=MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
    match (key, given.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::InvalidHeader {
            name: "Idempotency-Key",
            why: "takes 1 to 255 printable ASCII characters without spaces, once",
        }),
    }
}

/// Carries out `work` in a transaction, at most once for a `key` of this `caller`. Only successes are kept: a request
/// that was refused may be sent again.
///
/// # Errors
/// What `work` refused, or the key's: another request has it, or its first request still runs.
pub async fn once(
    database: &Database,
    caller: i64,
    key: Option<Key>,
    work: impl FnOnce(&mut Connection) -> QueryResult<Result<Answer, ApiError>> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let Some(Key { name: key, fingerprint, replays }) = key else {
        return Ok(response(database.try_write(work).await??, false));
    };
    let request = Request { caller, key, fingerprint };
    let (answer, is_replayed) = database
        .try_write(move |conn| {
            let now = Timestamp::now();
            match idempotency_store::begin(conn, &request, now)? {
                Begun::Fresh => {}
                Begun::Answered(answer) => {
                    conn.note_change(false);
                    return Ok(Ok((answer, true)));
                }
                Begun::Other => return Ok(Err(ApiError::IdempotencyKeyReused)),
                Begun::Running => return Ok(Err(ApiError::IdempotencyKeyInUse)),
            }
            let answer = match work(conn)? {
                Ok(answer) => answer,
                Err(refusal) => return Ok(Err(refusal)),
            };
            idempotency_store::finish(conn, &request, &answer, now)?;
            Ok(Ok((answer, false)))
        })
        .await??;
    if let Some(replays) = replays.filter(|_| is_replayed) {
        replays.0.fetch_add(1, Ordering::Relaxed);
    }
    Ok(response(answer, is_replayed))
}

fn response(answer: Answer, is_replayed: bool) -> HttpResponse {
    let status = u16::try_from(answer.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = HttpResponse::build(status.unwrap_or(StatusCode::OK));
    for (name, value) in [(header::LOCATION, answer.location), (header::ETAG, answer.etag)] {
        if let Some(value) = value {
            response.insert_header((name, value));
        }
    }
    if is_replayed {
        response.insert_header((REPLAYED, HeaderValue::from_static("true")));
    }
    response.content_type("application/json").body(answer.body)
}
