//! A change of any field changes the tags of the post and of the lists that contain it.

use std::sync::Arc;

use serde_json::json;

use super::field_values::{assert_complete, body, values};
use crate::support::{Api, Engine, TestDatabase, on_both};

const READS: [&str; 4] = [
    "/api/posts/1", "/api/posts?published=any", "/api/posts?published=any&view=summary",
    "/api/posts?published=any&sort=title",
];

/// A server without a cache, so that changes behind its back are visible at once.
async fn start(database: TestDatabase) -> (Arc<TestDatabase>, Api) {
    let database = Arc::new(database);
    let api = Api::start(&database, |config| config.cache_bytes = 0).reader();
    let mut post = body();
    // A description would hide the excerpt, and so a change of the content, in summaries.
    post["description"] = json!(null);
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

#[on_both]
async fn a_patch_of_any_field_changes_every_tag(database: TestDatabase) {
    let (_database, api) = start(database).await;
    let mut patches = vec![("slug", json!("other"))];
    patches.extend(values().into_iter().map(|(field, _, other)| (field, other)));
    let document = api.get("/api/openapi.json").await.json(200);
    assert_complete(&document, "UpdatePost", patches.iter().map(|(field, _)| *field));
    for (field, value) in &patches {
        let before = tags(&api).await;
        api.editor().patch("/api/posts/1", &json!({(*field): value})).await.expect(200);
        assert_changed(&api, &before, field).await;
    }
}

/// Changes each column by SQL, and checks that every tag changes. `number` makes the values of each call different.
async fn change_each_column(database: &TestDatabase, api: &Api, number: i64) {
    let values = [
        ("slug", format!("'external-{number}'")),
        ("title", format!("'External {number}'")),
        ("content", format!("'external {number}', excerpt = 'external {number}'")),
        ("tags", format!("'[\"a\",\"b{number}\"]'")),
        ("authors", format!("'[\"c{number}\"]'")),
        ("image", format!("'/c{number}.png'")),
        ("image_alt", format!("'{number}'")),
        ("metadata", format!("'{{\"a\": {number}}}'")),
        ("description", format!("'External {number}'")),
        ("published", "NOT published".to_owned()),
        ("published_at", format!("'202{number}-01-01T00:00:00.000000Z'")),
        ("scheduled_for", format!("'299{number}-01-01T00:00:00.000000Z'")),
        ("created_at", format!("'202{number}-01-01T00:00:00.000000Z'")),
        ("updated_at", format!("'299{number}-01-01T00:00:00.000000Z'")),
        ("version", format!("{number}00")),
    ];
    let document = api.get("/api/openapi.json").await.json(200);
    assert_complete(&document, "Post", values.iter().map(|(column, _)| *column).chain(["id"]));
    for (column, value) in values {
        let before = tags(api).await;
        database.execute(&format!("UPDATE posts SET {column} = {value}"));
        assert_changed(api, &before, column).await;
    }
}

#[on_both]
async fn an_external_change_of_any_column_changes_every_tag(database: TestDatabase) {
    let (database, api) = start(database).await;
    change_each_column(&database, &api, 1).await;
    assert!(api.get(READS[0]).await.json(200)["version"].as_i64() >= Some(100));
}

/// Without the trigger, the version stays, and only the changed column distinguishes the tags.
#[on_both]
async fn every_column_alone_determines_the_tag(database: TestDatabase) {
    let (database, api) = start(database).await;
    database.execute(match database.engine {
        Engine::Sqlite => "DROP TRIGGER posts_set_version",
        Engine::Postgres => "ALTER TABLE posts DISABLE TRIGGER posts_set_version",
    });
    change_each_column(&database, &api, 2).await;
    assert_eq!(api.get(READS[0]).await.json(200)["version"], 200);
}
