//! The log is replaced while a request reads it.

use serde_json::json;

use super::wait_until_settled;
use crate::support::database::execute;
use crate::support::{Api, Engine, Fixture, wait_until};

/// Sets the sequence back, as a restore in place does, and waits until the instance has noticed it. While a transaction
/// holds a lock on the log, the instance has no watermark of the new log.
pub(crate) async fn reset_log(api: &Api) {
    execute(&mut api.server.database.connect(), "SELECT setval('posts_changes', 2)");
    wait_until("the watermark to go back", async || {
        api.server.connections.settled().is_none_or(|settled| settled.seq == 2)
    })
    .await;
}

/// Its cursor could be one of the replaced log.
#[tokio::test]
async fn a_page_read_across_a_reset_is_not_served() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    for title in ["A", "B", "C"] {
        api.create(json!({"title": title, "published": true})).await;
    }
    wait_until_settled(&api).await;
    let client = api.reader();
    client.get("/api/changes?cursor=now").await.expect(200);
    let mut other = api.server.database.connect();
    execute(&mut other, "BEGIN");
    execute(&mut other, "LOCK TABLE post_changes IN ACCESS EXCLUSIVE MODE");
    let request = tokio::spawn(async move { client.get("/api/changes").await });
    // Polls wait for the lock, too, but not as long.
    let waiting = "SELECT count(*) AS number FROM pg_locks WHERE NOT granted AND relation = 'post_changes'::regclass
        AND waitstart < clock_timestamp() - interval '1 second'";
    wait_until("the request to wait or to end", async || {
        request.is_finished() || api.server.database.query_number(waiting) > 0
    })
    .await;
    reset_log(&api).await;
    execute(&mut other, "ROLLBACK");
    let reply = request.await.unwrap();
    assert!(reply.header("retry-after").is_some());
    reply.problem(503, "changes_not_ready");
}
