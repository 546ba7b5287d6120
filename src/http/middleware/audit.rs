//! The audit log: one line for each request whose method may change data, and for each other request that fails
//! authentication or authorization. Target `audit`, level info.
//!
//! Values that clients choose (method, path) are logged as strings, which are quoted and escaped. Headers, bodies, and
//! API keys are not logged; of a key, only the id is.

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest};

use crate::http::ApiError;
use crate::http::error::code::ErrorCode;
use crate::http::transport::client_ip;

/// The maximum length of a logged path, in characters.
const MAX_PATH_LENGTH: usize = 200;

/// The id of a request's API key; `None` until the key has been authenticated. Shared with the [`AuditedChange`], which
/// outlives the request.
#[derive(Clone, Default)]
struct AuditActor(Rc<Cell<Option<i64>>>);

/// Records the API key of a request by its id, which is negative for `ADMIN_API_KEY`.
pub fn identify(request: &ServiceRequest, key: i64) {
    request.extensions_mut().get_or_insert_with(AuditActor::default).0.set(Some(key));
}

/// A request that may change data. It is logged when its response is ready. If the client disconnects before, it is
/// logged when this is dropped, because the change may have been stored.
pub(crate) struct AuditedChange(Option<AuditEntry>);

impl AuditedChange {
    /// `None` for a request that only reads.
    pub(crate) fn begin(request: &ServiceRequest, id: &str) -> Option<Self> {
        if request.method().is_safe() {
            return None;
        }
        let actor = AuditActor::default();
        request.extensions_mut().insert(actor.clone());
        Some(Self(Some(AuditEntry::new(request.request(), id, actor))))
    }

    /// Logs the request with its response. `code` is the code of an error.
    pub(crate) fn end(mut self, status: StatusCode, code: Option<&'static ErrorCode>) {
        if let Some(entry) = self.0.take() {
            entry.log(Some(status), code.map_or("done", |code| code.name));
        }
    }
}

impl Drop for AuditedChange {
    fn drop(&mut self) {
        if let Some(entry) = self.0.take() {
            entry.log(None, "abandoned");
        }
    }
}

/// Logs a read if it was refused with 401, 403, or a 429 because of too many invalid keys.
pub(crate) fn log_refusal<B: MessageBody>(response: &ServiceResponse<B>, id: &str, code: Option<&'static ErrorCode>) {
    let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
    let is_refusal = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || matches!(error, Some(ApiError::TooManyInvalidKeys(_)));
    if is_refusal {
        let actor = response.request().extensions().get::<AuditActor>().cloned().unwrap_or_default();
        AuditEntry::new(response.request(), id, actor)
            .log(Some(response.status()), code.map_or("refused", |code| code.name));
    }
}

struct AuditEntry {
    request_id: String,
    actor: AuditActor,
    peer: IpAddr,
    method: Method,
    /// The path template of the route.
    route: Option<String>,
    /// The path, if no route matched.
    path: Option<String>,
}

impl AuditEntry {
    fn new(request: &HttpRequest, id: &str, actor: AuditActor) -> Self {
        let route = request.match_pattern();
        let path = if route.is_some() { None } else { Some(request.path().chars().take(MAX_PATH_LENGTH).collect()) };
        Self {
            request_id: id.to_owned(),
            actor,
            peer: client_ip::address(request),
            method: request.method().clone(),
            route,
            path,
        }
    }

    fn log(self, status: Option<StatusCode>, outcome: &str) {
        let Self { request_id, actor, peer, method, route, path } = self;
        tracing::info!(
            target: "audit",
            request_id,
            key = actor.0.get().map(|id| display(KeyLabel(id))),
            peer = display(peer),
            method = method.as_str(),
            route,
            path,
            status = status.map(|status| status.as_u16()),
            outcome,
            "{}",
            if method.is_safe() { "refused request" } else { "change request" },
        );
    }
}

/// Displays the id of a key. `ADMIN_API_KEY` has no stored id: its id is derived from its hash and is not logged.
struct KeyLabel(i64);

impl fmt::Display for KeyLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 { f.write_str("environment") } else { self.0.fmt(f) }
    }
}
