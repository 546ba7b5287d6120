//! How many statements a request takes: on PostgreSQL each of them is a round trip.

use std::sync::Arc;

use posts_api::db::{DatabaseUrl, PoolOptions};
use serde_json::{Value, json};

use crate::support::call::Call;
use crate::support::proxy::Proxy;
use crate::support::{Api, Engine, TestDatabase};

/// What the service asks for by itself meanwhile.
fn is_own(statement: &str) -> bool {
    let tasks = ["posts_changes", "pg_current_", "\"scheduled_for\" <=", "\"created_at\" <=", "SET statement_timeout"];
    statement == "SELECT 1" || tasks.iter().any(|text| statement.contains(text))
}

/// The first words of what a request is made of, such as `INSERT`. With `PREPARE` a statement is first parsed and planned
/// in a round trip of its own.
async fn asked(proxy: &Proxy, call: Call, status: u16) -> (Vec<String>, Value) {
    proxy.take_statements();
    let reply = call.await.expect(status);
    let statements = proxy.take_statements().into_iter().filter(|statement| !is_own(statement));
    let words = statements.map(|statement| statement.split(' ').next().unwrap().to_owned()).collect();
    (words, serde_json::from_slice(&reply.body).unwrap_or_default())
}

#[tokio::test]
async fn requests_send_the_expected_statements() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let database = Arc::new(database);
    let proxy = Proxy::start(&database.url);
    let api = Api::start(&database, |config| {
        config.database = DatabaseUrl::parse(proxy.url()).unwrap().0;
        // What a connection has prepared it need not prepare again.
        config.pool = PoolOptions { size: 1, ..config.pool };
        config.cache_bytes = 0;
    });
    // Whose key is looked up, and whose is not.
    let (editor, admin) = (api.editor(), api.admin());
    let mut met = Vec::new();
    for turn in 0..3 {
        let mut ask = async |what: &'static str, call: Call, status: u16| {
            let (words, answer) = asked(&proxy, call, status).await;
            // The first time everything is prepared, and the last use of the key is noted.
            if turn == 2 {
                met.push((what, words.join(" ")));
            }
            answer
        };
        let titled = |what: &str| json!({"title": format!("{what} {turn}"), "published": true});
        let post = ask("create", admin.post("/api/posts", &titled("Create")), 201).await;
        let path = format!("/api/posts/{}", post["id"]);
        let tag = format!("\"{}-{}\"", post["id"], post["version"]);
        ask("with a key", editor.post("/api/posts", &titled("Key")), 201).await;
        let taken = json!({"title": "Taken", "slug": post["slug"]});
        ask("slug taken", admin.post("/api/posts", &taken), 409).await;
        let once =
            |what: &str| admin.post("/api/posts", &titled(what)).header("idempotency-key", &format!("key-{turn}"));
        ask("once", once("Once"), 201).await;
        ask("once again", once("Once"), 201).await;
        ask("batch", admin.post("/api/posts/batch", &json!({"posts": [titled("One"), titled("Two")]})), 200).await;
        let by_slug = format!("/api/posts/by-slug/put-{turn}");
        ask("put, new", admin.put(&by_slug, &titled("Put")), 201).await;
        ask("put, again", admin.put(&by_slug, &titled("Put")), 200).await;
        ask("patch", admin.patch(&path, &json!({"title": "Patched"})).header("if-match", &tag), 200).await;
        ask("patch, stale", admin.patch(&path, &json!({"title": "Stale"})).header("if-match", &tag), 412).await;
        ask("unpublish", admin.post_empty(&format!("{path}/unpublish")), 200).await;
        ask("publish", admin.post_empty(&format!("{path}/publish")), 200).await;
        ask("publish again", admin.post_empty(&format!("{path}/publish")), 200).await;
        ask("read", api.get(&path), 200).await;
        ask("read with a key", editor.get(&path), 200).await;
        ask("list", api.get("/api/posts"), 200).await;
        ask("list with drafts", editor.get("/api/posts?published=any"), 200).await;
        ask("list, counted", api.get("/api/posts?count=exact"), 200).await;
        ask("delete", admin.delete(&path), 204).await;
    }
    let expected = [
        ("create", "INSERT"),
        ("with a key", "SELECT INSERT"),
        ("slug taken", "INSERT"),
        // The transaction, the lock and the look for an earlier answer, the post and its answer.
        ("once", "BEGIN SELECT SELECT INSERT INSERT COMMIT"),
        ("once again", "BEGIN SELECT SELECT COMMIT"),
        ("batch", "BEGIN PREPARE SELECT SELECT PREPARE INSERT SELECT COMMIT"),
        // diesel prepares changes and batches anew each time (`UpdateStatement`, `DO UPDATE`), the other statements once.
        ("put, new", "PREPARE INSERT"),
        ("put, again", "PREPARE INSERT"),
        ("patch", "PREPARE UPDATE"),
        // Why it changed nothing.
        ("patch, stale", "PREPARE UPDATE SELECT"),
        ("unpublish", "PREPARE UPDATE"),
        ("publish", "PREPARE UPDATE"),
        ("publish again", "PREPARE UPDATE SELECT"),
        ("read", "SELECT"),
        ("read with a key", "SELECT SELECT"),
        ("list", "SELECT"),
        // The key, the published posts, the drafts.
        ("list with drafts", "SELECT SELECT SELECT"),
        ("list, counted", "SELECT SELECT"),
        ("delete", "DELETE"),
    ];
    let met: Vec<(&str, &str)> = met.iter().map(|(what, words)| (*what, words.as_str())).collect();
    assert_eq!(met, expected);
}
