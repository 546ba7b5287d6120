//! Posts survive a round trip through `import` and `export`.

use std::sync::Arc;

use posts_api::db::Timestamp;
use serde_json::{Value, json};

use crate::support::{Api, TestDatabase, on_both, without_defaults};
use crate::transfer::import_export::{exported, sandbox};

#[on_both]
async fn export_round_trips_through_the_other_database(database: TestDatabase) {
    let Some(other) = TestDatabase::create(database.engine.other()) else { return };
    let (source, target) = (sandbox(&database), sandbox(&other));
    let api = Api::start(&Arc::new(database), |_| {});
    for (title, content, published) in [
        ("Plain", Value::Null, false),
        ("Zoë’s 🦀 “post”", json!("\u{1}\\\"\r\n\t é \u{10ffff}"), true),
        ("Deleted", json!(""), true),
        ("Long", json!("x".repeat(512 * 1024)), false),
        ("Plain", json!(""), true),
    ] {
        let post = api.create(json!({"title": title, "content": content, "published": published})).await;
        let path = format!("/api/posts/{}", post["id"]);
        api.editor().post_empty(&format!("{path}/unpublish")).await.expect(200);
        if title == "Deleted" {
            api.editor().delete(&path).await.expect(204);
        }
    }
    let export = source.run(&["export"]).success();
    assert_eq!(export.lines().count(), 4);
    target.write("posts.ndjson", &export);
    target.run(&["import", "posts.ndjson"]).success();
    assert!(target.run(&["export"]).success() == export, "the export differs");
}

#[on_both]
async fn rust_blog_round_trips_unchanged(database: TestDatabase) {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/rust-blog-posts.ndjson");
    let Ok(text) = std::fs::read_to_string(FILE) else {
        crate::support::report_skipped("the import of 750 real posts: ../shared/data/rust-blog-posts.ndjson is absent");
        return;
    };
    let given: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sandbox = sandbox(&database);
    let output = sandbox.run(&["import", FILE]).success();
    assert_eq!(output, "imported 750 posts, skipped 0 lines\n");

    let assert_same = |given: &Value, stored: &Value| {
        for field in ["slug", "title", "content", "published"] {
            assert_eq!(given[field], stored[field], "{}", given["slug"]);
        }
        let instant = |post: &Value| post["published_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
        assert_eq!(instant(given), instant(stored), "{}", given["slug"]);
    };
    let stored = exported(&sandbox);
    assert_eq!(stored.len(), 750);
    given.iter().zip(&stored).for_each(|(given, stored)| assert_same(given, stored));

    let api = Api::start(&Arc::new(database), |_| {});
    let mut listed = Vec::new();
    let mut path = "/api/posts?limit=100".to_owned();
    loop {
        let page = api.get(&path).await.json(200);
        listed.extend(page["items"].as_array().unwrap().iter().cloned().map(without_defaults));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/posts?limit=100&cursor={cursor}");
    }
    listed.reverse();
    assert!(listed == stored, "the list differs from the export");
    for post in stored.iter().step_by(25) {
        let path = format!("/api/posts/by-slug/{}", post["slug"].as_str().unwrap());
        assert_eq!(without_defaults(api.get(&path).await.json(200)), *post);
    }
}
