//! Cursors: the position of a page in a list, opaque to the client, with a checksum so that a damaged one is rejected.
//!
//! The checksum needs no secret: a forged cursor only requests another position in the same list.

use std::borrow::Cow;

use actix_web::http::header::HeaderValue;
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use crate::http::ApiError;

/// In bytes.
const CHECKSUM_LENGTH: usize = 6;

/// Encodes a position as a cursor: unpadded base64url (RFC 4648, section 5) of its JSON and the checksum.
#[must_use]
pub fn encode(position: &impl Serialize) -> String {
    // Positions consist of numbers and strings, which always serialize.
    let mut bytes = serde_json::to_vec(position).unwrap_or_default();
    let checksum = checksum(&bytes);
    bytes.extend_from_slice(&checksum);
    BASE64URL_NOPAD.encode(&bytes)
}

/// Decodes the position in a cursor.
///
/// # Errors
/// The cursor was not created by [`encode`] from the same type.
pub fn decode<T: DeserializeOwned>(cursor: &str) -> Result<T, ApiError> {
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).map_err(|_| ApiError::InvalidCursor)?;
    let (json, received) = bytes.split_last_chunk::<CHECKSUM_LENGTH>().ok_or(ApiError::InvalidCursor)?;
    if *received != checksum(json) {
        return Err(ApiError::InvalidCursor);
    }
    serde_json::from_slice(json).map_err(|_| ApiError::InvalidCursor)
}

/// The `Link` header (RFC 8288) with the URLs of the first, next, and previous pages.
#[must_use]
pub fn link(path: &str, query: &str, next: Option<&str>, previous: Option<&str>) -> Option<HeaderValue> {
    let parameters: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "cursor").collect();
    let link = |relation: &str, cursor: Option<&str>| {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        pairs.extend_pairs(&parameters).extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        let query = pairs.finish();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("<{path}{separator}{query}>; rel=\"{relation}\"")
    };
    let adjacent = [("next", next), ("prev", previous)]
        .into_iter()
        .filter_map(|(relation, cursor)| cursor.map(|cursor| link(relation, Some(cursor))));
    let links: Vec<String> = std::iter::once(link("first", None)).chain(adjacent).collect();
    HeaderValue::from_str(&links.join(", ")).ok()
}

/// The first bytes of the SHA-256 hash.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let mut checksum = [0; CHECKSUM_LENGTH];
    checksum.copy_from_slice(&digest[..CHECKSUM_LENGTH]);
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_and_rejects_alterations() {
        let cursor = encode(&("next", 42));
        assert_eq!(decode::<(String, i64)>(&cursor).unwrap(), ("next".to_owned(), 42));
        for index in 0..cursor.len() {
            let mut altered = cursor.clone().into_bytes();
            altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
            assert!(decode::<(String, i64)>(std::str::from_utf8(&altered).unwrap()).is_err(), "altered at {index}");
            assert!(decode::<(String, i64)>(&cursor[..index]).is_err(), "truncated to {index}");
        }
    }
}
