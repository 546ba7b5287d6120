//! [`Representation`]: the bytes and headers of a response. Uncached, cached, replayed, and 304 responses are rendered
//! from it.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ETag, EntityTag, HeaderMap, HeaderName, HeaderValue, TryIntoHeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use serde::Serialize;
use tokio::sync::{OnceCell, Semaphore};

use crate::db::Dependency;
use crate::http::ApiError;
use crate::http::content_coding::{Coding, accepts_gzip, compressed_tag, find_in_list, gzip, uncompressed_tag};
use crate::http::extract::preconditions::{IfNoneMatch, TagCondition, parse_if_match};
use crate::http::idempotency_store::StoredResponse;
use crate::http::transport::memory_budget::Reservation;

/// Initial capacity for the body of a read, in bytes: enough for most pages. Longer bodies grow it.
const TYPICAL_BODY: usize = 16 * 1024;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// One permit for each body that may be compressed at the same time. Any client can request compression, so its cost
/// must be limited. A response that gets no permit is sent uncompressed.
static COMPRESSION_PERMITS: Semaphore = Semaphore::const_new(2);

/// Which caches may store a response. A cache must revalidate it before each reuse, which a 304 makes cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheScope {
    /// Any cache: every client gets the same response.
    Public,
    /// Only the client's own cache: the response required an API key.
    Private,
}

/// The JSON of a resource or of the result of an operation, with its status and headers.
#[derive(Debug)]
pub struct Representation {
    status: StatusCode,
    body: Bytes,
    etag: Option<HeaderValue>,
    location: Option<HeaderValue>,
    link: Option<HeaderValue>,
    is_replay: bool,
    /// How long the response stays cached.
    pub(crate) dependency: Dependency,
    /// Empty until [`Representation::compress`] has succeeded. `None` if compression does not halve the body.
    gzip: OnceCell<Option<Gzip>>,
    /// From which [`Representation::compress`] reserves memory. `None` for a body that is not counted.
    compressed_memory: Option<Reservation>,
}

fn serialize_read(value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::with_capacity(TYPICAL_BODY);
    serde_json::to_writer(&mut body, value).map_err(|error| internal(&error))?;
    Ok(body)
}

#[derive(Debug)]
struct Gzip {
    body: Bytes,
    etag: HeaderValue,
}

impl Representation {
    /// The response to a read. `memory` counts the memory of `value`, and then that of the body.
    ///
    /// # Errors
    /// The value cannot be serialized, or no memory is left for the body.
    pub fn of_read(
        etag: EntityTag,
        link: Option<HeaderValue>,
        value: &impl Serialize,
        memory: Reservation,
    ) -> Result<Self, ApiError> {
        let compressed_memory = Some(memory.reserve_more(0)?);
        let body = memory.attach(serialize_read(value)?)?;
        Self { link, compressed_memory, ..Self::of_bytes(StatusCode::OK, body) }.with_etag(etag)
    }

    /// Like [`Representation::of_read`], with a hash of the body as its entity tag. Any change of the bytes therefore
    /// changes the tag, whatever caused it.
    ///
    /// # Errors
    /// The value cannot be serialized, or no memory is left for the body.
    pub fn of_hashed_read(
        link: Option<HeaderValue>,
        value: &impl Serialize,
        memory: Reservation,
    ) -> Result<Self, ApiError> {
        Self::of_hashed_json(link, serialize_read(value)?, memory)
    }

    /// Like [`Representation::of_hashed_read`], for JSON that has been rendered.
    ///
    /// # Errors
    /// No memory is left for the body.
    pub fn of_hashed_json(link: Option<HeaderValue>, body: Vec<u8>, memory: Reservation) -> Result<Self, ApiError> {
        let compressed_memory = Some(memory.reserve_more(0)?);
        // BLAKE3 hashes a page four times as fast as SHA-256. Half of its 64 digits still make a collision infeasible.
        let digits = blake3::hash(&body).to_hex();
        let etag = EntityTag::new_strong(digits.chars().take(32).collect());
        let body = memory.attach(body)?;
        Self { link, compressed_memory, ..Self::of_bytes(StatusCode::OK, body) }.with_etag(etag)
    }

