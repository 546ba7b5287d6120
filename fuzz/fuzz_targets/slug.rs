//! Every slug that is made is one that is taken, and makes itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posts_api::posts::model::{self, MAX_SLUG};
use posts_api::posts::slug::{from_title, numbered};

fuzz_target!(|input: (u64, &str)| {
    let (number, title) = input;
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
});
