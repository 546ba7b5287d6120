//! gzip: when a response is compressed, and the entity tag of a compressed response.

use std::io::Write;

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The minimum length of a body to compress, in bytes. A shorter one fits into one or two packets without compression.
const MIN_LENGTH: usize = 1024;
/// The end of a compressed response's entity tag. It needs a tag of its own, because a strong tag identifies exact
/// bytes (RFC 9110, section 8.8.1).
const GZIP_SUFFIX: &str = "-gzip";

/// The tag of the uncompressed representation, from either tag. Tags are without quotes.
#[must_use]
pub fn uncompressed_tag(tag: &str) -> &str {
    tag.strip_suffix(GZIP_SUFFIX).unwrap_or(tag)
}

/// The tag of the compressed representation, from that of the uncompressed one. Tags are with quotes.
pub(crate) fn compressed_tag(tag: &HeaderValue) -> Option<HeaderValue> {
    let unterminated = tag.to_str().ok()?.strip_suffix('"')?;
    HeaderValue::try_from(format!("{unterminated}{GZIP_SUFFIX}\"")).ok()
}

/// Compresses the body. `None` if it is shorter than 1024 bytes, or if compression does not halve it.
pub(crate) fn gzip(body: &[u8]) -> Option<Bytes> {
    if body.len() < MIN_LENGTH {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() <= body.len() / 2).then(|| Bytes::from(compressed.into_boxed_slice()))
}

/// Whether `Accept-Encoding` lists gzip with a weight above 0 (RFC 9110, section 12.5.3).
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_only_if_accepted() {
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
