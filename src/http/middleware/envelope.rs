//! The outermost middleware: assigns the request id, turns every error into a problem response, and responds after a
//! panic, which would otherwise drop the connection.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError, web};
use futures_util::FutureExt;
use tracing::{Instrument, Span};

use crate::db;
use crate::http::ApiError;
use crate::http::error::code;
use crate::http::error::code::ErrorCode;
use crate::http::error::problem::Problem;
use crate::http::middleware::audit::AuditedChange;
use crate::http::middleware::request_id::{request_id, trace_id};
use crate::http::middleware::request_metrics::RequestTimer;
use crate::http::middleware::{audit, cors, error_log, trace};
use crate::http::transport::connection_state::{BusyGuard, ConnectionState, SendGuard};
use crate::http::transport::memory_budget::{MemoryBudget, Reservation};
use crate::http::transport::request_body::{Held, HoldingBody, RequestBody};
use crate::telemetry::spans;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// A browser that displays a response runs no script in it, loads nothing, and lets no other page frame it.
const CSP_NONE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Handles a request in these steps:
///
/// 1. Determine the request id, and hold the request body (see `transport::request_body`).
/// 2. Reject a request that follows the last one of its connection (RFC 9112, section 9.6), and every request of a
///    client that has too many connections.
/// 3. Start measuring, auditing, and tracing the request, and run it.
/// 4. Turn an error into a problem response, and add the headers that every response has.
///
/// # Errors
/// After a panic, or for a request that was rejected in step 2. The error renders itself as a problem response. Other
/// errors of the application are returned unchanged.
pub async fn envelope<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<HoldingBody<EitherBody<B>>>, Error> {
    let timer = RequestTimer::begin(&request);
    let id = trace_id(request.headers()).unwrap_or_else(request_id);
    let request_body = RequestBody::hold(&mut request);
    // Held until the response exists.
    let busy = match mark_connection_busy(&request) {
        Ok(busy) => busy,
        Err(error) => {
            end_timer(timer, error.code().status, Some(error.code()));
            return Err(EnvelopeError { error, request_id: id, request_body }.into());
        }
    };
    let offers_upgrade = request.head().connection_type() == ConnectionType::Upgrade;
    let observed = Observation::begin(&request, timer, id);
    let handler = AssertUnwindSafe(next.call(request).instrument(observed.span.clone())).catch_unwind();
    let result = if db::is_instrumented() { db::with_request_id(&observed.id, handler).await } else { handler.await };
    match result {
        Ok(Ok(response)) => {
            let mut response = observed.finish(response);
            if let (Some(busy), Some(request_body)) = (&busy, &request_body)
                && !request_body.is_complete()
            {
                busy.discard_unread();
            }
            if offers_upgrade {
                // actix-http would close the connection without saying so.
                response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            let held = Held { memory: write_memory(&response), sending: send_guard(busy.as_ref()), request_body };
            Ok(response.map_body(|_, body| HoldingBody::new(body, held)))
        }
        Ok(Err(error)) => {
            end_timer(observed.timer, error.as_response_error().status_code(), None);
            Err(error)
        }
        Err(_panic) => Err(observed.panicked(request_body).into()),
    }
}

/// Measures, audits, and traces one request while its handler runs.
struct Observation {
    id: String,
    method: Method,
    request_line: String,
    timer: Option<RequestTimer>,
    change: Option<AuditedChange>,
    span: Span,
}

impl Observation {
    fn begin(request: &ServiceRequest, timer: Option<RequestTimer>, id: String) -> Self {
        let span = timer.as_ref().map_or_else(Span::none, |timer| trace::begin(request, timer.route(), &id));
        Self {
            method: request.method().clone(),
            request_line: format!("{} {}", request.method(), request.path()),
            change: AuditedChange::begin(request, &id),
            timer,
            span,
            id,
        }
    }

    /// Records the response, turns an error into a problem response, and adds the headers that every response has.
    fn finish<B: MessageBody>(self, response: ServiceResponse<B>) -> ServiceResponse<EitherBody<B>> {
        let Self { id, method, request_line, timer, change, span } = self;
        let code = error_code(&response);
        match change {
            Some(change) => change.end(response.status(), code),
            None => audit::log_refusal(&response, &id, code),
        }
        record_end(timer, &span, response.status(), code);
        let mut response = match code {
            Some(_) => span.in_scope(|| replace_body_with_problem(response, &id, &request_line)),
            None => response.map_into_left_body(),
        };
        add_common_headers(response.headers_mut(), &id);
        cors::order_headers(&method, response.headers_mut());
        response
    }

    /// Records a panic of the handler, and returns the error that becomes the response.
    fn panicked(self, request_body: Option<RequestBody>) -> EnvelopeError {
        let Self { id, request_line, timer, change, span, .. } = self;
        span.in_scope(|| tracing::error!(request_id = %id, request = request_line, "handler panicked"));
        let error = ApiError::Framework(code::INTERNAL_ERROR);
        if let Some(change) = change {
            change.end(error.code().status, Some(error.code()));
        }
        record_end(timer, &span, error.code().status, Some(error.code()));
        EnvelopeError { error, request_id: id, request_body }
    }
}

/// Marks the connection as busy until the guard is dropped. `None` if the server does not track connections.
///
/// # Errors
/// 400 if the connection has received its last request before this one. 503 if its client has too many connections.
fn mark_connection_busy(request: &ServiceRequest) -> Result<Option<BusyGuard>, ApiError> {
    let Some(connection) = request.conn_data::<Rc<ConnectionState>>().cloned() else { return Ok(None) };
    if connection.is_closing() {
        return Err(ApiError::Framework(code::BAD_REQUEST));
    }
    if connection.is_refused() {
        return Err(ApiError::ServerBusy("too many connections from this address; close some, or reuse them"));
    }
    // An upgrade is ignored. The protocol of what follows it is unknown.
    if matches!(request.head().connection_type(), ConnectionType::Close | ConnectionType::Upgrade) {
        connection.close_after_request();
    }
    Ok(Some(connection.begin_request()))
}

/// Marks the connection as sending a response body.
fn send_guard(busy: Option<&BusyGuard>) -> Option<SendGuard> {
    busy.map(BusyGuard::begin_response)
}

/// Counts the memory of the response to a write. It is never refused, because the change is already stored. The memory
/// of other responses is counted where they are read.
fn write_memory<B: MessageBody>(response: &ServiceResponse<B>) -> Option<Reservation> {
    let request = response.request();
    let BodySize::Sized(bytes) = response.response().body().size() else { return None };
    let budget = request.app_data::<web::Data<MemoryBudget>>().filter(|_| !request.method().is_safe())?;
    Some(budget.count(usize::try_from(bytes).unwrap_or(usize::MAX)))
}

/// The code of an error response; `None` for any other response.
fn error_code<B>(response: &ServiceResponse<B>) -> Option<&'static ErrorCode> {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    is_error.then(|| ApiError::code_of_response(response.status(), response.response().error()))
}

