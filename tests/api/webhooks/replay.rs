//! Where a webhook starts, and where a replay moves it.

use posts_api::db::{Connection, Timestamp};
use posts_api::webhooks::actions::ReplayStart;
use posts_api::webhooks::offline;
use serde_json::{Value, json};

use super::{URL, create, path, read};
use crate::changes::reset_during_read::reset_log;
use crate::changes::{feed_page, wait_until_settled};
use crate::support::database::execute;
use crate::support::statements::capture;
use crate::support::{Api, Engine, Fixture, on_both, wait_until, when_ready};

/// Publishes posts, and waits until the log is complete.
async fn publish(api: &Api, count: usize) {
    for number in 0..count {
        api.create(json!({"title": format!("Post {number}"), "published": true})).await;
    }
    wait_until_settled(api).await;
}

/// The position of the webhook in the database.
fn position(api: &Api, webhook: &Value) -> i64 {
    api.server.database.query_number(&format!("SELECT position AS number FROM webhooks WHERE id = {}", webhook["id"]))
}

/// The positions of the log, in order.
fn log(api: &Api) -> Vec<i64> {
    let count = api.server.database.query_number("SELECT count(*) AS number FROM post_changes");
    let seq = |index| format!("SELECT seq AS number FROM post_changes ORDER BY seq LIMIT 1 OFFSET {index}");
    (0..count).map(|index| api.server.database.query_number(&seq(index))).collect()
}

/// The number of changes that the webhook has not delivered, by its position as a cursor of the feed.
pub(super) async fn pending(api: &Api, webhook: &Value) -> usize {
    pending_changes(api, webhook).await.len()
}

/// The items of the feed after the position of the webhook.
async fn pending_changes(api: &Api, webhook: &Value) -> Vec<Value> {
    wait_until_settled(api).await;
    let position = read(api, webhook).await["position"].clone();
    let path = format!("/api/changes?cursor={}", position.as_str().unwrap());
    feed_page(|| api.reader().get(&path)).await["items"].as_array().unwrap().clone()
}

async fn replay(api: &Api, webhook: &Value, start: &Value) -> Value {
    when_ready(|| api.admin().post(&format!("{}/replay", path(webhook)), start)).await.json(200)
}

#[on_both]
async fn a_new_webhook_starts_at_now(api: Api) {
    publish(&api, 3).await;
    let webhook = create(&api, json!({})).await;
    assert_eq!(pending(&api, &webhook).await, 0);
    publish(&api, 2).await;
    assert_eq!(pending(&api, &webhook).await, 2);
    let empty = Api::start(&api.server.database, |_| {});
    assert_eq!(pending(&empty, &webhook).await, 2);
}

/// A change that is committed just before the request is not delivered, and one after the response always is.
#[on_both]
async fn the_start_is_exact_without_a_pause(api: Api) {
    for number in 0..5 {
        api.create(json!({"title": format!("Before {number}"), "published": true})).await;
        let webhook = create(&api, json!({})).await;
        api.create(json!({"title": format!("After {number}"), "published": true})).await;
        assert_eq!(pending(&api, &webhook).await, 1);
    }
}

/// On PostgreSQL, a change that began before the creation can be committed after it, at a smaller position than others.
#[tokio::test]
async fn a_change_in_progress_is_not_missed() {
    use diesel::connection::SimpleConnection;
    use posts_api::db::Backend;

    use crate::support::TestDatabase;

    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let api = Api::start(&std::sync::Arc::new(database), |_| {});
    publish(&api, 1).await;
    let mut writer = api.server.database.connect();
    let Backend::Postgres(writer) = &mut writer.backend else { unreachable!() };
    writer.batch_execute("BEGIN; INSERT INTO posts (slug, title, published) VALUES ('slow', 'Slow', TRUE)").unwrap();
    api.create(json!({"title": "Fast", "published": true})).await;
    let webhook = create(&api, json!({})).await;
    writer.batch_execute("COMMIT").unwrap();
    let items = pending_changes(&api, &webhook).await;
    assert!(items.iter().any(|item| item["slug"] == "slow"), "{items:?}");
}

