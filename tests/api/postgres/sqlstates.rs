//! Errors of PostgreSQL are recognized by their SQLSTATE. The messages here are German, as with `lc_messages = de_DE`.

use std::sync::Arc;

use posts_api::db::PoolOptions;
use serde_json::json;

use crate::support::api::POOL_WAIT;
use crate::support::database::execute;
use crate::support::{Api, Engine, Fixture, TestDatabase, wait_until};

/// A post titled `fail 40P01` fails with this SQLSTATE, and the process id of its server session becomes the value of
/// the sequence, which is not transactional.
const TRIGGER: &str = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.title LIKE 'fail %' THEN
        PERFORM setval('failed_session', pg_backend_pid());
        RAISE EXCEPTION 'Verklemmung entdeckt' USING ERRCODE = split_part(NEW.title, ' ', 2);
    END IF;
    RETURN NEW;
END
$$;";

/// A service with one connection and the trigger.
fn start() -> Option<Api> {
    let database = Arc::new(TestDatabase::create(Engine::Postgres)?);
    let api = Api::start(&database, |config| config.pool = PoolOptions::new(1, POOL_WAIT));
    database.execute("CREATE SEQUENCE failed_session");
    database.execute(TRIGGER);
    database.execute("CREATE TRIGGER fail BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION fail()");
    Some(api)
}

/// Whether the session of the last failure still exists. The service may have a second one for long reads, so the
/// sessions of other requests can be different ones.
fn has_failed_session(api: &Api) -> bool {
    let sql = "SELECT count(*) AS number FROM pg_stat_activity, failed_session WHERE pid = last_value";
    api.server.database.query_number(sql) == 1
}

/// Checks the response to each SQLSTATE, and whether the connection is replaced.
async fn check(status: u16, code: &str, is_replaced: bool, sqlstates: &[&str]) {
    let Some(api) = start() else { return };
    for sqlstate in sqlstates {
        let post = json!({"title": format!("fail {sqlstate}")});
        let reply = api.admin().post("/api/posts", &post).header("idempotency-key", sqlstate).await;
        let retry_after = (status == 503).then_some("1");
        assert_eq!(reply.header("retry-after"), retry_after, "{sqlstate}: {}", reply.text());
        reply.problem(status, code);
        api.create(json!({"title": "Next"})).await;
        if is_replaced {
            wait_until("the connection to be replaced", async || !has_failed_session(&api)).await;
        } else {
            assert!(has_failed_session(&api), "{sqlstate}");
        }
    }
}

#[tokio::test]
async fn contention_and_lack_of_resources_are_busy() {
    let sqlstates = ["40001", "40P01", "53000", "53200", "53300", "53400", "55006", "55P03"];
    check(503, "database_busy", false, &sqlstates).await;
}

#[tokio::test]
async fn canceled_statement_is_unavailable() {
    check(503, "database_unavailable", false, &["57014"]).await;
}

#[tokio::test]
async fn full_disk_is_storage_full() {
    check(507, "storage_full", false, &["53100"]).await;
}

#[tokio::test]
async fn lost_session_is_unavailable_and_its_connection_replaced() {
    let sqlstates = [
        "08000", "08003", "08006", "08P01", "57P01", "57P02", "57P03", "57P04", "57P05", "58000", "58030", "26000",
        "34000", "42P05", "0A000", "25P02", "25P03", "40003",
    ];
    check(503, "database_unavailable", true, &sqlstates).await;
}

#[tokio::test]
async fn errors_of_the_statement_are_internal() {
    check(500, "internal_error", false, &["22021", "22P05", "42501", "42P01", "54000", "P0001"]).await;
}

#[tokio::test]
async fn internal_errors_of_the_server_replace_the_connection() {
    check(500, "internal_error", true, &["XX000", "XX001"]).await;
}

#[tokio::test]
async fn statement_that_an_operator_cancels_is_unavailable() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let database = &api.server.database;
    api.create(json!({"title": "First"})).await;
    let mut lock = database.connect();
    execute(&mut lock, "BEGIN");
    execute(&mut lock, "LOCK TABLE posts IN SHARE MODE");
    let patch = json!({"title": "Changed"});
    let write = api.admin().patch("/api/posts/1", &patch).into_future();
    // In a WHERE clause without CASE, PostgreSQL may cancel before it compares.
    let cancel = "SELECT count(*) AS number FROM pg_stat_activity WHERE CASE
        WHEN datname = current_database() AND wait_event_type = 'Lock' THEN pg_cancel_backend(pid) END";
    let cancel = wait_until("the write to be canceled", async || database.query_number(cancel) > 0);
    let (reply, ()) = tokio::join!(write, cancel);
    reply.problem(503, "database_unavailable");
}

/// The write takes lock 1, waits until the other session waits for it, and then wants lock 2, which the other session
/// holds. Only the session of the write looks for deadlocks.
#[tokio::test]
async fn write_that_loses_a_deadlock_is_busy() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let database = &api.server.database;
    api.create(json!({"title": "First"})).await;
    database.execute(
        "CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM pg_advisory_xact_lock(1);
             WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted) LOOP
                 PERFORM pg_sleep(0.01);
             END LOOP;
             PERFORM pg_advisory_xact_lock(2);
             RETURN NEW;
         END $$",
    );
    database.execute("CREATE TRIGGER deadlock BEFORE UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION deadlock()");
    let mut other = database.connect();
    execute(&mut other, "SET deadlock_timeout = '10min'");
    let deadlock = tokio::task::spawn_blocking(move || {
        execute(
            &mut other,
            "DO $$ BEGIN
                 PERFORM pg_advisory_xact_lock(2);
                 WHILE pg_try_advisory_lock(1) LOOP
                     PERFORM pg_advisory_unlock(1), pg_sleep(0.01);
                 END LOOP;
                 PERFORM pg_advisory_xact_lock(1);
             END $$",
        );
    });
    let patch = json!({"title": "Changed"});
    api.admin().patch("/api/posts/1", &patch).await.problem(503, "database_busy");
    deadlock.await.unwrap();
}
