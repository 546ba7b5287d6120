//! Authentication and authorization: the check before every handler.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, web};
use subtle::ConstantTimeEq;

use crate::db::{Database, Timestamp};
use crate::http::ApiError;
use crate::http::middleware::{audit, rate_limit};
use crate::keys::existence::ExistenceCheck;
use crate::keys::model::{KeyHash, SecretKey};
use crate::keys::store;
use crate::routing::{Access, Role};

/// The sender of a request, as its API key identifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    Key {
        /// The id of a stored key. `ADMIN_API_KEY` has a negative id that is derived from its hash, so another value of
        /// the setting is another caller.
        id: i64,
        role: Role,
    },
}

impl Caller {
    /// Checks that the caller has at least the role `minimum`.
    ///
    /// # Errors
    /// 401 without a key, 403 if the role of the key is insufficient.
    pub fn require(self, minimum: Role) -> Result<(), ApiError> {
        match self {
            Self::Anonymous => Err(ApiError::KeyRequired),
            Self::Key { role, .. } if role < minimum => Err(ApiError::Forbidden { needed: minimum.as_str() }),
            Self::Key { .. } => Ok(()),
        }
    }

    /// The id of the key, negative for `ADMIN_API_KEY`; 0 without a key.
    #[must_use]
    pub fn id(self) -> i64 {
        match self {
            Self::Anonymous => 0,
            Self::Key { id, .. } => id,
        }
    }

    #[must_use]
    pub fn may_read_drafts(self) -> bool {
        self.require(Role::Reader).is_ok()
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.extensions().get().copied().unwrap_or(Self::Anonymous)))
    }
}

/// The hash of `ADMIN_API_KEY`, if it is set.
#[derive(Debug, Clone, Copy)]
pub struct EnvironmentKey(pub Option<KeyHash>);

/// Authenticates the caller, and passes the request to its handler with the [`Caller`]. Responds with an error instead
/// if the caller lacks `access`, has exceeded a rate limit, or sends a compressed body. Runs before the extractors, so
/// the body of an unauthorized request is not read.
///
/// # Errors
/// Those of the handler.
pub async fn guard<B: MessageBody + 'static>(
    access: Access,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match authenticate(access, &request).await.and_then(|caller| check_encoding(&request).map(|()| caller)) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.call(request).await.map(ServiceResponse::map_into_boxed_body)
        }
        // This must be a response: an `Err` would bypass the outer middleware, which adds the CORS headers.
        Err(error) => Ok(request.error_response(error)),
    }
}

async fn authenticate(access: Access, request: &ServiceRequest) -> Result<Caller, ApiError> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let caller = match (access, values.next()) {
        (Access::Unchecked, _) | (_, None) => Caller::Anonymous,
        // The header must not be repeated (RFC 9110, section 5.3). Of two headers, a proxy may have checked only the
        // one that this service would ignore.
        (_, Some(_)) if values.next().is_some() => return Err(ApiError::KeyInvalid),
        (_, Some(authorization)) => {
            let key = authorization.to_str().ok().and_then(bearer_token).ok_or(ApiError::KeyInvalid)?;
            authenticate_key(key, request).await?
        }
    };
    if let Access::AtLeast(role) = access {
        caller.require(role)?;
    }
    Ok(caller)
}

/// Rejects a compressed body, which could be far larger than its `Content-Length`.
fn check_encoding(request: &ServiceRequest) -> Result<(), ApiError> {
    let is_encoded = !request.method().is_safe() && request.headers().contains_key(header::CONTENT_ENCODING);
    if is_encoded { Err(ApiError::UnsupportedContentEncoding) } else { Ok(()) }
}

/// The token of `Authorization: Bearer <token>` (RFC 6750, section 2.1). The scheme is case-insensitive.
fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Looks up the key, and counts the request for the rate limits: for a valid key, or as a failure of the address.
async fn authenticate_key(key: &str, request: &ServiceRequest) -> Result<Caller, ApiError> {
    let hash = SecretKey::hash(key);
    if rate_limit::has_too_many_failures(request, &hash) && !exists(hash, request).await? {
        return Err(rate_limit::refuse_invalid_key(request));
    }
    match look_up(hash, request).await {
        Ok(caller) => {
            audit::identify(request, caller.id());
            rate_limit::count_request(request, &hash, caller.id())?;
            Ok(caller)
        }
        Err(error) => {
            if matches!(error, ApiError::KeyInvalid) {
                rate_limit::record_failure(request, &hash);
            }
            Err(error)
        }
    }
}

/// Whether the key is valid. Checks it together with others, because this address is sending many invalid keys.
async fn exists(hash: KeyHash, request: &ServiceRequest) -> Result<bool, ApiError> {
    if is_environment_key(hash, request) {
        return Ok(true);
    }
    match request.app_data::<web::Data<ExistenceCheck>>() {
        Some(check) => check.exists(hash).await,
        None => Ok(false),
    }
}

/// Whether the key is `ADMIN_API_KEY`.
fn is_environment_key(hash: KeyHash, request: &ServiceRequest) -> bool {
    let expected = request.app_data::<web::Data<EnvironmentKey>>().and_then(|key| key.0);
    expected.is_some_and(|expected| bool::from(expected.ct_eq(&hash)))
}

/// Finds the caller with this key. It reads the database at every request, so every instance rejects a revoked key
/// immediately.
async fn look_up(hash: KeyHash, request: &ServiceRequest) -> Result<Caller, ApiError> {
    if is_environment_key(hash, request) {
        let id = i64::from_be_bytes(hash.first_chunk().copied().unwrap_or_default()) | i64::MIN;
        return Ok(Caller::Key { id, role: Role::Admin });
    }
    let database = request.app_data::<web::Data<Database>>().ok_or(ApiError::KeyInvalid)?;
    let now = Timestamp::now();
    let key = database.read_inline(move |conn| store::find(conn, &hash, now)).await?.ok_or(ApiError::KeyInvalid)?;
    if key.last_used_on.as_deref() != Some(&now.utc_date()) {
        record_use(database, key.id, now);
    }
    Ok(Caller::Key { id: key.id, role: key.role })
}

/// Records the day of last use. Runs in the background, so that the first request of a day does not wait for it.
fn record_use(database: &Database, id: i64, now: Timestamp) {
    let database = database.clone();
    actix_web::rt::spawn(async move {
        if let Err(error) = database.write_each(move |conn| store::record_use(conn, id, &now.utc_date())).await {
            tracing::warn!(%error, key = id, "failed to record key usage");
        }
    });
}
