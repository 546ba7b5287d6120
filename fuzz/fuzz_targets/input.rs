//! What is read keeps the limits, reads the same again, and every mistake is told where it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posts_api::input::{Input, read};
use posts_api::keys::model::CreateApiKey;
use posts_api::posts::input::{Batch, CreatePost, Publish, PutPost, UpdatePost};
use posts_api::posts::model::{MAX_CONTENT, MAX_SLUG, MAX_TITLE};
use serde_json::{Value, json};

fn check<T: Input>(value: &Value) -> Option<T> {
    match read(value.clone(), "") {
        Ok(read) => Some(read),
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let place = value.pointer(&error.pointer);
                // The name of an unknown field is cut where it is long.
                let is_cut = error.code == "unknown" && error.pointer.len() > 100;
                assert!(is_cut || place.is_none() == (error.code == "required"), "{error:?}");
            }
            None
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    check::<UpdatePost>(&value);
    check::<PutPost>(&value);
    check::<Publish>(&value);
    check::<CreateApiKey>(&value);
    let posts = check::<Batch>(&value).map_or_else(Vec::new, |batch| batch.posts);
    for post in posts.into_iter().chain(check::<CreatePost>(&value)) {
        assert!((1..=MAX_TITLE).contains(&post.title.chars().count()) && post.title.trim() == post.title);
        assert!(post.slug.as_ref().is_none_or(|slug| slug.len() <= MAX_SLUG));
        assert!(post.content.as_ref().is_none_or(|content| content.len() <= MAX_CONTENT));
        assert!(!post.title.contains('\0') && !post.content.as_deref().unwrap_or_default().contains('\0'));
        let again = json!({
            "title": post.title, "slug": post.slug, "content": post.content, "published": post.published,
        });
        assert_eq!(check::<CreatePost>(&again), Some(post));
    }
});
