//! The audit log: a line for each request that changes something or asks to, and for each whose authentication is
//! refused, under the target `audit` at level info.
//!
//! What callers choose (method, path) is logged as strings, which are quoted and escaped. Headers and bodies are not
//! logged, and of a key only the id.

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

/// So many characters of a path that is no route's are logged.
const PATH_LENGTH: usize = 200;

/// The id of the key of a request, once it is known; shared with the [`Change`], which outlives the request.
#[derive(Clone, Default)]
struct Actor(Rc<Cell<Option<i64>>>);

/// Notes with which key a request came: its id, which is negative for the one of the environment.
pub fn identify(request: &ServiceRequest, key: i64) {
    request.extensions_mut().get_or_insert_with(Actor::default).0.set(Some(key));
}

/// A request that may change something. It is logged when it is answered, and also when it is not: where the client
/// has gone, the change may have been stored all the same.
pub(crate) struct Change(Option<Entry>);

impl Change {
    /// `None`: the request only reads.
    pub(crate) fn begin(request: &ServiceRequest, id: &str) -> Option<Self> {
        if request.method().is_safe() {
            return None;
        }
        let actor = Actor::default();
        request.extensions_mut().insert(actor.clone());
        Some(Self(Some(Entry::new(request.request(), id, actor))))
    }

    pub(crate) fn end(mut self, status: StatusCode, code: Option<&'static ErrorCode>) {
        if let Some(entry) = self.0.take() {
            entry.log(Some(status), code.map_or("done", |code| code.name));
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        if let Some(entry) = self.0.take() {
            entry.log(None, "abandoned");
        }
    }
}

/// Logs an answer to a read that refuses the authentication.
pub(crate) fn note_refusal<B: MessageBody>(response: &ServiceResponse<B>, id: &str, code: Option<&'static ErrorCode>) {
    let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
    let is_refusal = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || matches!(error, Some(ApiError::TooManyInvalidKeys(_)));
    if is_refusal {
        let actor = response.request().extensions().get::<Actor>().cloned().unwrap_or_default();
        Entry::new(response.request(), id, actor)
            .log(Some(response.status()), code.map_or("refused", |code| code.name));
    }
}

struct Entry {
    request_id: String,
    actor: Actor,
    peer: IpAddr,
    method: Method,
    /// The route's template.
    route: Option<String>,
    /// The path, where no route has it.
    path: Option<String>,
}

impl Entry {
    fn new(request: &HttpRequest, id: &str, actor: Actor) -> Self {
        let route = request.match_pattern();
        let path = if route.is_some() { None } else { Some(request.path().chars().take(PATH_LENGTH).collect()) };
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
            key = actor.0.get().map(|id| display(Key(id))),
            peer = display(peer),
            method = method.as_str(),
            route,
            path,
            status = status.map(|status| status.as_u16()),
            outcome,
            "{}",
            if method.is_safe() { "a refusal" } else { "a change" },
        );
    }
}

/// The key of the environment has no id of its own; what stands for one is made of its hash, which is nobody's business.
struct Key(i64);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 { f.write_str("environment") } else { self.0.fmt(f) }
    }
}