/// Records the end of a request in the metrics and in its span.
fn record_end(timer: Option<RequestTimer>, span: &Span, status: StatusCode, code: Option<&'static ErrorCode>) {
    end_timer(timer, status, code);
    spans::record_status(span, status.as_u16());
}

fn end_timer(timer: Option<RequestTimer>, status: StatusCode, code: Option<&'static ErrorCode>) {
    if let Some(timer) = timer {
        timer.end(status, code);
    }
}

fn add_common_headers(headers: &mut header::HeaderMap, id: &str) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    // The documentation page sets its own.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, CSP_NONE);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// Replaces the body of an error response; keeps its status and headers. Logs a server error with its cause.
fn replace_body_with_problem<B: MessageBody>(
    response: ServiceResponse<B>,
    id: &str,
    request_line: &str,
) -> ServiceResponse<EitherBody<B>> {
    let status = response.status();
    let error = response.response().error();
    if status.is_server_error() {
        let error = error.and_then(|error| error.as_error::<ApiError>());
        let cause = error.and_then(ApiError::cause).unwrap_or_default();
        error_log::log_server_error(error, id, request_line, status, cause);
    }
    let is_preflight = response.request().method() == Method::OPTIONS;
    let is_api_error = error.is_some_and(|error| error.as_error::<ApiError>().is_some());
    // actix-cors rejects a preflight with a plain-text body.
    let problem = if is_preflight && status == StatusCode::BAD_REQUEST && !is_api_error {
        ApiError::Framework(code::ORIGIN_NOT_ALLOWED).problem()
    } else {
        ApiError::problem_of_response(status, error)
    };
    let body = problem_body(problem, id);
    response.map_body(|head, _| {
        head.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        // A 404 is cacheable by default (RFC 9111, section 4.2.2), but a draft behind it may be published at any time.
        head.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
        EitherBody::right(actix_web::body::BoxBody::new(body))
    })
}

fn problem_body(mut problem: Problem, id: &str) -> Vec<u8> {
    id.clone_into(&mut problem.request_id);
    // Strings and numbers always serialize.
    serde_json::to_vec(&problem).unwrap_or_default()
}

/// The error of a request that has no response of its own: the handler panicked, or it was not called.
#[derive(thiserror::Error)]
#[error("{error}")]
struct EnvelopeError {
    error: ApiError,
    request_id: String,
    request_body: Option<RequestBody>,
}

impl fmt::Debug for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl ResponseError for EnvelopeError {
    fn status_code(&self) -> StatusCode {
        self.error.code().status
    }

    fn error_response(&self) -> HttpResponse {
        let body = problem_body(self.error.problem(), &self.request_id);
        let held = Held { request_body: self.request_body.clone(), ..Held::default() };
        let mut response = self.error.error_response();
        response.head_mut().set_connection_type(ConnectionType::Close);
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
        add_common_headers(response.headers_mut(), &self.request_id);
        response.set_body(HoldingBody::new(body, held)).map_into_boxed_body()
    }
}
