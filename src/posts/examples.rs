//! The post that the OpenAPI document shows wherever one stands for all.

use serde_json::{Value, json};

/// As it was written.
pub(crate) fn draft() -> Value {
    json!({
        "id": 1,
        "slug": "hello-world",
        "title": "Hello, world",
        "content": "My first post.",
        "published": false,
        "published_at": null,
        "scheduled_for": null,
        "created_at": "2026-01-31T11:58:00.000000Z",
        "updated_at": "2026-01-31T11:58:00.000000Z",
        "version": 1,
    })
}

/// As it was published two minutes later.
pub(crate) fn published() -> Value {
    json!({
        "id": 1,
        "slug": "hello-world",
        "title": "Hello, world",
        "content": "My first post.",
        "published": true,
        "published_at": "2026-01-31T12:00:00.000000Z",
        "scheduled_for": null,
        "created_at": "2026-01-31T11:58:00.000000Z",
        "updated_at": "2026-01-31T12:00:00.000000Z",
        "version": 2,
    })
}

pub(crate) fn summary() -> Value {
    json!({
        "id": 1,
        "slug": "hello-world",
        "title": "Hello, world",
        "excerpt": "My first post.",
        "published": true,
        "published_at": "2026-01-31T12:00:00.000000Z",
        "scheduled_for": null,
        "created_at": "2026-01-31T11:58:00.000000Z",
        "updated_at": "2026-01-31T12:00:00.000000Z",
        "version": 2,
    })
}

pub(crate) fn page() -> Value {
    json!({"items": [published()], "next_cursor": null, "prev_cursor": null})
}

pub(crate) fn summary_page() -> Value {
    json!({"items": [summary()], "next_cursor": null, "prev_cursor": null, "total": 1, "total_is_estimate": false})
}
