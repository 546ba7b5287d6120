//! Request bodies: parsed values are within the limits, parsing them again returns the same values, and every error points
//! at a field.

use serde_json::Value;

use crate::keys::model::CreateApiKey;
use crate::posts::input::{Batch, CreatePost, Publish, PutPost, UpdatePost};
use crate::posts::model::{MAX_CONTENT, MAX_SLUG, MAX_TITLE};
use crate::validation::{Input, read};

fn try_read<T: Input>(value: &Value) -> Option<T> {
    match read(value.clone(), "") {
        Ok(read) => Some(read),
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let target = value.pointer(&error.pointer);
                // Every error points at a value, except `required`, whose field is absent. The pointer to an unknown
                // field with a long name is truncated.
                let is_truncated = error.code == "unknown" && error.pointer.len() > 100;
                assert!(is_truncated || target.is_none() == (error.code == "required"), "{error:?}");
            }
            None
        }
    }
}

pub fn check(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    try_read::<UpdatePost>(&value);
    try_read::<PutPost>(&value);
    try_read::<Publish>(&value);
    try_read::<CreateApiKey>(&value);
    if let Some(batch) = try_read::<Batch>(&value) {
        for (index, post) in batch.posts.iter().enumerate() {
            check_post(&value["posts"][index], post);
        }
    }
    if let Some(post) = try_read::<CreatePost>(&value) {
        check_post(&value, &post);
    }
}

fn check_post(value: &Value, post: &CreatePost) {
    assert!((1..=MAX_TITLE).contains(&post.title.chars().count()) && post.title.trim() == post.title);
    assert!(post.slug.as_ref().is_none_or(|slug| slug.len() <= MAX_SLUG));
    assert!(post.content.as_ref().is_none_or(|content| content.len() <= MAX_CONTENT));
    assert!(!post.title.contains('\0') && !post.content.as_deref().unwrap_or_default().contains('\0'));
    // The title is the only value that parsing changes.
    let mut again = value.clone();
    again["title"] = post.title.as_str().into();
    assert_eq!(try_read::<CreatePost>(&again).as_ref(), Some(post));
}
