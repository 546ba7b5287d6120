//! Cursors: decoding returns the encoded position, and altered cursors are rejected.

use crate::db::Timestamp;
use crate::posts::list::query::{CursorPosition, SortKey};
use crate::resource::paging::{decode, encode};

/// The input is an id, a time, the index of a byte to alter, and a text that is used as a cursor and as a title.
pub fn check(bytes: &[u8]) {
    let Some((id, rest)) = bytes.split_first_chunk() else { return };
    let Some((time, rest)) = rest.split_first_chunk() else { return };
    let Some((alteration_index, text)) = rest.split_first() else { return };
    let Ok(text) = str::from_utf8(text) else { return };
    let (id, time) = (i64::from_le_bytes(*id), i64::from_le_bytes(*time));

    if let Ok(position) = decode::<CursorPosition>(text) {
        assert_eq!(decode::<CursorPosition>(&encode(&position)).unwrap(), position);
    }

    let keys = [
        Some(SortKey::Id),
        Some(SortKey::Text(text.to_owned())),
        Timestamp::from_microseconds(time).ok().map(SortKey::Time),
    ];
    for key in keys.into_iter().flatten() {
        let position = CursorPosition { backwards: id % 2 == 0, is_other_tier: id % 3 == 0, key, id };
        let cursor = encode(&position);
        assert_eq!(decode::<CursorPosition>(&cursor).unwrap(), position);
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));

        let mut altered = cursor.clone().into_bytes();
        let index = usize::from(*alteration_index) % altered.len();
        altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
        assert!(decode::<CursorPosition>(str::from_utf8(&altered).unwrap()).is_err());
        assert!(decode::<CursorPosition>(&cursor[..index]).is_err());
    }
}
