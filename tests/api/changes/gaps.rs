//! The log is empty, its sequence goes back, or it cannot be written without privileges.

use std::sync::Arc;

use serde_json::json;

use super::{feed_page, rows, wait_until_settled};
use crate::operations::doctor::{assert_check, run_doctor};
use crate::support::database::{execute, try_execute};
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, Fixture, TestDatabase, on_both, wait_for, wait_until};

/// For example in a copy of the database without the contents of the log.
#[on_both]
async fn an_empty_log_gets_a_first_row(database: TestDatabase) {
    let database = Arc::new(database);
    database.migrate();
    database.import(&[json!({"title": "A", "published": true})]);
    database.execute("DELETE FROM post_changes");
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str())]);
    assert_check(&run_doctor(&sandbox), "changes", "warning", "the change log is empty");
    let api = Api::start(&database, |_| {});
    let page = feed_page(|| api.get("/api/changes")).await;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["has_more"]), (1, &json!(false)));
    assert_eq!(database.query_number("SELECT count(*) AS number FROM post_changes WHERE kind = 0"), 1);
    assert_check(&run_doctor(&sandbox), "changes", "ok", "goes back to");
    // The cursor is one of the new log.
    let path = format!("/api/changes?cursor={}", page["cursor"].as_str().unwrap());
    api.create(json!({"title": "B", "published": true})).await;
    wait_until_settled(&api).await;
    assert_eq!(feed_page(|| api.get(&path)).await["items"][0]["slug"], "b");
}

#[on_both]
async fn doctor_reports_rows_that_were_not_deleted(database: TestDatabase) {
    let database = Arc::new(database);
    database.migrate();
    database.import(&[json!({"title": "A", "published": true}), json!({"title": "B", "published": true})]);
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str())]);
    super::expiry::age(&database, 30, "TRUE");
    assert_check(&run_doctor(&sandbox), "changes", "ok", "goes back to");
    super::expiry::age(&database, 2, "TRUE");
    assert_check(&run_doctor(&sandbox), "changes", "warning", "expired rows");
}

/// After a restore in place, positions up to the old watermark are assigned again.
#[tokio::test]
async fn a_sequence_that_goes_back_makes_the_watermark_unknown() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    for title in ["A", "B", "C"] {
        api.create(json!({"title": title, "published": true})).await;
    }
    wait_until_settled(&api).await;
    let mut writer = api.server.database.connect();
    execute(&mut writer, "BEGIN");
    execute(&mut writer, "INSERT INTO posts (title, slug, published) VALUES ('Open', 'open', TRUE)");
    let settled = || api.server.connections.settled().map(|settled| settled.seq);
    let before = wait_for("the watermark", async || settled()).await;
    execute(&mut api.server.database.connect(), "SELECT setval('posts_changes', 2)");
    // It becomes known again when the writer, which may have taken a position, has ended.
    wait_until("the watermark to be unknown", async || settled().is_none()).await;
    assert!(before > 2, "{before}");
    execute(&mut writer, "ROLLBACK");
    wait_until("the watermark to go back", async || settled() == Some(2)).await;
}

#[tokio::test]
async fn an_open_writer_of_the_log_is_found() {
    use posts_api::db::inspect::oldest_log_writer;

    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let find = || oldest_log_writer(&mut database.connect()).unwrap();
    assert_eq!(find(), None);
    let mut writer = database.connect();
    execute(&mut writer, "SET application_name = 'editor of the site'");
    execute(&mut writer, "BEGIN");
    execute(&mut writer, "INSERT INTO posts (title, slug) VALUES ('Draft', 'draft')");
    assert_eq!(find(), None, "the feed does not wait for a writer of drafts");
    execute(&mut writer, "INSERT INTO posts (title, slug, published) VALUES ('A', 'a', TRUE)");
    let found = find().unwrap();
    assert!(found.name.starts_with("process ") && found.name.ends_with("(editor of the site)"), "{found:?}");
    assert!(found.seconds >= 0);
    execute(&mut writer, "COMMIT");
    assert_eq!(find(), None);
}

/// The triggers run with the privileges of their owner. A role that may advance the sequence could invalidate all
/// caches.
#[tokio::test]
async fn writers_need_no_privilege_for_the_log() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let mut conn = database.connect();
    let role = format!("{}_log_writer", database.name());
    execute(&mut conn, &format!("CREATE ROLE {role}"));
    execute(&mut conn, &format!("GRANT USAGE ON SCHEMA public TO {role}"));
    execute(&mut conn, &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON posts, post_aliases TO {role}"));
    execute(&mut conn, &format!("SET ROLE {role}"));
    execute(&mut conn, "INSERT INTO posts (title, slug, published) VALUES ('A', 'a', TRUE)");
    execute(&mut conn, "UPDATE posts SET slug = 'b'");
    execute(&mut conn, "DELETE FROM post_aliases");
    execute(&mut conn, "DELETE FROM posts");
    for statement in
        ["SELECT nextval('posts_changes')", "SELECT setval('posts_changes', 1)", "DELETE FROM post_changes"]
    {
        assert!(try_execute(&mut conn, statement).is_err(), "{statement}");
    }
    execute(&mut conn, "RESET ROLE");
    assert_eq!(rows(&database).len(), 3);
    execute(&mut conn, &format!("DROP OWNED BY {role}"));
    execute(&mut conn, &format!("DROP ROLE {role}"));
}
