//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a client can retry a request without the risk that it
//! is executed twice.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpRequest, web};
use diesel::QueryResult;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use crate::db::{Atomicity, Connection, Database, Timestamp, Visibility};
use crate::http::extract::json;
use crate::http::extract::json::BODY_LIMIT;
use crate::http::idempotency_store::{KeyedRequest, Outcome};
use crate::http::representation::Representation;
use crate::http::{ApiError, idempotency_store};
use crate::validation::Input;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_LENGTH: usize = 255;

/// A JSON body of at most `LIMIT` bytes, and the `Idempotency-Key` of the request.
#[derive(Debug)]
pub struct Idempotent<T, const LIMIT: usize = BODY_LIMIT> {
    pub body: T,
    pub key: IdempotencyKey,
}

/// The `Idempotency-Key` of a request, if it has one.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyKey {
    /// Identifies this request, for example a UUID. If the same API key sends the request again within 24 hours, it is
    /// not executed again: the response is the original one, with `Idempotency-Replayed: true`.
    #[param(
        rename = "Idempotency-Key", value_type = String, required = false,
        min_length = 1, max_length = 255, pattern = "^[!-~]+$",
    )]
    value: Option<String>,
    /// A hash of method, path, and body, to detect a different request with the same key.
    #[param(ignore)]
    fingerprint: [u8; 32],
    #[param(ignore)]
    replays: Option<web::Data<ReplayCounter>>,
}

/// Counts the responses that were replayed.
#[derive(Debug, Default)]
pub struct ReplayCounter(AtomicU64);

impl ReplayCounter {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<T: Input + 'static, const LIMIT: usize> FromRequest for Idempotent<T, LIMIT> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = json::collect(request, payload, LIMIT);
        let value = parse_header(request);
        let replays = request.app_data::<web::Data<ReplayCounter>>().cloned();
        let mut hash = Sha256::new();
        hash.update(format!("{} {}\n", request.method(), request.path()));
        Box::pin(async move {
            let value = value?;
            let body = body.await?;
            if value.is_some() {
                hash.update(&body);
            }
            let key = IdempotencyKey { value, fingerprint: hash.finalize().into(), replays };
            Ok(Self { body: json::parse(&body)?, key })
        })
    }
}

/// The key, or `None` without the header. Any printable ASCII is a key, including the quoted string that the draft
/// requires.
pub(crate) fn parse_header(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    let is_valid = |key: &&str| (1..=MAX_LENGTH).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    match (value.to_str().ok().filter(is_valid), values.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::InvalidHeader {
            name: "Idempotency-Key",
            message: "must be 1 to 255 printable ASCII characters without spaces, given once",
        }),
    }
}

impl IdempotencyKey {
    /// Executes `work`, and renders its result. With a key, `work` is executed at most once for this key of this
    /// `caller` within 24 hours; the response to later requests is the stored one. Only successes are stored, so a
    /// rejected request can be sent again.
    ///
    /// Without a key, `atomicity` determines whether `work` runs in a transaction of its own.
    ///
    /// # Errors
    /// Those of `work`; 409 while the first request with the key is in progress; 422 if it was a different request.
    pub async fn execute<T: Send + 'static>(
        self,
        database: &Database,
        caller: i64,
        atomicity: Atomicity,
        work: impl FnOnce(&mut Connection) -> QueryResult<Result<T, ApiError>> + Send + 'static,
        render: impl FnOnce(T) -> Result<Representation, ApiError> + Send + 'static,
    ) -> Result<Representation, ApiError> {
        let Some(key) = self.value else {
            let result = match atomicity {
                Atomicity::Statement => database.write_each(work).await?,
                Atomicity::Body => database.try_write(work).await?,
            };
            return render(result?);
        };
        let request = KeyedRequest { caller, key, fingerprint: self.fingerprint };
        let execute = move |conn: &mut Connection| Ok(work(conn)?.and_then(render));
        let (response, is_replay) = database.try_write(move |conn| execute_once(conn, &request, execute)).await??;
        if let Some(replays) = self.replays.filter(|_| is_replay) {
            replays.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(response)
    }
}

/// Executes the request, or finds its stored response. The second value is whether the response is a replay.
fn execute_once(
    conn: &mut Connection,
    request: &KeyedRequest,
    execute: impl FnOnce(&mut Connection) -> QueryResult<Result<Representation, ApiError>>,
) -> QueryResult<Result<(Representation, bool), ApiError>> {
    let now = Timestamp::now();
    match idempotency_store::begin(conn, request, now)? {
        Outcome::Execute => {}
        Outcome::Replay(stored) => {
            conn.mark_changed(Visibility::Private);
            return Ok(Ok((Representation::of_replay(stored), true)));
        }
        Outcome::KeyMismatch => return Ok(Err(ApiError::IdempotencyKeyReused)),
        Outcome::InProgress => return Ok(Err(ApiError::IdempotencyKeyInUse)),
    }
    let response = match execute(conn)? {
        Ok(response) => response,
        Err(error) => return Ok(Err(error)),
    };
    idempotency_store::finish(conn, request, &response.to_stored(), now)?;
    Ok(Ok((response, false)))
}
