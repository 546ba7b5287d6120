//! The statements that each request sends to PostgreSQL. Each one costs a round trip.

use std::sync::Arc;

use posts_api::db::{DatabaseUrl, PoolOptions};
use serde_json::{Value, json};

use crate::support::call::Call;
use crate::support::proxy::Proxy;
use crate::support::{Api, Engine, TestDatabase};

/// Whether a background task or the pool sends this statement.
fn is_background(statement: &str) -> bool {
    let tasks = [
        "posts_changes", "post_changes", "pg_current_", "pg_locks", "\"scheduled_for\" <=", "\"created_at\" <=",
        "SET statement_timeout", "DISCARD PLANS",
    ];
    statement == "SELECT 1" || tasks.iter().any(|text| statement.contains(text))
}

/// The first word of each statement that a request sends, such as `INSERT`, and the response body. `PREPARE` means that
/// PostgreSQL parses and plans the next statement, whose text is sent together with its values.
async fn statements_of(proxy: &Proxy, call: Call, status: u16) -> (Vec<String>, Value) {
    proxy.take_statements();
    let reply = call.await.expect(status);
    let statements = proxy.take_statements().into_iter().filter(|statement| !is_background(statement));
    let statements = statements.map(|statement| statement.split(' ').next().unwrap().to_owned()).collect();
    (statements, serde_json::from_slice(&reply.body).unwrap_or_default())
}

/// The statements of each request, once its session has prepared them.
const EXPECTED: [(&str, &str); 21] = [
    ("create", "INSERT"),
    ("with a key", "SELECT INSERT"),
    ("slug taken", "INSERT"),
    // In a transaction: the lock, the lookup of a stored response, the post, and its response.
    ("once", "BEGIN SELECT SELECT INSERT INSERT COMMIT"),
    ("once again", "BEGIN SELECT SELECT COMMIT"),
    // The number of posts is part of the text, so the INSERT is not kept.
    ("batch", "BEGIN SELECT SELECT PREPARE INSERT SELECT COMMIT"),
    // `Cached` keeps updates and upserts of one post prepared.
    ("put, new", "INSERT"),
    // The second statement reads the post, and compares it again.
    ("put, unchanged", "INSERT SELECT"),
    ("put, changed", "INSERT"),
    ("put, if match", "UPDATE"),
    ("patch", "UPDATE"),
    // The second statement finds out why the update changed no row.
    ("patch, stale", "UPDATE SELECT"),
    ("unpublish", "UPDATE"),
    ("publish", "UPDATE"),
    ("publish again", "UPDATE SELECT"),
    ("read", "SELECT"),
    ("read with a key", "SELECT SELECT"),
    ("list", "SELECT"),
    // The key, the published posts, and the drafts.
    ("list with drafts", "SELECT SELECT SELECT"),
    ("list, counted", "SELECT SELECT"),
    ("delete", "DELETE"),
];

/// Sends every kind of request, and returns the statements of each.
async fn send_requests(api: &Api, proxy: &Proxy, round: u32) -> Vec<(&'static str, String)> {
    // The service looks up the editor's key, but not the administrator's.
    let (editor, admin) = (api.editor(), api.admin());
    let mut recorded = Vec::new();
    let mut ask = async |what: &'static str, call: Call, status: u16| {
        let (statements, body) = statements_of(proxy, call, status).await;
        recorded.push((what, statements.join(" ")));
        body
    };
    let titled = |what: &str| json!({"title": format!("{what} {round}"), "published": true});
    let post = ask("create", admin.post("/api/posts", &titled("Create")), 201).await;
    let path = format!("/api/posts/{}", post["id"]);
    let tag = api.get(&path).await.header("etag").unwrap().to_owned();
    ask("with a key", editor.post("/api/posts", &titled("Key")), 201).await;
    let taken = json!({"title": "Taken", "slug": post["slug"]});
    ask("slug taken", admin.post("/api/posts", &taken), 409).await;
    let once = |what: &str| admin.post("/api/posts", &titled(what)).header("idempotency-key", &format!("key-{round}"));
    ask("once", once("Once"), 201).await;
    ask("once again", once("Once"), 201).await;
    ask("batch", admin.post("/api/posts/batch", &json!({"posts": [titled("One"), titled("Two")]})), 200).await;
    let by_slug = format!("/api/posts/by-slug/put-{round}");
    ask("put, new", admin.put(&by_slug, &titled("Put")), 201).await;
    ask("put, unchanged", admin.put(&by_slug, &titled("Put")), 200).await;
    ask("put, changed", admin.put(&by_slug, &titled("Change")), 200).await;
    let put_tag = api.get(&by_slug).await.header("etag").unwrap().to_owned();
    ask("put, if match", admin.put(&by_slug, &titled("Match")).header("if-match", &put_tag), 200).await;
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
    recorded
}

#[tokio::test]
async fn requests_send_the_expected_statements() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let database = Arc::new(database);
    let proxy = Proxy::start(&database.url);
    let api = Api::start(&database, |config| {
        config.database = DatabaseUrl::parse(proxy.url()).unwrap().0;
        // Prepared statements belong to a session, so few sessions send them all.
        config.pool = PoolOptions { size: 1, ..config.pool };
        config.cache_bytes = 0;
    });
    let mut recorded = Vec::new();
    // The first rounds prepare statements and record the use of the key. The pool has a second session for long reads.
    // If a background task uses the first one, a request gets the second one, and prepares its statement again.
    for round in 0..20 {
        recorded = send_requests(&api, &proxy, round).await;
        if recorded.iter().map(|(what, statements)| (*what, statements.as_str())).eq(EXPECTED) {
            return;
        }
    }
    let recorded: Vec<(&str, &str)> = recorded.iter().map(|(what, statements)| (*what, statements.as_str())).collect();
    assert_eq!(recorded, EXPECTED);
}
