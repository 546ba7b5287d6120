//! A change of any field changes the tags of the post and of the lists that contain it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, TestDatabase, on_both};

const READS: [&str; 4] = [
    "/api/posts/1", "/api/posts?published=any", "/api/posts?published=any&view=summary",
    "/api/posts?published=any&sort=title",
];

/// A server without a cache, so that changes behind its back are visible at once.
async fn start(database: TestDatabase) -> (Arc<TestDatabase>, Api) {
    let database = Arc::new(database);
    let api = Api::start(&database, |config| config.cache_bytes = 0).reader();
    let post = json!({"title": "Page", "content": "text", "tags": ["a"], "metadata": {"a": 1}, "published": true});
    api.create(post).await;
    (database, api)
}

async fn tags(api: &Api) -> Vec<String> {
    let mut tags = Vec::new();
    for path in READS {
        tags.push(api.get(path).await.expect(200).header("etag").unwrap().to_owned());
    }
    tags
}

/// Every tag has changed, no read returns 304 to an old one, and no change accepts it.
async fn assert_changed(api: &Api, before: &[String], what: &str) {
    let after = tags(api).await;
    for ((path, before), after) in READS.iter().zip(before).zip(&after) {
        assert_ne!(before, after, "{path} after a change of {what}");
        api.get(path).header("if-none-match", before).await.expect(200);
        api.get(path).header("if-none-match", after).await.expect(304);
    }
    let patch = api.editor().patch("/api/posts/1", &json!({"title": "Overwritten"}));
    patch.header("if-match", &before[0]).await.problem(412, "precondition_failed");
    api.editor().patch("/api/posts/1", &json!({})).header("if-match", &after[0]).await.expect(200);
}

async fn properties(api: &Api, schema: &str) -> Vec<String> {
    let document = api.get("/api/openapi.json").await.json(200);
    let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
    let mut names: Vec<String> = properties.keys().cloned().collect();
    names.sort();
    names
}

#[on_both]
async fn a_patch_of_any_field_changes_every_tag(database: TestDatabase) {
    let (_database, api) = start(database).await;
    let patches = json!({
        "title": "Other", "slug": "other", "content": "other", "description": "Other", "tags": ["a", "b"],
        "authors": ["a"], "image": "/a.png", "image_alt": "", "metadata": {"b": null, "a": 1.0}, "published": false,
    });
    let mut tested: Vec<String> = patches.as_object().unwrap().keys().cloned().collect();
    tested.sort();
    assert_eq!(tested, properties(&api, "UpdatePost").await);
    for (field, value) in patches.as_object().unwrap() {
        let before = tags(&api).await;
        api.editor().patch("/api/posts/1", &json!({field: value})).await.expect(200);
        assert_changed(&api, &before, field).await;
    }
}

#[on_both]
async fn an_external_change_of_any_column_changes_every_tag(database: TestDatabase) {
    let (database, api) = start(database).await;
    let values = [
        ("slug", "'external'"),
        ("title", "'External'"),
        ("content", "'external'"),
        ("tags", "'[\"a\",\"b\"]'"),
        ("authors", "'[\"c\"]'"),
        ("image", "'/c.png'"),
        ("image_alt", "''"),
        ("metadata", "'{\"a\": 1}'"),
        ("description", "'External'"),
        ("published", "FALSE"),
        ("published_at", "'2020-01-01T00:00:00.000000Z'"),
        ("scheduled_for", "'2999-01-01T00:00:00.000000Z'"),
        ("created_at", "'2020-01-01T00:00:00.000000Z'"),
        ("updated_at", "'2999-01-01T00:00:00.000000Z'"),
        ("version", "100"),
    ];
    let mut tested: Vec<&str> = values.iter().map(|(column, _)| *column).chain(["id"]).collect();
    tested.sort_unstable();
    assert_eq!(tested, properties(&api, "Post").await);
    for (column, value) in values {
        let (before, version) = (tags(&api).await, api.get(READS[0]).await.json(200)["version"].clone());
        database.execute(&format!("UPDATE posts SET {column} = {value}"));
        let post: Value = api.get(READS[0]).await.json(200);
        assert!(post["version"].as_i64() > version.as_i64(), "{column}");
        assert_changed(&api, &before, column).await;
    }
}
