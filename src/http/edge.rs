//! The layer around every request: gives it an id, turns every error answer into a problem, and keeps a panic from
//! dropping the connection without an answer.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError};
use futures_util::FutureExt;

use super::audit::{self, Change};
use super::connection::Connection;
use super::problem::{ApiError, Code, Problem};
use super::unread::{Answer, Unread};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// Whatever an answer holds, a browser that shows it runs and loads nothing of it, and no other page frames it.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Wraps the whole application.
///
/// # Errors
/// Only after a panic, or after a request that was to be the connection's last: an error that renders itself as a
/// problem.
pub async fn edge<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Answer<EitherBody<B>>>, Error> {
    let id = request_id();
    let unread = Unread::hold(&mut request);
    // Until the answer is there.
    let in_progress = match request.conn_data::<Rc<Connection>>().cloned() {
        Some(connection) if connection.has_ended() => {
            return Err(Unanswerable { error: ApiError::Other(Code::BadRequest), request_id: id, unread }.into());
        }
        Some(connection) => {
            if request.head().connection_type() == ConnectionType::Close {
                connection.end();
            }
            Some(connection.begin())
        }
        None => None,
    };
    let line = format!("{} {}", request.method(), request.path());
    let change = Change::begin(&request, &id);
    let response = match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(response) => response?,
        Err(_panic) => {
            tracing::error!(request_id = %id, request = line, "the handler panicked");
            if let Some(change) = change {
                change.end(StatusCode::INTERNAL_SERVER_ERROR, Some(Code::InternalError));
            }
            return Err(Unanswerable { error: ApiError::Other(Code::InternalError), request_id: id, unread }.into());
        }
    };
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let code = is_error.then(|| ApiError::code_of_response(response.status(), response.response().error()));
    match change {
        Some(change) => change.end(response.status(), code),
        None => audit::note_refusal(&response, &id, code),
    }
    let mut response = if is_error { as_problem(response, &id, &line) } else { response.map_into_left_body() };
    finish(response.headers_mut(), &id);
    if let (Some(request), Some(unread)) = (&in_progress, &unread)
        && !unread.is_read()
    {
        request.leave_unread();
    }
    Ok(response.map_body(|_, body| Answer::new(body, unread)))
}

fn finish(headers: &mut header::HeaderMap, id: &str) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    // The docs page has one of its own.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, NOTHING);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// Keeps the status and the headers, and replaces the body.
fn as_problem<B: MessageBody>(response: ServiceResponse<B>, id: &str, line: &str) -> ServiceResponse<EitherBody<B>> {
    let status = response.status();
    let error = response.response().error();
    if status.is_server_error() {
        let error = error.and_then(|error| error.as_error::<ApiError>());
        let cause = error.and_then(ApiError::cause).unwrap_or_default();
        tracing::error!(request_id = id, request = line, status = status.as_u16(), cause, "the request failed");
    }
    let is_preflight = response.request().method() == Method::OPTIONS;
    let is_ours = error.is_some_and(|error| error.as_error::<ApiError>().is_some());
    // The CORS layer refuses with a text of its own.
    let problem = if is_preflight && status == StatusCode::BAD_REQUEST && !is_ours {
        ApiError::Other(Code::OriginNotAllowed).problem()
    } else {
        ApiError::of_response(status, error)
    };
    let body = body(problem, id);
    response.map_body(|head, _| {
        head.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        // A 404 could be kept by default (RFC 9111, section 4.2.2), and tomorrow the draft is published.
        head.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
        EitherBody::right(actix_web::body::BoxBody::new(body))
    })
}

fn body(mut problem: Problem, id: &str) -> Vec<u8> {
    id.clone_into(&mut problem.request_id);
    // Strings and numbers always serialize.
    serde_json::to_vec(&problem).unwrap_or_default()
}

/// Unique among all instances, and without a pattern that would tell how many requests there were: a count from a
/// random start, mixed as `SplitMix64` mixes it (Steele, Lea and Flood, 2014), which never gives the same number twice.
fn request_id() -> String {
    static START: LazyLock<u64> = LazyLock::new(|| getrandom::u64().unwrap_or_default());
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut id = START.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    format!("{:016x}", id ^ (id >> 31))
}

/// There is no response to amend: a panic unwound the request, or it was not carried out.
#[derive(thiserror::Error)]
#[error("{error}")]
struct Unanswerable {
    error: ApiError,
    request_id: String,
    unread: Option<Unread>,
}

impl fmt::Debug for Unanswerable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unanswerable").field("error", &self.error).finish_non_exhaustive()
    }
}

impl ResponseError for Unanswerable {
    fn status_code(&self) -> StatusCode {
        self.error.code().status()
    }

    fn error_response(&self) -> HttpResponse {
        let body = body(self.error.problem(), &self.request_id);
        let mut response = HttpResponse::build(self.status_code())
            .insert_header((header::CONTENT_TYPE, PROBLEM_JSON))
            .insert_header((header::CACHE_CONTROL, NO_STORE))
            .force_close()
            .body(Answer::new(body, self.unread.clone()));
        finish(response.headers_mut(), &self.request_id);
        response
    }
}
