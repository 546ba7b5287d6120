//! A cursor decodes to the place that was encoded, and no altered one does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posts_api::db::Timestamp;
use posts_api::http::cursor::{decode, encode};
use posts_api::posts::query::{Key, Place};

fuzz_target!(|input: (&str, &str, i64, i64, u8)| {
    let (cursor, title, id, time, alteration) = input;
    if let Ok(place) = decode::<Place>(cursor) {
        assert_eq!(decode::<Place>(&encode(&place)).unwrap(), place);
    }

    let keys =
        [Some(Key::Id), Some(Key::Text(title.to_owned())), Timestamp::from_microseconds(time).ok().map(Key::Time)];
    for key in keys.into_iter().flatten() {
        let place = Place { backwards: id % 2 == 0, rest: id % 3 == 0, key, id };
        let cursor = encode(&place);
        assert_eq!(decode::<Place>(&cursor).unwrap(), place);
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));

        let mut altered = cursor.clone().into_bytes();
        let at = usize::from(alteration) % altered.len();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        assert!(decode::<Place>(std::str::from_utf8(&altered).unwrap()).is_err());
        assert!(decode::<Place>(&cursor[..at]).is_err());
    }
});
