//! Examples for the OpenAPI document, made from [`Post::example`].

use serde_json::{Value, json};

use crate::posts::model::{Post, PostSummary};

/// The post as a draft, before its publication.
pub(crate) fn draft() -> Value {
    let post = Post::example();
    json!(Post { published: false, published_at: None, updated_at: post.created_at, version: 1, ..post })
}

/// A page of posts without a total.
pub(crate) fn page() -> Value {
    json!({"items": [Post::example()], "next_cursor": null, "prev_cursor": null})
}

/// A page of summaries with a total.
pub(crate) fn summary_page() -> Value {
    let items = [PostSummary::example()];
    json!({"items": items, "next_cursor": null, "prev_cursor": null, "total": 1, "total_is_estimate": false})
}
