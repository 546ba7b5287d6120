//! gzip and Brotli: when a response is compressed, and the entity tag of a response compressed with gzip.

use std::io::Write;

use actix_web::http::header::{self, HeaderMap, HeaderValue};
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
pub(crate) fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < MIN_LENGTH {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().filter(|compressed| compressed.len() <= body.len() / 2)
}

/// Whether `Accept-Encoding` prefers gzip, or accepts it as much as the uncompressed body.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let weights = Weights::of(headers);
    weights.accepts(weights.gzip)
}

/// Whether `Accept-Encoding` prefers Brotli, or accepts it as much as gzip and the uncompressed body.
pub(crate) fn accepts_brotli(headers: &HeaderMap) -> bool {
    let weights = Weights::of(headers);
    weights.accepts(weights.brotli) && weights.brotli.or(weights.any) >= weights.gzip.or(weights.any)
}

/// The weights in `Accept-Encoding` (RFC 9110, section 12.5.3). `None` for a coding that is not listed.
#[derive(Default)]
struct Weights {
    brotli: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    any: Option<u16>,
}

impl Weights {
    /// All lines of the header are one list. An element with an invalid weight is ignored. If a coding is listed twice,
    /// its lower weight counts.
    fn of(headers: &HeaderMap) -> Self {
        let mut weights = Self::default();
        let lists = headers.get_all(header::ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
        for item in lists.flat_map(|list| list.split(',')) {
            let (coding, weight) = item.split_once(';').map_or((item, None), |(coding, weight)| (coding, Some(weight)));
            let Some(weight) = weight.map_or(Some(MAX_WEIGHT), parse_weight) else { continue };
            let listed = match coding.trim_matches(OWS).to_ascii_lowercase().as_str() {
                "br" => &mut weights.brotli,
                // The same coding (RFC 9110, section 8.4.1.3).
                "gzip" | "x-gzip" => &mut weights.gzip,
                "identity" => &mut weights.identity,
                "*" => &mut weights.any,
                _ => continue,
            };
            *listed = Some(listed.map_or(weight, |other: u16| other.min(weight)));
        }
        weights
    }

    /// Whether a coding with this weight is acceptable, and no less than the uncompressed body. Without a weight of its
    /// own, the uncompressed body is acceptable, but every listed coding is preferred to it.
    fn accepts(&self, coding: Option<u16>) -> bool {
        coding.or(self.any).is_some_and(|weight| weight > 0 && weight >= self.identity.unwrap_or(0))
    }
}

/// Optional white space (RFC 9110, section 5.6.3).
const OWS: [char; 2] = [' ', '\t'];
const MAX_WEIGHT: u16 = 1000;

/// Parses a weight such as `q=0.5`, in thousandths: 0 to 1, with at most three digits after the point (RFC 9110,
/// section 12.4.2).
fn parse_weight(text: &str) -> Option<u16> {
    let (name, value) = text.trim_matches(OWS).split_once('=')?;
    if !name.eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(MAX_WEIGHT),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
}

/// The coding in which a list of tags contains this one, by weak comparison (RFC 9110, section 8.8.3.2).
pub(crate) fn find_in_list(list: &HeaderValue, tag: &HeaderValue) -> Option<Coding> {
    let (list, tag) = (list.to_str().ok()?, tag.to_str().ok()?);
    if list.trim() == "*" {
        return Some(Coding::Identity);
    }
    let opaque = tag.trim_matches('"');
    list.split(',').find_map(|item| {
        let item = item.trim();
        let listed = item.strip_prefix("W/").unwrap_or(item).strip_prefix('"')?.strip_suffix('"')?;
        match listed {
            listed if listed == opaque => Some(Coding::Identity),
            listed if uncompressed_tag(listed) == opaque => Some(Coding::Gzip),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(lines: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(line));
        }
        accepts_gzip(&headers)
    }

    #[test]
    fn gzip_is_sent_only_if_accepted() {
        for list in [
            "gzip", "br, GZIP;q=0.5", "x-gzip", "X-GZip;q=1.000", "gzip;q=1.", "gzip;Q=0.001", "gzip ; q=1", "*",
            "\tgzip\t;\tq=0.5\t,br", "br,,gzip", "*;q=0.1", "identity;q=0.5, gzip;q=0.5", "identity;q=0, *",
            "*;q=0, gzip", "identity;q=2, gzip;q=0.1",
        ] {
            assert!(accepts(&[list]), "{list}");
        }
        for list in [
            "", "gzip;q=0", "gzip; q=0.000", "gzip;Q=0", "gzip ;\tQ=0.0", "gzip;q=0.", "x-gzip;q=0", "identity, br",
            "*;q=0", "gzip;q=0, *", "gzipped", "identity, gzip;q=0.5", "identity;q=0.6, *;q=0.5", "gzip, gzip;q=0",
            // Not weights.
            "gzip;q=2", "gzip;q=1.001", "gzip;q=0.0001", "gzip;q=-1", "gzip;q=", "gzip;q", "gzip;", "gzip;q = 1",
            "gzip;q=.5", "gzip;q=1e0", "gzip;q=\"1\"", "gzip;x=1", "gzip;q=0;x=1", "gzip;q=NaN", "gzip;q=+1",
        ] {
            assert!(!accepts(&[list]), "{list}");
        }
    }

    #[test]
    fn brotli_is_sent_only_if_preferred() {
        let accepts = |list| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(list));
            accepts_brotli(&headers)
        };
        for list in
            ["br", "gzip, deflate, br, zstd", "BR;q=0.5", "gzip;q=0.5, br;q=0.5", "*", "gzip;q=0, *", "br, *;q=0"]
        {
            assert!(accepts(list), "{list}");
        }
        for list in [
            "", "gzip", "br;q=0", "gzip, br;q=0.9", "gzip, *;q=0.5", "identity, br;q=0.5", "br;q=0, *", "brotli",
            "br;q=2",
        ] {
            assert!(!accepts(list), "{list}");
        }
    }

    #[test]
    fn all_lines_are_one_list() {
        assert!(accepts(&["br", "gzip"]));
        assert!(!accepts(&["gzip", "gzip;q=0"]));
        assert!(!accepts(&["gzip;q=0", "*"]));
        assert!(!accepts(&[]));
    }

    #[test]
    fn a_tag_is_found_in_either_coding() {
        let tag = HeaderValue::from_static("\"1-2\"");
        for list in ["\"1-2\"", "W/\"1-2\"", "*", " * "] {
            assert_eq!(find_in_list(&HeaderValue::from_static(list), &tag), Some(Coding::Identity), "{list}");
        }
        let compressed = HeaderValue::from_static("\"0-0\", \"1-2-gzip\"");
        assert_eq!(find_in_list(&compressed, &tag), Some(Coding::Gzip));
        for list in ["\"1-22\"", "1-2", "\"1-2", "\"-gzip\"", "", "\"*\""] {
            assert_eq!(find_in_list(&HeaderValue::from_static(list), &tag), None, "{list}");
        }
    }
}
