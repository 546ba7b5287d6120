//! What a read answers, as bytes, and how it is answered: whole, compressed, or as 304 (RFC 9110, RFC 9111).

use std::io::Write;

use actix_web::http::header::{self, ETag, EntityTag, HeaderMap, HeaderValue, TryIntoHeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use tokio::sync::{OnceCell, Semaphore};

use crate::http::ApiError;

/// A body below this size, in bytes, fits into a packet or two as it is.
const WORTH_COMPRESSING: usize = 1024;
/// Most pages fit into so many bytes; a longer one grows.
const TYPICAL_BODY: usize = 16 * 1024;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Bodies that are compressed at once. Anyone can ask for it, so others get theirs as it is meanwhile.
static COMPRESSING: Semaphore = Semaphore::const_new(2);
/// Ends the tags of compressed answers: a strong tag names bytes (RFC 9110, section 8.8.1).
const GZIP_SUFFIX: &str = "-gzip";

/// Who may scope an answer. Either way it is asked for again before it is used, which a 304 makes cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheScope {
    /// Any cache: it is what everyone gets.
    Public,
    /// The caller's own cache only: a key unlocked it.
    Private,
}

/// A resource as JSON, with what its headers say.
#[derive(Debug)]
pub struct Representation {
    body: Bytes,
    tag: HeaderValue,
    link: Option<HeaderValue>,
    /// `None` inside: compressing does not pay.
    gzip: OnceCell<Option<Gzip>>,
}

#[derive(Debug)]
struct Gzip {
    body: Bytes,
    tag: HeaderValue,
}

impl Representation {
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn new(tag: EntityTag, link: Option<HeaderValue>, value: &impl Serialize) -> Result<Self, ApiError> {
        let mut body = Vec::with_capacity(TYPICAL_BODY);
        serde_json::to_writer(&mut body, value).map_err(|error| internal(&error))?;
        let tag = ETag(tag).try_into_value().map_err(|error| internal(&error))?;
        // What is kept is counted by its length.
        Ok(Self { body: body.into_boxed_slice().into(), tag, link, gzip: OnceCell::new() })
    }

    /// The most that it takes in memory, in bytes: a compressed body is kept only where it is at most half as long.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.body.len() + self.body.len() / 2 + self.link.as_ref().map_or(0, HeaderValue::len)
    }

    /// Compresses the body, once, on a thread where that keeps nobody waiting, unless others are being compressed.
    pub async fn compress(&self) {
        let compress = || async {
            let permit = COMPRESSING.try_acquire().map_err(drop)?;
            let body = self.body.clone();
            // The permit goes with the work, also where whoever asked for it has gone.
            let work = move || (gzip(&body), permit);
            let (body, _permit) = tokio::task::spawn_blocking(work).await.map_err(drop)?;
            Ok::<_, ()>(body.and_then(|body| Some(Gzip { body, tag: compressed_tag(&self.tag)? })))
        };
        // Where it was not compressed now, it may be another time.
        let _ = self.gzip.get_or_try_init(compress).await;
    }

    /// The answer, or `None` where the caller takes gzip and the body was not compressed yet.
    #[must_use]
    pub fn answer(&self, headers: &HeaderMap, scope: CacheScope) -> Option<HttpResponse> {
        if let Some(tag) = self.known_as(headers) {
            return Some(self.describe(HttpResponse::NotModified(), scope, tag).finish());
        }
        if scope == CacheScope::Private || !accepts_gzip(headers) {
            return Some(self.whole(scope));
        }
        let Some(Gzip { body, tag }) = self.gzip.get()? else { return Some(self.whole(scope)) };
        let mut response = self.describe(HttpResponse::Ok(), scope, tag.clone());
        response
            .insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")))
            .insert_header((header::CONTENT_TYPE, JSON));
        Some(response.body(body.clone()))
    }

    /// The answer as it is, whatever the caller has or takes.
    #[must_use]
    pub fn whole(&self, scope: CacheScope) -> HttpResponse {
        let mut response = self.describe(HttpResponse::Ok(), scope, self.tag.clone());
        response.insert_header((header::CONTENT_TYPE, JSON)).body(self.body.clone())
    }

    fn describe(&self, mut response: HttpResponseBuilder, scope: CacheScope, tag: HeaderValue) -> HttpResponseBuilder {
        let (control, vary) = match scope {
            CacheScope::Public => ("public, no-cache", "Authorization, Accept-Encoding"),
            CacheScope::Private => ("private, no-cache", "Authorization"),
        };
        response
            .insert_header((header::ETAG, tag))
            .insert_header((header::CACHE_CONTROL, HeaderValue::from_static(control)))
            .insert_header((header::VARY, HeaderValue::from_static(vary)));
        if let Some(link) = &self.link {
            response.insert_header((header::LINK, link.clone()));
        }
        response
    }

    /// The tag under which `If-None-Match` names it, compressed or not. One that cannot be read names nothing.
    fn known_as(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let named = |list: &HeaderValue| {
            if list == self.tag {
                return Some(self.tag.clone());
            }
            match named_in(list, &self.tag)? {
                Coding::Identity => Some(self.tag.clone()),
                Coding::Gzip => compressed_tag(&self.tag),
            }
        };
        headers.get_all(header::IF_NONE_MATCH).find_map(named)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
}