/// The position could be one of the replaced log, behind which nothing is delivered.
#[tokio::test]
async fn a_start_across_a_reset_of_the_log_is_refused() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    publish(&api, 3).await;
    let webhook = create(&api, json!({})).await;
    let mut other = api.server.database.connect();
    execute(&mut other, "BEGIN");
    execute(&mut other, "LOCK TABLE webhooks IN SHARE UPDATE EXCLUSIVE MODE");
    execute(&mut other, "SELECT id FROM webhooks FOR UPDATE");
    let requests = [
        ("/api/webhooks".to_owned(), json!({"url": URL, "enabled": false})),
        (format!("{}/replay", path(&webhook)), json!({"cursor": "now"})),
    ];
    let requests = requests.map(|(path, body)| {
        let client = api.admin();
        tokio::spawn(async move { client.post(&path, &body).await })
    });
    let waiting = "SELECT count(*) AS number FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_until("the requests to wait", async || api.server.database.query_number(waiting) == 2).await;
    reset_log(&api).await;
    execute(&mut other, "ROLLBACK");
    for request in requests {
        request.await.unwrap().problem(503, "changes_not_ready");
    }
    assert_eq!(api.admin().get("/api/webhooks").await.json(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(read(&api, &webhook).await["version"], webhook["version"]);
}

#[on_both]
async fn a_replay_accepts_every_cursor_of_the_feed(api: Api) {
    publish(&api, 3).await;
    let webhook = create(&api, json!({})).await;
    let log = log(&api);
    let cursor = async |query: &str| {
        let page = feed_page(|| api.reader().get(&format!("/api/changes?{query}"))).await;
        page["cursor"].as_str().unwrap().to_owned()
    };
    let end = cursor("cursor=now").await;
    // A cursor of the first walk over the posts stands for the end of the log when the walk began.
    let walk = cursor("limit=1").await;
    publish(&api, 2).await;
    let first = cursor(&format!("cursor={end}&limit=1")).await;
    for (start, pending_changes) in [(&end, 2), (&walk, 2), (&first, 1), (&"now".to_owned(), 0), (&end, 2)] {
        let moved = replay(&api, &webhook, &json!({"cursor": start})).await;
        assert_eq!(moved["position"], read(&api, &webhook).await["position"]);
        assert_eq!(pending(&api, &webhook).await, pending_changes, "{start}");
    }
    // The position itself is a cursor.
    let position_now = read(&api, &webhook).await["position"].clone();
    replay(&api, &webhook, &json!({"cursor": position_now})).await;
    assert_eq!(position(&api, &webhook), log[3]);
}

#[on_both]
async fn a_replay_ends_the_delivery_in_progress(api: Api) {
    let webhook = create(&api, json!({"mode": "burst"})).await;
    api.server.database.execute(
        "UPDATE webhooks SET lease = 'x', leased_until = '2099-01-31T12:00:00.000000Z', burst_end = 1, attempt = 3, \
         next_attempt_at = '2099-01-31T12:00:00.000000Z', failing_since = '2026-01-31T12:00:00.000000Z'",
    );
    let moved = replay(&api, &webhook, &json!({"cursor": "now"})).await;
    assert_eq!((&moved["next_attempt_at"], &moved["failing_since"]), (&Value::Null, &Value::Null));
    let unset = "SELECT count(*) AS number FROM webhooks WHERE lease = 'revoked:x' AND leased_until IS NOT NULL AND \
                 burst_end IS NULL AND attempt = 0";
    assert_eq!(api.server.database.query_number(unset), 1, "the next request waits for the one in progress");
}

/// Sets the time of a row of the log, by its index.
fn set_time(api: &Api, log: &[i64], index: usize, at: &str) {
    api.server.database.execute(&format!("UPDATE post_changes SET at = '{at}' WHERE seq = {}", log[index]));
}

#[on_both]
async fn a_replay_since_a_time_includes_the_changes_at_it(api: Api) {
    publish(&api, 3).await;
    let webhook = create(&api, json!({})).await;
    let log = log(&api);
    for (index, day) in [(0, 1), (1, 2), (2, 3), (3, 4)] {
        set_time(&api, &log, index, &format!("2026-01-0{day}T00:00:00.000000Z"));
    }
    for (since, expected) in [
        ("2026-01-04T00:00:00Z", log[2]),
        ("2026-01-04T00:00:00.000001Z", log[3]),
        ("2026-01-03T23:59:59Z", log[2]),
        ("2026-01-03T01:00:00+02:00", log[1]),
        ("2026-01-02T00:00:00Z", log[0]),
        ("2026-01-01T00:00:00Z", log[0]),
        // Before the log began.
        ("2025-01-01T00:00:00Z", log[0]),
        ("0000-01-01T00:00:00Z", log[0]),
    ] {
        replay(&api, &webhook, &json!({"since": since})).await;
        assert_eq!(position(&api, &webhook), expected, "{since}");
    }
}

#[on_both]
async fn a_replay_of_deleted_changes_is_gone(api: Api) {
    publish(&api, 3).await;
    let webhook = create(&api, json!({})).await;
    let (log, before) = (log(&api), read(&api, &webhook).await);
    let old = feed_page(|| api.reader().get("/api/changes?limit=1")).await["cursor"].clone();
    for (index, day) in [(0, 1), (1, 2), (2, 3), (3, 4)] {
        set_time(&api, &log, index, &format!("2026-01-0{day}T00:00:00.000000Z"));
    }
    // What housekeeping does.
    api.server.database.execute(&format!("DELETE FROM post_changes WHERE seq <= {}", log[1]));
    for start in [
        json!({"since": "2026-01-02T00:00:00Z"}),
        json!({"since": "2026-01-02T23:59:59Z"}),
        json!({"since": "2025-01-01T00:00:00Z"}),
        json!({"cursor": old}),
    ] {
        let reply = when_ready(|| api.admin().post(&format!("{}/replay", path(&webhook)), &start)).await;
        reply.problem(410, "cursor_expired");
    }
    assert_eq!(read(&api, &webhook).await["version"], before["version"]);
    for (since, expected) in
        [("2026-01-03T00:00:00Z", log[2] - 1), ("2026-01-03T00:00:01Z", log[2]), ("2026-01-04T00:00:00Z", log[2])]
    {
        replay(&api, &webhook, &json!({"since": since})).await;
        assert_eq!(position(&api, &webhook), expected, "{since}");
    }
}

#[on_both]
async fn a_position_that_was_deleted_has_no_cursor(api: Api) {
    let webhook = create(&api, json!({})).await;
    publish(&api, 1).await;
    let position = position(&api, &webhook);
    api.server.database.execute(&format!("DELETE FROM post_changes WHERE seq <= {position}"));
    assert_eq!(read(&api, &webhook).await["position"], Value::Null);
    api.admin().patch(&path(&webhook), &json!({"name": "a"})).await.expect(200);
}

/// The webhook may be enabled, disabled, or waiting: its other state stays.
#[on_both]
async fn a_replay_neither_enables_nor_disables(api: Api) {
    let webhook = create(&api, json!({})).await;
    api.server.database.execute("UPDATE webhooks SET disabled_reason = 'gone'");
    let moved = replay(&api, &webhook, &json!({"cursor": "now"})).await;
    assert_eq!((&moved["enabled"], &moved["disabled_reason"]), (&json!(false), &json!("gone")));
    let missing = || api.admin().post("/api/webhooks/999/replay", &json!({"cursor": "now"}));
    when_ready(missing).await.problem(404, "not_found");
}

/// Concurrent transactions can store their times in another order than their positions. A binary search alone would
/// then miss changes.
#[on_both]
async fn a_replay_since_a_time_finds_disordered_changes(api: Api) {
    publish(&api, 30).await;
    let webhook = create(&api, json!({})).await;
    let log = log(&api);
    let at = |minute: usize| format!("2026-01-01T00:{minute:02}:00.000000Z");
    (0..2).for_each(|index| set_time(&api, &log, index, &at(index)));
    // The times of each pair are exchanged. A binary search probes the second row of a pair first.
    for index in (2..log.len() - 1).step_by(2) {
        set_time(&api, &log, index, &at(index + 1));
        set_time(&api, &log, index + 1, &at(index));
    }
    for index in (2..log.len() - 1).step_by(2) {
        let since = format!("2026-01-01T00:{index:02}:30Z");
        replay(&api, &webhook, &json!({"since": since})).await;
        assert_eq!(position(&api, &webhook), log[index - 1], "{since}");
    }
}

/// The log has no index on the time, so a search by time would read all of it. Positions can have gaps.
#[on_both]
async fn a_replay_since_a_time_reads_few_rows(api: Api) {
    publish(&api, 40).await;
    let webhook = create(&api, json!({})).await;
    let log = log(&api);
    for (index, seq) in log.iter().enumerate() {
        let at = format!("2026-01-01T00:{index:02}:00.000000Z");
        api.server.database.execute(&format!("UPDATE post_changes SET at = '{at}' WHERE seq = {seq}"));
    }
    // Concurrent transactions can store their times in another order.
    set_time(&api, &log, 20, "2026-01-01T00:21:30.000000Z");
    set_time(&api, &log, 21, "2026-01-01T00:20:30.000000Z");
    for index in [8, 9, 10, 11, 12, 30] {
        api.server.database.execute(&format!("DELETE FROM post_changes WHERE seq = {}", log[index]));
    }
    for (minute, expected) in
        [("07", 6), ("08", 7), ("10", 7), ("13", 7), ("14", 13), ("21", 19), ("22", 21), ("30", 29)]
    {
        let since = format!("2026-01-01T00:{minute}:00Z");
        replay(&api, &webhook, &json!({"since": since})).await;
        assert_eq!(position(&api, &webhook), log[expected], "{since}");
        let start = ReplayStart::since(&since).unwrap();
        let id = webhook["id"].as_i64().unwrap();
        let mut conn = api.server.database.connect();
        let work = |conn: &mut Connection| {
            conn.transaction(|conn| offline::replay(conn, id, start, Timestamp::now())).unwrap().is_ok()
        };
        let (moved, statements) = capture(&mut conn, work);
        assert!(moved && statements.len() < 100, "{statements:?}");
        let log_reads = statements.iter().filter(|sql| sql.contains("post_changes"));
        let unbounded: Vec<&String> =
            log_reads.filter(|sql| sql.contains("\"at\" >") || sql.contains("`at` >")).collect();
        assert!(unbounded.is_empty(), "{unbounded:?}");
    }
}