    /// The response to a read of a resource that has moved permanently to `path`. It has no entity tag: conditions do
    /// not apply to a redirect (RFC 9110, section 13.2.1).
    ///
    /// # Errors
    /// The value cannot be serialized, the path is not a valid header value, or no memory is left for the body.
    pub fn of_redirect(path: String, value: &impl Serialize, memory: Reservation) -> Result<Self, ApiError> {
        let body = memory.attach(serialize_read(value)?)?;
        Self::of_bytes(StatusCode::MOVED_PERMANENTLY, body).with_location(path)
    }

    /// The response to a write.
    ///
    /// # Errors
    /// The value cannot be serialized.
    pub fn of_write(status: StatusCode, value: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(value).map_err(|error| internal(&error))?;
        Ok(Self::of_bytes(status, body.into()))
    }

    /// The stored response to an earlier request with the same `Idempotency-Key`.
    pub(crate) fn of_replay(stored: StoredResponse) -> Self {
        let status = u16::try_from(stored.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let header = |value: Option<String>| value.and_then(|value| HeaderValue::try_from(value).ok());
        Self {
            etag: header(stored.etag),
            location: header(stored.location),
            is_replay: true,
            ..Self::of_bytes(status.unwrap_or(StatusCode::OK), stored.body.into())
        }
    }

    fn of_bytes(status: StatusCode, body: Bytes) -> Self {
        let [etag, location, link] = [(); 3].map(|()| None);
        let (dependency, gzip) = (Dependency::Everything, OnceCell::new());
        Self { status, body, etag, location, link, is_replay: false, dependency, gzip, compressed_memory: None }
    }

    /// # Errors
    /// The tag is not a valid header value.
    pub fn with_etag(self, etag: EntityTag) -> Result<Self, ApiError> {
        let etag = ETag(etag).try_into_value().map_err(|error| internal(&error))?;
        Ok(Self { etag: Some(etag), ..self })
    }

    /// # Errors
    /// The path is not a valid header value.
    pub fn with_location(self, path: String) -> Result<Self, ApiError> {
        let location = HeaderValue::try_from(path).map_err(|error| internal(&error))?;
        Ok(Self { location: Some(location), ..self })
    }

    /// The part that is stored, to respond to later requests with the same `Idempotency-Key`.
    pub(crate) fn to_stored(&self) -> StoredResponse {
        let text = |value: &Option<HeaderValue>| value.as_ref()?.to_str().ok().map(str::to_owned);
        StoredResponse {
            status: self.status.as_u16().into(),
            location: text(&self.location),
            etag: text(&self.etag),
            body: self.body.to_vec(),
        }
    }

    /// An upper bound of its memory, in bytes. It includes a compressed body, which is at most half as long as the
    /// body.
    #[must_use]
    pub fn weight(&self) -> usize {
        let headers = [&self.link, &self.location].into_iter().flatten().map(HeaderValue::len);
        self.body.len() + self.body.len() / 2 + headers.sum::<usize>()
    }

    /// Compresses the body, once, on a blocking thread. Does nothing while two other bodies are being compressed, or if
    /// no memory is left.
    pub async fn compress(&self) {
        let compress = || async {
            let permit = COMPRESSION_PERMITS.try_acquire().map_err(drop)?;
            let reserve = |memory: &Reservation| memory.reserve_more(self.body.len() / 2);
            let memory = self.compressed_memory.as_ref().map(reserve).transpose().map_err(drop)?;
            let body = self.body.clone();
            // The closure owns the permit, so that it lasts as long as the work even if the client disconnects.
            let work = move || (gzip(&body), permit);
            let (body, _permit) = tokio::task::spawn_blocking(work).await.map_err(drop)?;
            let Some(body) = body else { return Ok(None) };
            let body = match memory {
                // A compressed body is at most half as long, so this does not fail.
                Some(memory) => memory.attach(body).map_err(drop)?,
                None => body.into(),
            };
            let compressed = |body| Some(Gzip { body, etag: compressed_tag(self.etag.as_ref()?)? });
            Ok::<_, ()>(compressed(body))
        };
        // After a failure, a later request tries again.
        let _ = self.gzip.get_or_try_init(compress).await;
    }

    /// The response to a read: 304, compressed, or uncompressed. `None` if the client accepts gzip and
    /// [`Representation::compress`] has not succeeded yet.
    #[must_use]
    pub fn respond(&self, request: &HeaderMap, scope: CacheScope) -> Option<HttpResponse> {
        if let Some(etag) = self.matched_tag(&IfNoneMatch::of(request)) {
            return Some(self.with_read_headers(HttpResponse::NotModified(), scope, Some(etag)).finish());
        }
        if scope == CacheScope::Private || !accepts_gzip(request) {
            return Some(self.respond_uncompressed(scope));
        }
        let Some(Gzip { body, etag }) = self.gzip.get()? else { return Some(self.respond_uncompressed(scope)) };
        let mut response = self.with_read_headers(HttpResponse::Ok(), scope, Some(etag.clone()));
        response
            .insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")))
            .insert_header((header::CONTENT_TYPE, JSON));
        Some(response.body(body.clone()))
    }

    /// The response to a read, with the uncompressed body.
    #[must_use]
    pub fn respond_uncompressed(&self, scope: CacheScope) -> HttpResponse {
        let mut response = self.with_read_headers(HttpResponse::build(self.status), scope, self.etag.clone());
        response.insert_header((header::CONTENT_TYPE, JSON)).body(self.body.clone())
    }

    /// Adds the headers of a response to a read.
    fn with_read_headers(
        &self,
        mut response: HttpResponseBuilder,
        scope: CacheScope,
        etag: Option<HeaderValue>,
    ) -> HttpResponseBuilder {
        let (cache_control, vary) = match scope {
            CacheScope::Public => ("public, no-cache", "Authorization, Accept-Encoding"),
            CacheScope::Private => ("private, no-cache", "Authorization"),
        };
        response
            .insert_header((header::CACHE_CONTROL, HeaderValue::from_static(cache_control)))
            .insert_header((header::VARY, HeaderValue::from_static(vary)));
        let (link, location) = (self.link.clone(), self.location.clone());
        for (name, value) in [(header::ETAG, etag), (header::LINK, link), (header::LOCATION, location)] {
            if let Some(value) = value {
                response.insert_header((name, value));
            }
        }
        response
    }

    /// Whether the representation meets the `If-Match` of a read (RFC 9110, section 13.1.1). Either coding's tag
    /// matches. A redirect meets every condition.
    ///
    /// # Errors
    /// The header cannot be parsed.
    pub fn meets_if_match(&self, request: &HeaderMap) -> Result<bool, ApiError> {
        if self.status.is_redirection() {
            return Ok(true);
        }
        let Some(TagCondition::Tags(listed)) = parse_if_match(request)? else { return Ok(true) };
        let tag = self.etag.as_ref().and_then(|tag| tag.to_str().ok()).map(|tag| tag.trim_matches('"'));
        Ok(listed.iter().any(|(is_weak, listed)| !is_weak && Some(uncompressed_tag(listed)) == tag))
    }

    /// The tag, compressed or not, that `If-None-Match` lists for this representation. An unreadable header matches
    /// nothing.
    fn matched_tag(&self, condition: &IfNoneMatch) -> Option<HeaderValue> {
        let tag = self.etag.as_ref()?;
        let matched = |list: &HeaderValue| {
            if list == tag {
                return Some(tag.clone());
            }
            match find_in_list(list, tag)? {
                Coding::Identity => Some(tag.clone()),
                Coding::Gzip => compressed_tag(tag),
            }
        };
        condition.values().iter().find_map(matched)
    }
}

/// The response to a write.
impl Responder for Representation {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in [(header::LOCATION, self.location), (header::ETAG, self.etag)] {
            if let Some(value) = value {
                response.insert_header((name, value));
            }
        }
        if self.is_replay {
            response.insert_header((REPLAYED, HeaderValue::from_static("true")));
        }
        response.insert_header((header::CONTENT_TYPE, JSON)).body(self.body)
    }
}

fn internal(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::Internal { cause: error.to_string() }
}
