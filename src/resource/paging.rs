//! Cursors: the position of a page in a list, opaque to the client, with a checksum so that a damaged one is rejected.
//!
//! The checksum needs no secret: a forged cursor only requests another position in the same list.

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::http::ApiError;

const CHECKSUM: usize = 6;

/// The position as a cursor: unpadded base64url (RFC 4648, section 5) of its JSON and the checksum.
#[must_use]
pub fn encode(position: &impl Serialize) -> String {
    // Positions consist of numbers and strings, which always serialize.
    let mut bytes = serde_json::to_vec(position).unwrap_or_default();
    let checksum = checksum(&bytes);
    bytes.extend_from_slice(&checksum);
    BASE64URL_NOPAD.encode(&bytes)
}

/// The position in a cursor.
///
/// # Errors
/// The cursor was not created by [`encode`] from the same type.
pub fn decode<T: DeserializeOwned>(cursor: &str) -> Result<T, ApiError> {
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).map_err(|_| ApiError::InvalidCursor)?;
    let (json, given) = bytes.split_last_chunk::<CHECKSUM>().ok_or(ApiError::InvalidCursor)?;
    if *given != checksum(json) {
        return Err(ApiError::InvalidCursor);
    }
    serde_json::from_slice(json).map_err(|_| ApiError::InvalidCursor)
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let mut short = [0; CHECKSUM];
    short.copy_from_slice(&digest[..CHECKSUM]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_and_rejects_alterations() {
        let cursor = encode(&("next", 42));
        assert_eq!(decode::<(String, i64)>(&cursor).unwrap(), ("next".to_owned(), 42));
        for at in 0..cursor.len() {
            let mut altered = cursor.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            assert!(decode::<(String, i64)>(std::str::from_utf8(&altered).unwrap()).is_err(), "altered at {at}");
            assert!(decode::<(String, i64)>(&cursor[..at]).is_err(), "cut at {at}");
        }
    }
}
