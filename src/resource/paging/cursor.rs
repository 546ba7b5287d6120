//! Cursors: the position of a page in a list, opaque to the client, with a checksum so that a damaged one is rejected.
//!
//! The checksum needs no secret: a forged cursor only requests another position in the same list.

use data_encoding::BASE64URL_NOPAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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

/// Identifies a list by its filter and order. It is part of each cursor, so that a cursor of another list is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ListId(u64);

/// The contents of a cursor.
#[derive(Serialize, Deserialize)]
struct Cursor<P> {
    #[serde(rename = "l")]
    list: ListId,
    #[serde(flatten)]
    position: P,
}

impl ListId {
    /// The id of the list with these parameters, which is the same on every instance.
    ///
    /// # Errors
    /// The parameters cannot be serialized.
    pub fn of(parameters: &impl Serialize) -> Result<Self, ApiError> {
        let list = serde_json::to_vec(parameters).map_err(|error| ApiError::Internal { cause: error.to_string() })?;
        let digest: [u8; 32] = Sha256::digest(list).into();
        // Keeps 53 bits: every JSON parser preserves integers up to 2^53.
        Ok(Self(u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default()) >> 11))
    }

    /// The cursor of a position in this list. The position must serialize as an object.
    #[must_use]
    pub fn cursor(self, position: &impl Serialize) -> String {
        encode(&Cursor { list: self, position })
    }

    /// The position in a cursor of this list.
    ///
    /// # Errors
    /// The cursor was not created by [`ListId::cursor`] for this list.
    pub fn position<P: DeserializeOwned>(self, cursor: &str) -> Result<P, ApiError> {
        let Cursor { list, position } = decode(cursor)?;
        if list == self { Ok(position) } else { Err(ApiError::InvalidCursor) }
    }
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
    fn a_cursor_belongs_to_one_list() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Position {
            key: String,
        }
        let (list, other) = (ListId::of(&("a", 1)).unwrap(), ListId::of(&("a", 2)).unwrap());
        let position = Position { key: "é".to_owned() };
        let cursor = list.cursor(&position);
        assert_eq!(list.position::<Position>(&cursor).unwrap(), position);
        assert!(other.position::<Position>(&cursor).is_err());
    }

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
