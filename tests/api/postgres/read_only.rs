//! Sessions that reject writes: after a failover, on a standby, or by `default_transaction_read_only`.

use std::sync::Arc;

use posts_api::db::{DatabaseUrl, migrations};
use serde_json::json;

use crate::support::cluster::Cluster;
use crate::support::database::execute;
use crate::support::{Api, Engine, Fixture, Reply, TestDatabase, wait_for, wait_until};

/// Ends every session of the database but this one, so that the service opens new ones.
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Sets the default of new sessions. Sessions that are open keep theirs.
fn set_read_only(database: &TestDatabase, is_read_only: bool) {
    let mut conn = database.connect();
    execute(&mut conn, "SET default_transaction_read_only = off");
    let setting = format!("SET default_transaction_read_only = {is_read_only}");
    execute(
        &mut conn,
        &format!("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {setting}', current_database()); END $$"),
    );
}

/// Makes the sessions of the service read-only, and every later one.
pub(crate) fn make_read_only(database: &TestDatabase) {
    set_read_only(database, true);
    execute(&mut database.connect(), END_SESSIONS);
}

/// A service whose sessions are all read-only.
async fn start_read_only() -> Option<Api> {
    let api = Api::on(Engine::Postgres)?;
    let database = &api.server.database;
    api.create(json!({"title": "First", "published": true})).await;
    make_read_only(database);
    wait_until("a session to be read-only", async || {
        let reply = api.admin().post("/api/posts", &json!({"title": "Too late"})).await;
        reply.status != 201 && count_read_only(&api) > 0
    })
    .await;
    Some(api)
}

fn count_read_only(api: &Api) -> u64 {
    let counts = api.server.connections.error_counts();
    counts.into_iter().find(|(kind, _)| *kind == "read_only").unwrap().1
}

fn assert_unavailable(reply: Reply) {
    assert_eq!(reply.header("retry-after"), Some("1"));
    reply.problem(503, "database_unavailable");
}

#[tokio::test]
async fn writes_get_503_and_readiness_fails_while_reads_work() {
    let Some(api) = start_read_only().await else { return };
    let admin = api.admin();
    for _ in 0..8 {
        let post = json!({"title": "A post"});
        assert_unavailable(admin.post("/api/posts", &post).await);
        assert_unavailable(admin.post("/api/posts", &post).header("idempotency-key", "once").await);
        assert_unavailable(admin.post("/api/posts/batch", &json!({"posts": [post]})).await);
        assert_unavailable(admin.put("/api/posts/by-slug/first", &post).await);
        assert_unavailable(admin.patch("/api/posts/1", &post).await);
        assert_unavailable(admin.post_empty("/api/posts/1/unpublish").await);
        assert_unavailable(admin.delete("/api/posts/1").await);
        assert_unavailable(admin.post("/api/keys", &json!({"name": "x", "role": "reader"})).await);
        api.get("/health/ready").await.problem(503, "not_ready");
        api.get("/health/live").await.expect(200);
        api.get("/api/posts").await.expect(200);
        // The use of this key cannot be recorded.
        api.editor().get("/api/posts/1").await.expect(200);
    }
}

/// Without the replacement, the sessions would stay read-only for up to 30 minutes.
#[tokio::test]
async fn read_only_sessions_are_replaced_once_the_server_is_writable() {
    let Some(api) = start_read_only().await else { return };
    let scheduled = {
        let database = &api.server.database;
        let sql = "SET default_transaction_read_only = off; \
                   UPDATE posts SET published = false, published_at = null, scheduled_for = now() WHERE id = 1";
        let mut conn = database.connect();
        for statement in sql.split(';') {
            execute(&mut conn, statement);
        }
        async || api.get("/api/posts/1").await.status == 200
    };
    set_read_only(&api.server.database, false);
    let send =
        || api.admin().post("/api/posts", &json!({"title": "Once"})).header("idempotency-key", "once").into_future();
    wait_for("a write to succeed", async || Some(send().await).filter(|reply| reply.status == 201)).await;
    assert_eq!(send().await.expect(201).header("idempotency-replayed"), Some("true"));
    wait_until("the instance to be ready", async || api.get("/health/ready").await.status == 200).await;
    wait_until("the scheduler to publish", scheduled).await;
    let stored = "SELECT count(*) AS number FROM posts WHERE title = 'Once'";
    assert_eq!(api.server.database.query_number(stored), 1);
}

#[tokio::test]
async fn standby_serves_reads_and_takes_writes_after_its_promotion() {
    let Some(primary) = Cluster::durable() else { return };
    TestDatabase::of(&primary).migrate();
    TestDatabase::of(&primary).execute("INSERT INTO posts (title, published) VALUES ('First', true)");
    let standby = primary.standby();
    let api = Api::start_unmigrated(&Arc::new(TestDatabase::of(&standby)), |_| {});
    wait_until("the standby to replay the post", async || api.get("/api/posts/1").await.status == 200).await;
    let write = || api.admin().post("/api/posts", &json!({"title": "Second"})).into_future();
    for _ in 0..8 {
        assert_unavailable(write().await);
        api.get("/health/ready").await.problem(503, "not_ready");
        api.get("/api/posts").await.expect(200);
    }
    drop(primary);
    api.server.database.execute("SELECT pg_promote()");
    wait_for("a write to succeed", async || Some(write().await).filter(|reply| reply.status == 201)).await;
    wait_until("the instance to be ready", async || api.get("/health/ready").await.status == 200).await;
}

#[tokio::test]
async fn migration_of_a_read_only_database_names_the_cause() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    set_read_only(&database, true);
    let (url, _): (DatabaseUrl, _) = DatabaseUrl::parse(&database.url).unwrap();
    let error = migrations::run(&mut database.connect(), &url).unwrap_err().to_string();
    assert!(error.contains("default_transaction_read_only is on"), "{error}");
}