/// In which coding a list of tags has this one, by weak comparison.
fn named_in(list: &HeaderValue, tag: &HeaderValue) -> Option<Coding> {
    let (list, tag) = (list.to_str().ok()?, tag.to_str().ok()?);
    if list.trim() == "*" {
        return Some(Coding::Identity);
    }
    let opaque = tag.trim_matches('"');
    list.split(',').find_map(|item| {
        let item = item.trim();
        let given = item.strip_prefix("W/").unwrap_or(item).strip_prefix('"')?.strip_suffix('"')?;
        match given {
            given if given == opaque => Some(Coding::Identity),
            given if uncompressed(given) == opaque => Some(Coding::Gzip),
            _ => None,
        }
    })
}

/// The tag of the same representation without compression.
#[must_use]
pub fn uncompressed(tag: &str) -> &str {
    tag.strip_suffix(GZIP_SUFFIX).unwrap_or(tag)
}

fn compressed_tag(tag: &HeaderValue) -> Option<HeaderValue> {
    let opaque = tag.to_str().ok()?.strip_suffix('"')?;
    HeaderValue::try_from(format!("{opaque}{GZIP_SUFFIX}\"")).ok()
}

/// `None`: it does not pay.
fn gzip(body: &[u8]) -> Option<Bytes> {
    if body.len() < WORTH_COMPRESSING {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() <= body.len() / 2).then(|| Bytes::from(compressed.into_boxed_slice()))
}

/// Whether `Accept-Encoding` has gzip with a weight above 0 (RFC 9110, section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).filter_map(|value| value.to_str().ok()).any(|list| {
        list.split(',').any(|item| {
            let (coding, weight) = item.split_once(';').unwrap_or((item, ""));
            let is_zero = weight
                .trim()
                .strip_prefix("q=")
                .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0));
            coding.trim().eq_ignore_ascii_case("gzip") && !is_zero
        })
    })
}

fn internal(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::Internal { cause: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_names_a_representation_in_either_encoding() {
        let tag = HeaderValue::from_static("\"1-2\"");
        for list in ["\"1-2\"", "W/\"1-2\"", "*", " * "] {
            assert_eq!(named_in(&HeaderValue::from_static(list), &tag), Some(Coding::Identity), "{list}");
        }
        let compressed = HeaderValue::from_static("\"0-0\", \"1-2-gzip\"");
        assert_eq!(named_in(&compressed, &tag), Some(Coding::Gzip));
        for list in ["\"1-22\"", "1-2", "\"1-2", "\"-gzip\"", "", "\"*\""] {
            assert_eq!(named_in(&HeaderValue::from_static(list), &tag), None, "{list}");
        }
    }

    #[test]
    fn gzip_is_sent_only_where_it_is_accepted() {
        for (list, accepted) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("identity, br", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(list));
            assert_eq!(accepts_gzip(&headers), accepted, "{list}");
        }
    }
}
