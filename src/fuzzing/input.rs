//! Request bodies: parsed values are within the limits, parsing them again returns the same values, and every error
//! points at a field.

use serde_json::{Value, json};

use crate::keys::model::CreateApiKey;
use crate::posts::image::{MAX_IMAGE, MAX_IMAGE_ALT};
use crate::posts::input::{Batch, CreatePost, Publish, PutPost, UpdatePost};
use crate::posts::json_column::JsonText;
use crate::posts::labels::LabelKind;
use crate::posts::metadata::{MAX_BYTES, MAX_DEPTH, MAX_NAME, MAX_VALUES, Metadata};
use crate::posts::validate::{MAX_CONTENT, MAX_DESCRIPTION, MAX_SLUG, MAX_TITLE};
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
    try_read::<PutPost>(&value);
    try_read::<Publish>(&value);
    try_read::<CreateApiKey>(&value);
    if let Some(patch) = try_read::<UpdatePost>(&value) {
        check_patch(&patch);
    }
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
    check_line(post.description.as_deref(), 1, MAX_DESCRIPTION);
    check_line(post.image.as_deref(), 1, MAX_IMAGE);
    check_line(post.image_alt.as_deref(), 0, MAX_IMAGE_ALT);
    check_labels(LabelKind::Tag, &post.tags);
    check_labels(LabelKind::Author, &post.authors);
    check_metadata(&post.metadata);
    // Parsing normalizes these fields, and leaves the others as they are.
    let mut again = value.clone();
    again["title"] = json!(post.title);
    again["description"] = json!(post.description);
    again["tags"] = json!(post.tags);
    again["authors"] = json!(post.authors);
    again["image"] = json!(post.image);
    again["metadata"] = json!(post.metadata);
    assert_eq!(try_read::<CreatePost>(&again).as_ref(), Some(post));
}

/// The merged metadata of a patch is within the limits too.
fn check_patch(patch: &UpdatePost) {
    let labels = |labels: &Option<JsonText>| labels.as_ref().map(|labels| labels.parse::<Vec<String>>().unwrap());
    check_labels(LabelKind::Tag, &labels(&patch.tags).unwrap_or_default());
    check_labels(LabelKind::Author, &labels(&patch.authors).unwrap_or_default());
    let current = JsonText::of(&json!({"a": {"b": [null, {"c": 1}]}, "b": 1}));
    if let Some(Ok(merged)) = patch.metadata.as_ref().map(|patch| patch.apply(&current)) {
        check_metadata(&merged.parse().unwrap());
    }
}

/// A text without control characters, so on one line.
fn check_line(text: Option<&str>, min: usize, max: usize) {
    let Some(text) = text else { return };
    assert!((min..=max).contains(&text.chars().count()) && !text.contains(char::is_control), "{text:?}");
}

fn check_labels(kind: LabelKind, labels: &[String]) {
    assert!(labels.len() <= kind.max_count());
    for (index, label) in labels.iter().enumerate() {
        check_line(Some(label), 1, kind.max_length());
        assert_eq!(label.split_whitespace().collect::<Vec<_>>().join(" "), *label);
        assert!(labels[..index].iter().all(|other| !other.eq_ignore_ascii_case(label)), "{label:?} is repeated");
    }
}

fn check_metadata(metadata: &Metadata) {
    let value = Value::from(metadata.clone());
    assert!(value.to_string().len() <= MAX_BYTES);
    let mut values = 0;
    check_tree(&value, 1, &mut values);
    assert!(values <= MAX_VALUES + 1, "the metadata itself is not counted");
}

fn check_tree(value: &Value, depth: usize, values: &mut usize) {
    *values += 1;
    match value {
        Value::Object(object) => {
            assert!(depth <= MAX_DEPTH);
            for (name, value) in object {
                check_line(Some(name), 1, MAX_NAME);
                assert!(!value.is_null());
                check_tree(value, depth + 1, values);
            }
        }
        Value::Array(items) => {
            assert!(depth <= MAX_DEPTH);
            for item in items {
                check_tree(item, depth + 1, values);
            }
        }
        Value::String(text) => assert!(!text.contains('\0')),
        _ => {}
    }
}
