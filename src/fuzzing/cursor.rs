//! Cursors: decoding returns the encoded position, and altered cursors are rejected.

use crate::db::Timestamp;
use crate::posts::list::query::{Key, Place};
use crate::resource::paging::{decode, encode};

/// The input is an id, a time, the index of a byte to alter, and a text that is used as a cursor and as a title.
pub fn check(bytes: &[u8]) {
    let Some((id, rest)) = bytes.split_first_chunk() else { return };
    let Some((time, rest)) = rest.split_first_chunk() else { return };
    let Some((alteration_index, text)) = rest.split_first() else { return };
    let Ok(text) = str::from_utf8(text) else { return };
    let (id, time) = (i64::from_le_bytes(*id), i64::from_le_bytes(*time));

    if let Ok(place) = decode::<Place>(text) {
        assert_eq!(decode::<Place>(&encode(&place)).unwrap(), place);
    }

    let keys =
        [Some(Key::Id), Some(Key::Text(text.to_owned())), Timestamp::from_microseconds(time).ok().map(Key::Time)];
    for key in keys.into_iter().flatten() {
        let place = Place { backwards: id % 2 == 0, rest: id % 3 == 0, key, id };
        let cursor = encode(&place);
        assert_eq!(decode::<Place>(&cursor).unwrap(), place);
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));

        let mut altered = cursor.clone().into_bytes();
        let index = usize::from(*alteration_index) % altered.len();
        altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
        assert!(decode::<Place>(str::from_utf8(&altered).unwrap()).is_err());
        assert!(decode::<Place>(&cursor[..index]).is_err());
    }
}
