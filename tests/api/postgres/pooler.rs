//! PgBouncer in transaction mode: it may assign another server session to a client after each transaction.

use std::sync::Arc;

use futures_util::future::join_all;
use posts_api::db::DatabaseUrl;
use serde_json::{Value, json};

use crate::support::api::ADMIN_KEY;
use crate::support::pooler::Pooler;
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, TestDatabase, http_client, ids, wait_until};

/// Fewer server sessions than client connections, so that sessions change clients all the time.
const SESSIONS: u32 = 2;

/// Sends every kind of write as an editor, and checks what reads show.
async fn edit(api: &Api, writer: usize) {
    let editor = api.editor();
    for number in 0..8 {
        let name = format!("writer-{writer}-{number}");
        let post = json!({"title": name, "slug": name, "content": "behind a pooler"});
        let send = || editor.post("/api/posts", &post).header("idempotency-key", &name);
        let created = send().await.json(201);
        let replay = send().await.expect(201);
        assert_eq!(replay.header("idempotency-replayed"), Some("true"));
        assert_eq!(replay.json(201), created);
        let path = format!("/api/posts/{}", created["id"]);
        api.get(&path).await.problem(404, "not_found");
        let tag = editor.get(&path).await.expect(200).header("etag").unwrap().to_owned();
        let change = json!({"title": format!("{name} changed")});
        editor.patch(&path, &change).header("if-match", &tag).await.expect(200);
        editor.patch(&path, &change).header("if-match", &tag).await.problem(412, "precondition_failed");
        editor.post_empty(&format!("{path}/publish")).await.expect(200);
        let shown = api.get(&path).await.json(200);
        assert_eq!((&shown["title"], &shown["version"]), (&json!(format!("{name} changed")), &json!(3)));
        assert_eq!(api.get(&format!("/api/posts/by-slug/{name}")).await.json(200), shown);
        let found = api.get(&format!("/api/posts?q=%22{name}%22&count=exact&sort=-updated_at")).await.json(200);
        assert_eq!((ids(&found), &found["total"]), (vec![shown["id"].as_i64().unwrap()], &json!(1)));
        editor.put(&format!("/api/posts/by-slug/{name}"), &json!({"title": name, "published": true})).await.expect(200);
        let batch: Vec<Value> = (0..3).map(|part| json!({"title": name, "slug": format!("{name}-{part}")})).collect();
        let batched = editor.post("/api/posts/batch", &json!({"posts": batch})).await.json(200);
        let last = &batched["items"][2]["post"]["id"];
        editor.delete(&format!("/api/posts/{last}")).await.expect(204);
        editor.get(&format!("/api/posts/{last}")).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn every_operation_works_through_a_transaction_pooler() {
    const WRITERS: usize = 4;
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let Some(pooler) = Pooler::start(&database.url, SESSIONS) else { return };
    let database = Arc::new(database);
    let url = DatabaseUrl::parse(&pooler.url).unwrap().0;
    let apis = [(); 2].map(|()| Api::start(&database, |config| config.database = url.clone()));
    join_all((0..2 * WRITERS).map(|writer| edit(&apis[writer % 2], writer))).await;
    let stored = i64::try_from(2 * WRITERS * 8).unwrap();
    let count = |rows: &str| database.query_number(&format!("SELECT count(*) AS number FROM {rows}"));
    assert_eq!(count("posts WHERE published AND version = 4"), stored);
    assert_eq!(count("posts"), 3 * stored);
    assert_eq!(count("idempotency_keys"), stored);

    let [first, second] = &apis;
    let key = first.admin().post("/api/keys", &json!({"name": "x", "role": "reader"})).await.json(201);
    let reader = second.with_key(key["key"].as_str().unwrap());
    reader.get("/api/posts?published=any").await.expect(200);
    first.admin().delete(&format!("/api/keys/{}", key["id"])).await.expect(204);
    reader.get("/api/posts?published=any").await.problem(401, "key_invalid");

    // Both instances notice an external change, and their caches serve again.
    database.execute("UPDATE posts SET title = 'By hand' WHERE id = 1");
    for api in &apis {
        wait_until("the change to show", async || api.get("/api/posts/1").await.json(200)["title"] == "By hand").await;
        wait_until("the cache to serve", async || {
            let before = api.server.cache.reads();
            api.get("/api/posts/1").await.expect(200);
            api.server.cache.reads() == before
        })
        .await;
    }
    let path = format!("/api/posts/{}", first.create_scheduled().await["id"]);
    wait_until("the scheduled post to show", async || second.get(&path).await.status == 200).await;

    let sessions = count("pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
    assert!((1..=i64::from(SESSIONS)).contains(&sessions), "{sessions} sessions");
}

#[tokio::test]
async fn migrations_commands_and_poller_use_the_direct_url() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    // The direct URL names the schema. Connections through the pooler get it from the database's settings.
    database
        .execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = blog', current_database()); END $$");
    let Some(pooler) = Pooler::start(&database.url, SESSIONS) else { return };
    let direct = format!("{}?schema=blog&application_name=direct", database.url);
    let mut sandbox = Sandbox::new([
        // The discard port: no server listens.
        ("DATABASE_URL", "postgres://user@127.0.0.1:9/nowhere?pgbouncer=true"),
        ("DATABASE_DIRECT_URL", &*direct),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
    ]);
    sandbox.run(&["migrate"]).success();
    sandbox.run(&["keys", "create", "--role", "reader", "--name", "x"]).success();
    sandbox.run_with_input(&["import", "-"], r#"{"title": "Imported", "published": true}"#).success();
    assert!(sandbox.run(&["export"]).success().contains("Imported"));

    sandbox.set("DATABASE_URL", &pooler.url);
    let mut server = sandbox.start("server", &["serve", "--no-migrate"]);
    let base = server.base_url().await;
    let client = http_client().build().unwrap();
    let list: Value = client.get(format!("{base}/api/posts")).send().await.unwrap().json().await.unwrap();
    assert_eq!(list["items"][0]["title"], "Imported");
    let polls = "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() \
                 AND application_name = 'direct' AND query LIKE '%posts_changes%'";
    wait_until("the change poller to poll", async || database.query_number(polls) == 1).await;
}

#[test]
fn direct_url_to_another_database_is_refused() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let Some(other) = TestDatabase::create(Engine::Postgres) else { return };
    let sandbox = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("DATABASE_DIRECT_URL", other.url.as_str()),
        ("RUST_LOG", "error"),
        ("PORT", "0"),
    ]);
    let line = sandbox.run(&[]).error_line();
    assert!(line.contains("DATABASE_DIRECT_URL names a different database than DATABASE_URL"), "{line}");
}
