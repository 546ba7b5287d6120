//! [`StaticFile`]: a file that does not change while the process runs, with its compressed forms and its entity tags.

use std::io::Read;
use std::sync::OnceLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use flate2::read::GzDecoder;

use crate::http::content_coding::{accepts_brotli, accepts_gzip, gzip};
use crate::http::extract::preconditions::IfNoneMatch;
use crate::http::{ApiError, entity_tag};

/// A cache must revalidate the file before each reuse, which a 304 makes cheap.
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, no-cache");
/// For a URL that contains the hash of the file: another file has another URL.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file that does not change while the process runs. All worker threads share its forms. Each form is made at the
/// first request for it.
#[derive(Debug)]
pub(super) struct StaticFile {
    content_type: &'static str,
    /// Identifies the content, in entity tags and URLs.
    hash: String,
    identity: OnceLock<Bytes>,
    /// `None` if compression does not halve the file.
    gzip: OnceLock<Option<Bytes>>,
    brotli: Option<Bytes>,
}

impl StaticFile {
    /// A file that is compressed at the first request that accepts gzip.
    pub(super) fn new(content_type: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let hash = hash(&content);
        Self { content_type, hash, identity: content.into(), gzip: OnceLock::new(), brotli: None }
    }

    /// A file that was compressed at build time.
    pub(super) fn precompressed(content_type: &'static str, gzip: &'static [u8], brotli: &'static [u8]) -> Self {
        let [gzip, brotli] = [gzip, brotli].map(Bytes::from_static);
        let hash = hash(&gzip);
        Self { content_type, hash, identity: OnceLock::new(), gzip: Some(gzip).into(), brotli: Some(brotli) }
    }

    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    /// The file in the coding that the client prefers, or 304 if `If-None-Match` lists the file in any coding.
    ///
    /// # Errors
    /// The file cannot be decompressed, which does not happen in practice.
    pub(super) fn respond(&self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        let is_versioned = request.query_string().strip_prefix("v=") == Some(&self.hash);
        let (coding, body) = self.negotiate(request.headers())?;
        let is_unchanged = self.is_listed(&IfNoneMatch::of(request.headers()));
        let mut response = HttpResponse::build(if is_unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
        response
            .insert_header((header::CACHE_CONTROL, if is_versioned { IMMUTABLE } else { REVALIDATE }))
            .insert_header((header::VARY, HeaderValue::from_static("Accept-Encoding")))
            .insert_header((header::ETAG, self.tag(coding)));
        if is_unchanged {
            return Ok(response.finish());
        }
        if let Some(coding) = coding {
            response.insert_header((header::CONTENT_ENCODING, coding));
        }
        Ok(response.content_type(self.content_type).body(body))
    }

    /// The coding that the client prefers, and the file in this coding.
    fn negotiate(&self, request: &HeaderMap) -> Result<(Option<&'static str>, Bytes), ApiError> {
        if let Some(brotli) = self.brotli.as_ref().filter(|_| accepts_brotli(request)) {
            return Ok((Some("br"), brotli.clone()));
        }
        if accepts_gzip(request)
            && let Some(gzip) = self.gzip()
        {
            return Ok((Some("gzip"), gzip.clone()));
        }
        Ok((None, self.identity()?))
    }

    fn gzip(&self) -> Option<&Bytes> {
        let compress = || gzip(self.identity.get()?).map(Into::into);
        self.gzip.get_or_init(compress).as_ref()
    }

    fn identity(&self) -> Result<Bytes, ApiError> {
        if let Some(content) = self.identity.get() {
            return Ok(content.clone());
        }
        let mut content = Vec::new();
        let compressed = self.gzip().map(Bytes::as_ref).unwrap_or_default();
        let decompressed = GzDecoder::new(compressed).read_to_end(&mut content);
        decompressed.map_err(|error| ApiError::Internal { cause: error.to_string() })?;
        Ok(self.identity.get_or_init(|| content.into()).clone())
    }

    /// Each coding has its own entity tag, because a strong tag identifies exact bytes (RFC 9110, section 8.8.1).
    fn tag(&self, coding: Option<&str>) -> String {
        coding.map_or_else(|| format!("\"{}\"", self.hash), |coding| format!("\"{}-{coding}\"", self.hash))
    }

    fn is_listed(&self, condition: &IfNoneMatch) -> bool {
        let is_this = |tag: &entity_tag::Tag<'_>| {
            tag.opaque.strip_prefix(&self.hash).is_some_and(|coding| ["", "-gzip", "-br"].contains(&coding))
        };
        let mut lines = condition.values().iter().filter_map(|line| line.to_str().ok());
        lines
            .any(|line| line.trim() == "*" || entity_tag::parse_list(line).is_some_and(|tags| tags.iter().any(is_this)))
    }
}

/// Half of the digits of a BLAKE3 hash, which still make a collision infeasible.
fn hash(content: &[u8]) -> String {
    blake3::hash(content).to_hex().chars().take(32).collect()
}
