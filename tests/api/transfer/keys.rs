//! Moving all of a service: its keys, and where its ids go on.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::program::Sandbox;
use crate::support::{Api, TestDatabase, on_both};

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str())])
}

fn make_key(place: &Sandbox, role: &str) -> String {
    place.run(&["keys", "create", "--role", role, "--name", role]).success().trim().to_owned()
}

#[on_both]
async fn keys_move_and_go_on_opening_and_no_id_is_given_twice(database: TestDatabase) {
    let Some(other) = TestDatabase::create(database.engine.other()) else { return };
    let (here, there) = (sandbox(&database), sandbox(&other));
    let [reader, editor, revoked] = ["reader", "editor", "admin"].map(|role| make_key(&here, role));
    here.run(&["keys", "revoke", "3"]).success();
    make_key(&here, "admin");
    database.execute("DELETE FROM api_keys WHERE id = 4");
    let api = Api::start(&Arc::new(database), |_| {});
    for title in ["First", "Second", "Third"] {
        let post = json!({"title": title, "published": title == "First"});
        api.with_key(&editor).post("/api/posts", &post).await.expect(201);
    }
    // The newest post and the newest key are gone; their ids stay taken.
    api.with_key(&editor).delete("/api/posts/3").await.expect(204);
    let post = api.get("/api/posts/1").await.expect(200);
    let listed = api.admin().get("/api/keys").await.json(200);
    let export = here.run(&["export", "--keys"]).success();

    for secret in [&reader, &editor, &revoked] {
        assert!(!export.contains(secret.as_str()), "a key is in the export");
    }
    there.write("all.ndjson", &export);
    let said = there.run(&["import", "--keys", "all.ndjson"]).success();
    assert_eq!(said, "imported 2 posts and 3 API keys, skipped 0 lines\n");
    assert!(there.run(&["export", "--keys"]).success() == export, "the export differs");

    let moved = Api::start(&Arc::new(other), |_| {});
    let same = moved.get("/api/posts/1").await.expect(200);
    assert_eq!((same.header("etag"), same.text()), (post.header("etag"), post.text()));
    assert_eq!(moved.admin().get("/api/keys").await.json(200), listed);
    moved.with_key(&reader).get("/api/posts/2").await.expect(200);
    moved.with_key(&revoked).get("/api/posts/2").await.expect(401);
    let next = moved.with_key(&editor).post("/api/posts", &json!({"title": "Next"})).await.json(201);
    assert_eq!(next["id"], 4);
    let key = moved.admin().post("/api/keys", &json!({"name": "next", "role": "reader"})).await.json(201);
    assert_eq!(key["id"], 5);
}

#[on_both]
async fn a_plain_export_has_posts_alone(database: TestDatabase) {
    let place = sandbox(&database);
    make_key(&place, "admin");
    assert_eq!(place.run(&["export"]).success(), "");
    let all: Vec<Value> =
        place.run(&["export", "--keys"]).success().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(all[0]["api_key"]["role"], "admin");
    assert_eq!(all[1], json!({"last_ids": {"posts": 0, "api_keys": 1}}));
    assert_eq!(all.len(), 2);
}

/// Whoever wrote the file would have a key otherwise.
#[on_both]
async fn a_key_is_taken_only_where_that_is_said(database: TestDatabase) {
    let place = sandbox(&database);
    let line = json!({"api_key": {
        "id": 7, "name": "stranger", "role": "admin", "hash": "ab".repeat(32),
        "created_at": "2026-01-31T12:00:00Z", "created_by": null,
    }});
    let file = format!("{{\"title\": \"A\"}}\n{line}\n");
    let outcome = place.run_with_input(&["import", "-"], &file);
    assert!(outcome.stderr.starts_with("line 2: is an API key; import it with --keys"), "{}", outcome.stderr);
    assert!(!outcome.status.success());
    let said = place.run_with_input(&["import", "--skip-invalid", "-"], &file).success();
    assert_eq!(said, "imported 1 posts, skipped 1 lines\n");
    assert_eq!(database.query_number("SELECT count(*) AS number FROM api_keys"), 0);
    let said = place.run_with_input(&["import", "--keys", "-"], &format!("{line}\n")).success();
    assert_eq!(said, "imported 0 posts and 1 API keys, skipped 0 lines\n");
    assert_eq!(place.run(&["keys", "list"]).success().lines().count(), 2);
}

#[on_both]
async fn a_key_stays_as_it_is_here_and_another_with_its_id_is_told(database: TestDatabase) {
    let place = sandbox(&database);
    make_key(&place, "editor");
    let export = place.run(&["export", "--keys"]).success();
    place.run(&["keys", "revoke", "1"]).success();
    let said = place.run_with_input(&["import", "--keys", "-"], &export).success();
    assert_eq!(said, "imported 0 posts and 0 API keys, 1 already stored, skipped 0 lines\n");
    assert_eq!(place.run(&["keys", "list"]).success().lines().count(), 1, "it stays revoked");

    let Some(other) = TestDatabase::create(database.engine.other()) else { return };
    let there = sandbox(&other);
    make_key(&there, "admin");
    let outcome = there.run_with_input(&["import", "--keys", "-"], &export);
    assert!(
        outcome.stderr.starts_with("line 1: /api_key/id: 1 is already in use by another key"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.status.success());
}

#[on_both]
async fn what_is_wrong_with_a_key_is_told(database: TestDatabase) {
    let place = sandbox(&database);
    let key = |field: &str, value: Value| {
        let mut key = json!({
            "id": 1, "name": "a", "role": "reader", "hash": "00".repeat(32), "created_at": "2026-01-31T12:00:00Z",
        });
        key[field] = value;
        json!({"api_key": key}).to_string()
    };
    for (line, says) in [
        (key("hash", json!("00")), "/api_key/hash: must be a SHA-256"),
        (key("role", json!("owner")), "/api_key/role"),
        (key("id", json!(0)), "/api_key/id: must be"),
        (key("last_used_on", json!("yesterday")), "/api_key/last_used_on: must be a date"),
        (key("secret", json!("x")), "/api_key/secret: unknown field"),
        (json!({"last_ids": {"posts": -1, "api_keys": 0}}).to_string(), "/last_ids/posts: must be"),
        (json!({"last_ids": {"posts": 1}}).to_string(), "/last_ids/api_keys: is required"),
    ] {
        let outcome = place.run_with_input(&["import", "--keys", "-"], &line);
        assert!(outcome.stderr.starts_with(&format!("line 1: {says}")), "{line}: {}", outcome.stderr);
    }
}
