//! Cursors expire with their row of the log, and with a restored database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::{Follower, feed_page, rows, wait_until_settled};
use crate::support::{Api, Engine, Fixture, TestDatabase, on_both, wait_for, wait_until};

/// Makes the rows that meet the condition older by `days`.
pub(crate) fn age(database: &TestDatabase, days: u32, condition: &str) {
    let at = match database.engine {
        Engine::Postgres => format!("at - interval '{days} days'"),
        Engine::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%f', at, '-{days} days') || '000Z'"),
    };
    database.execute(&format!("UPDATE post_changes SET at = {at} WHERE {condition}"));
}

/// Creates public posts with consecutive ids.
async fn create(api: &Api, count: usize) {
    static SLUGS: AtomicU64 = AtomicU64::new(0);
    for _ in 0..count {
        let slug = format!("post-{}", SLUGS.fetch_add(1, Ordering::Relaxed));
        api.create(json!({"title": "A", "slug": slug, "published": true})).await;
    }
    wait_until_settled(api).await;
}

async fn cursor_now(api: &Api) -> String {
    wait_until_settled(api).await;
    feed_page(|| api.reader().get("/api/changes?cursor=now")).await["cursor"].as_str().unwrap().to_owned()
}

/// Asserts 410 as soon as the feed is ready.
async fn assert_expired(client: &Api, cursor: &str) -> Value {
    let path = format!("/api/changes?cursor={cursor}");
    let reply =
        wait_for("the feed to be ready", async || Some(client.get(&path).await).filter(|reply| reply.status != 503));
    reply.await.problem(410, "cursor_expired")
}

/// The service's background task deletes what has expired when it starts.
#[on_both]
async fn a_cursor_survives_31_quiet_days(database: TestDatabase) {
    let database = Arc::new(database);
    let api = Api::start(&database, |_| {});
    create(&api, 3).await;
    // Rows become older only while no service runs, which might delete them too early.
    drop(api);
    age(&database, 31, "TRUE");
    let aged = rows(&database)[2].seq;
    let api = Api::start(&database, |_| {});
    let oldest = cursor_now(&api).await;
    create(&api, 2).await;
    drop(api);
    age(&database, 31, &format!("seq > {aged}"));
    let api = Api::start(&database, |_| {});
    let kept = cursor_now(&api).await;
    let newest = "SELECT count(*) AS number FROM post_changes";
    wait_until("the cleanup", async || database.query_number(newest) == 1).await;
    wait_until_settled(&api).await;
    let page = feed_page(|| api.get(&format!("/api/changes?cursor={kept}"))).await;
    assert_eq!((&page["items"], &page["cursor"]), (&json!([]), &json!(kept)));
    create(&api, 1).await;
    let page = feed_page(|| api.reader().get(&format!("/api/changes?cursor={kept}"))).await;
    assert_eq!(page["items"][0]["id"], 6);
    let problem = assert_expired(&api, &oldest).await;
    assert!(problem["detail"].as_str().unwrap().contains("omit the cursor"));
}

/// Deletes in several steps, and only what has expired.
#[on_both]
async fn the_log_is_deleted_in_steps(database: TestDatabase) {
    let database = Arc::new(database);
    database.migrate();
    let posts = (0..2500).map(|number| json!({"title": "A", "slug": format!("a-{number}"), "published": true}));
    database.import(&posts.collect::<Vec<_>>());
    let last_expired = rows(&database)[2399].seq;
    age(&database, 31, &format!("seq <= {last_expired}"));
    let _api = Api::start(&database, |_| {});
    let count = "SELECT count(*) AS number FROM post_changes";
    wait_until("the cleanup", async || database.query_number(count) == 101).await;
    assert_eq!(rows(&database)[0].seq, last_expired);
}

/// The rows of a week ago remain.
#[on_both]
async fn changes_of_29_days_are_kept(database: TestDatabase) {
    let database = Arc::new(database);
    let api = Api::start(&database, |_| {});
    create(&api, 5).await;
    age(&database, 29, "TRUE");
    // The first row of the log is the only one that has expired, with the one behind it.
    let first = rows(&database)[0].seq;
    age(&database, 2, &format!("seq <= {first}"));
    drop(api);
    let _api = Api::start(&database, |_| {});
    let count = "SELECT count(*) AS number FROM post_changes";
    wait_until("the cleanup", async || database.query_number(count) == 5).await;
}

/// Restores an older state of the database: deletes what was written since `last`, and sets the counter of positions
/// back.
fn restore(database: &TestDatabase, last: i64) {
    database.execute("DELETE FROM posts WHERE id > 2");
    database.execute(&format!("DELETE FROM post_changes WHERE seq > {last}"));
    // SQLite continues after the last row.
    if database.engine == Engine::Postgres {
        database.execute(&format!("SELECT setval('posts_changes', {last})"));
    }
}

#[on_both]
async fn a_restored_backup_expires_newer_cursors(database: TestDatabase) {
    let database = Arc::new(database);
    let api = Api::start(&database, |_| {});
    create(&api, 2).await;
    let (old, last) = (cursor_now(&api).await, rows(&database).last().unwrap().seq);
    let walk = feed_page(|| api.reader().get("/api/changes?limit=1")).await["cursor"].as_str().unwrap().to_owned();
    create(&api, 3).await;
    let (new, newest) = (cursor_now(&api).await, rows(&database).last().unwrap().seq);
    let newer_walk = feed_page(|| api.reader().get("/api/changes?limit=1")).await;
    let newer_walk = newer_walk["cursor"].as_str().unwrap();
    drop(api);
    restore(&database, last);
    let api = Api::start(&database, |_| {});
    wait_until_settled(&api).await;
    let check = async |api: &Api| {
        for cursor in [&*new, newer_walk] {
            for client in [api, &api.reader()] {
                assert_expired(client, cursor).await;
            }
        }
        for cursor in [&old, &walk] {
            feed_page(|| api.get(&format!("/api/changes?cursor={cursor}"))).await;
        }
    };
    check(&api).await;
    // As many changes as were lost, so that the position exists again.
    while rows(&database).last().unwrap().seq < newest {
        create(&api, 1).await;
    }
    check(&api).await;
    let mut follower = Follower { cursor: Some(old), ..Follower::default() };
    follower.catch_up(&api).await;
    assert_eq!(follower.posts.len(), 3);
}

/// On PostgreSQL only: a TRUNCATE does not list the posts that it removes.
#[tokio::test]
async fn truncate_expires_every_cursor() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    create(&api, 2).await;
    let cursor = cursor_now(&api).await;
    let walk = feed_page(|| api.reader().get("/api/changes?limit=1")).await["cursor"].as_str().unwrap().to_owned();
    api.server.database.execute("TRUNCATE posts");
    for cursor in [cursor, walk] {
        let path = format!("/api/changes?cursor={cursor}");
        let status = async || api.get(&path).await.status == 410;
        wait_until("the cursor to expire", status).await;
        assert_expired(&api.reader(), &cursor).await;
    }
    let page = feed_page(|| api.get("/api/changes")).await;
    assert_eq!((&page["items"], &page["has_more"]), (&json!([]), &json!(false)));
    create(&api, 1).await;
    let page =
        feed_page(|| api.reader().get(&format!("/api/changes?cursor={}", page["cursor"].as_str().unwrap()))).await;
    assert_eq!(page["items"][0]["id"], 3);
}
