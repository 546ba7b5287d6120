//! Slugs: every generated slug is valid, and generating a slug from a slug returns it unchanged.

use crate::posts::slug::{from_title, numbered};
use crate::posts::validate;
use crate::posts::validate::MAX_SLUG;

/// The input is a number and a title.
pub fn check(bytes: &[u8]) {
    let Some((number, title)) = bytes.split_first_chunk() else { return };
    let Ok(title) = str::from_utf8(title) else { return };
    let number = u64::from_le_bytes(*number);
    let slug = from_title(title);
    assert_eq!(validate::slug(slug.clone()).as_ref(), Ok(&slug));
    assert_eq!(from_title(&slug), slug);
    let numbered_slug = numbered(&slug, number);
    assert_eq!(validate::slug(numbered_slug.clone()).as_ref(), Ok(&numbered_slug));
    // A truncated slug may already end with this number.
    assert!(number < 2 || numbered_slug != slug || slug.ends_with(&format!("-{number}")));
    if let Ok(given) = validate::slug(title.to_owned()) {
        assert!(given.len() <= MAX_SLUG);
        assert_eq!(given, slug);
    }
}
