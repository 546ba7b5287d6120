//! Examples for the OpenAPI document, made from [`NewPost::example`].

use serde_json::{Value, json};

use crate::posts::model::NewPost;

/// The post as a draft, before its publication.
pub(crate) fn draft() -> Value {
    let post = NewPost::example();
    let draft = NewPost { published: false, published_at: None, updated_at: post.created_at, version: 1, ..post };
    json!(draft.to_post(1))
}

/// A page of full posts without a total.
pub(crate) fn full_page() -> Value {
    json!({"items": [NewPost::example().to_post(1)], "next_cursor": null, "prev_cursor": null})
}

/// A page of summaries with a total.
pub(crate) fn summary_page() -> Value {
    let items = [NewPost::example().to_summary(1)];
    json!({"items": items, "next_cursor": null, "prev_cursor": null, "total": 1, "total_is_estimate": false})
}
