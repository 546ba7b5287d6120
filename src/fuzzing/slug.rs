//! Every slug that is made is one that is taken, and makes itself.

use crate::posts::model;
use crate::posts::model::MAX_SLUG;
use crate::posts::slug::{from_title, numbered};

/// The input is a number and a title.
pub fn check(bytes: &[u8]) {
    let Some((number, title)) = bytes.split_first_chunk() else { return };
    let Ok(title) = str::from_utf8(title) else { return };
    let number = u64::from_le_bytes(*number);
    let slug = from_title(title);
    assert_eq!(model::slug(slug.clone()).as_ref(), Ok(&slug));
    assert_eq!(from_title(&slug), slug);
    let other = numbered(&slug, number);
    assert_eq!(model::slug(other.clone()).as_ref(), Ok(&other));
    // One that is cut may have ended with this very number.
    assert!(number < 2 || other != slug || slug.ends_with(&format!("-{number}")));
    if let Ok(given) = model::slug(title.to_owned()) {
        assert!(given.len() <= MAX_SLUG);
        assert_eq!(given, slug);
    }
}
