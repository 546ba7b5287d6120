//! Export and import of API keys and id sequences, which together move a whole service.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::program::Sandbox;
use crate::support::{Api, TestDatabase, on_both};

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str())])
}

fn create_key(sandbox: &Sandbox, role: &str) -> String {
    sandbox.run(&["keys", "create", "--role", role, "--name", role]).success().trim().to_owned()
}

#[on_both]
async fn imported_keys_authenticate_and_ids_are_not_reused(database: TestDatabase) {
    let Some(other) = TestDatabase::create(database.engine.other()) else { return };
    let (source, target) = (sandbox(&database), sandbox(&other));
    let [reader, editor, revoked] = ["reader", "editor", "admin"].map(|role| create_key(&source, role));
    source.run(&["keys", "revoke", "3"]).success();
    create_key(&source, "admin");
    database.execute("DELETE FROM api_keys WHERE id = 4");
    let api = Api::start(&Arc::new(database), |_| {});
    for title in ["First", "Second", "Third"] {
        let post = json!({"title": title, "published": title == "First"});
        api.with_key(&editor).post("/api/posts", &post).await.expect(201);
    }
    // The newest post and the newest key are deleted. Their ids must not be reused.
    api.with_key(&editor).delete("/api/posts/3").await.expect(204);
    let post = api.get("/api/posts/1").await.expect(200);
    let listed = api.admin().get("/api/keys").await.json(200);
    let export = source.run(&["export", "--keys"]).success();

    for secret in [&reader, &editor, &revoked] {
        assert!(!export.contains(secret.as_str()), "a key is in the export");
    }
    target.write("all.ndjson", &export);
    let output = target.run(&["import", "--keys", "all.ndjson"]).success();
    assert_eq!(output, "imported 2 posts and 3 API keys, skipped 0 lines\n");
    assert!(target.run(&["export", "--keys"]).success() == export, "the export differs");

    let target_api = Api::start(&Arc::new(other), |_| {});
    let copy = target_api.get("/api/posts/1").await.expect(200);
    assert_eq!((copy.header("etag"), copy.text()), (post.header("etag"), post.text()));
    assert_eq!(target_api.admin().get("/api/keys").await.json(200), listed);
    target_api.with_key(&reader).get("/api/posts/2").await.expect(200);
    target_api.with_key(&revoked).get("/api/posts/2").await.expect(401);
    let next = target_api.with_key(&editor).post("/api/posts", &json!({"title": "Next"})).await.json(201);
    assert_eq!(next["id"], 4);
    let key = target_api.admin().post("/api/keys", &json!({"name": "next", "role": "reader"})).await.json(201);
    assert_eq!(key["id"], 5);
}

#[on_both]
async fn default_export_has_no_keys(database: TestDatabase) {
    let sandbox = sandbox(&database);
    create_key(&sandbox, "admin");
    assert_eq!(sandbox.run(&["export"]).success(), "");
    let all: Vec<Value> =
        sandbox.run(&["export", "--keys"]).success().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(all[0]["api_key"]["role"], "admin");
    assert_eq!(all[1], json!({"last_ids": {"posts": 0, "api_keys": 1}}));
    assert_eq!(all.len(), 2);
}

/// Otherwise the author of a file could grant themselves access.
#[on_both]
async fn keys_are_imported_only_with_their_flag(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let line = json!({"api_key": {
        "id": 7, "name": "stranger", "role": "admin", "hash": "ab".repeat(32),
        "created_at": "2026-01-31T12:00:00Z", "created_by": null,
    }});
    let file = format!("{{\"title\": \"A\"}}\n{line}\n");
    let outcome = sandbox.run_with_input(&["import", "-"], &file);
    assert!(outcome.stderr.starts_with("line 2: is an API key; import it with --keys"), "{}", outcome.stderr);
    assert!(!outcome.status.success());
    let output = sandbox.run_with_input(&["import", "--skip-invalid", "-"], &file).success();
    assert_eq!(output, "imported 1 posts, skipped 1 lines\n");
    assert_eq!(database.query_number("SELECT count(*) AS number FROM api_keys"), 0);
    let output = sandbox.run_with_input(&["import", "--keys", "-"], &format!("{line}\n")).success();
    assert_eq!(output, "imported 0 posts and 1 API keys, skipped 0 lines\n");
    assert_eq!(sandbox.run(&["keys", "list"]).success().lines().count(), 2);
}

#[on_both]
async fn existing_keys_stay_and_id_conflicts_are_reported(database: TestDatabase) {
    let sandbox = sandbox(&database);
    create_key(&sandbox, "editor");
    let export = sandbox.run(&["export", "--keys"]).success();
    sandbox.run(&["keys", "revoke", "1"]).success();
    let output = sandbox.run_with_input(&["import", "--keys", "-"], &export).success();
    assert_eq!(output, "imported 0 posts and 0 API keys, 1 already stored, skipped 0 lines\n");
    assert_eq!(sandbox.run(&["keys", "list"]).success().lines().count(), 1, "it stays revoked");

    let Some(other) = TestDatabase::create(database.engine.other()) else { return };
    let target = Sandbox::new([("DATABASE_URL", other.url.as_str())]);
    create_key(&target, "admin");
    let outcome = target.run_with_input(&["import", "--keys", "-"], &export);
    assert!(
        outcome.stderr.starts_with("line 1: /api_key/id: 1 is already in use by another key"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.status.success());
}

#[on_both]
async fn invalid_keys_are_reported(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let key = |field: &str, value: Value| {
        let mut key = json!({
            "id": 1, "name": "a", "role": "reader", "hash": "00".repeat(32), "created_at": "2026-01-31T12:00:00Z",
        });
        key[field] = value;
        json!({"api_key": key}).to_string()
    };
    for (line, expected) in [
        (key("hash", json!("00")), "/api_key/hash: must be a SHA-256"),
        (key("role", json!("owner")), "/api_key/role"),
        (key("id", json!(0)), "/api_key/id: must be"),
        (key("last_used_on", json!("yesterday")), "/api_key/last_used_on: must be a date"),
        (key("secret", json!("x")), "/api_key/secret: unknown field"),
        (json!({"last_ids": {"posts": -1, "api_keys": 0}}).to_string(), "/last_ids/posts: must be"),
        (json!({"last_ids": {"posts": 1}}).to_string(), "/last_ids/api_keys: is required"),
    ] {
        let outcome = sandbox.run_with_input(&["import", "--keys", "-"], &line);
        assert!(outcome.stderr.starts_with(&format!("line 1: {expected}")), "{line}: {}", outcome.stderr);
    }
}
