//! What a read answers, as bytes, and how it is answered: whole, compressed, or as 304 (RFC 9110, RFC 9111).

use std::io::Write;

use actix_web::http::header::{self, ETag, EntityTag, HeaderMap, HeaderValue, TryIntoHeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use tokio::sync::OnceCell;

use super::ApiError;

/// A body below this size, in bytes, fits into a packet or two as it is.
const WORTH_COMPRESSING: usize = 1024;
/// Ends the tags of compressed answers: a strong tag names bytes (RFC 9110, section 8.8.1).
const GZIP_SUFFIX: &str = "-gzip";

/// Who may keep an answer. Either way it is asked for again before it is used, which a 304 makes cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
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
        let body = serde_json::to_vec(value).map_err(|error| internal(&error))?;
        let tag = ETag(tag).try_into_value().map_err(|error| internal(&error))?;
        Ok(Self { body: body.into(), tag, link, gzip: OnceCell::new() })
    }

    /// The most that it takes in memory, in bytes: a compressed body is kept only where it is at most half as long.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.body.len() + self.body.len() / 2 + self.link.as_ref().map_or(0, HeaderValue::len)
    }

    /// Compresses the body, once, on a thread where that keeps nobody waiting.
    pub async fn compress(&self) {
        let compress = || async {
            let body = self.body.clone();
            let compressed = tokio::task::spawn_blocking(move || gzip(&body)).await.ok()??;
            let tag = compressed_tag(&self.tag)?;
            Some(Gzip { body: compressed, tag })
        };
        self.gzip.get_or_init(compress).await;
    }

    /// The answer, or `None` where the caller takes gzip and nobody has called [`Representation::compress`] yet.
    #[must_use]
    pub fn answer(&self, headers: &HeaderMap, keep: Keep) -> Option<HttpResponse> {
        if keep == Keep::Private || !accepts_gzip(headers) {
            return Some(self.write(headers, keep, &self.body, &self.tag, None));
        }
        Some(match self.gzip.get()? {
            None => self.write(headers, keep, &self.body, &self.tag, None),
            Some(gzip) => self.write(headers, keep, &gzip.body, &gzip.tag, Some(HeaderValue::from_static("gzip"))),
        })
    }

    fn write(
        &self,
        headers: &HeaderMap,
        keep: Keep,
        body: &Bytes,
        tag: &HeaderValue,
        encoding: Option<HeaderValue>,
    ) -> HttpResponse {
        let is_known = self.is_known(headers);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header((header::ETAG, tag.clone()));
        describe(&mut response, keep);
        if let Some(link) = &self.link {
            response.insert_header((header::LINK, link.clone()));
        }
        if is_known {
            return response.finish();
        }
        if let Some(encoding) = encoding {
            response.insert_header((header::CONTENT_ENCODING, encoding));
        }
        response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static("application/json"))).body(body.clone())
    }

    /// Whether `If-None-Match` names it, compressed or not. One that cannot be read names nothing.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        headers.get_all(header::IF_NONE_MATCH).any(|value| value == self.tag || names(value, &self.tag))
    }
}

fn describe(response: &mut HttpResponseBuilder, keep: Keep) {
    let (control, vary) = match keep {
        Keep::Public => ("public, no-cache", "Authorization, Accept-Encoding"),
        Keep::Private => ("private, no-cache", "Authorization"),
    };
    response
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static(control)))
        .insert_header((header::VARY, HeaderValue::from_static(vary)));
}

/// Whether a list of tags has this one, by weak comparison.
fn names(list: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(list), Ok(tag)) = (list.to_str(), tag.to_str()) else { return false };
    let opaque = tag.trim_matches('"');
    list.trim() == "*"
        || list.split(',').any(|item| {
            let item = item.trim();
            let item = item.strip_prefix("W/").unwrap_or(item);
            let quoted = item.strip_prefix('"').and_then(|item| item.strip_suffix('"'));
            quoted.is_some_and(|given| uncompressed(given) == opaque)
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
    (compressed.len() <= body.len() / 2).then(|| Bytes::from(compressed))
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
        for list in ["\"1-2\"", "W/\"1-2\"", "\"0-0\", \"1-2-gzip\"", "*", " * "] {
            assert!(names(&HeaderValue::from_static(list), &tag), "{list}");
        }
        for list in ["\"1-22\"", "1-2", "\"1-2", "\"-gzip\"", "", "\"*\""] {
            assert!(!names(&HeaderValue::from_static(list), &tag), "{list}");
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
