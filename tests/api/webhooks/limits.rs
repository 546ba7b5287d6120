//! At most 50 webhooks, also under concurrency.

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use futures_util::future::join_all;
use posts_api::db::Backend;
use serde_json::json;

use super::{URL, create, path};
use crate::changes::wait_until_settled;
use crate::support::{Api, Engine, TestDatabase, on_both, wait_until, when_ready};

#[on_both]
async fn the_51st_webhook_is_rejected(api: Api) {
    let first = create(&api, json!({})).await;
    for _ in 1..48 {
        create(&api, json!({})).await;
    }
    let second = Api::start(&api.server.database, |_| {});
    let body = json!({"url": URL, "enabled": false});
    let requests = (0..12).map(|index| {
        let api = if index % 2 == 0 { &api } else { &second };
        when_ready(|| api.admin().post("/api/webhooks", &body))
    });
    let mut statuses: Vec<u16> = join_all(requests).await.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201; 2], vec![409; 10]].concat());
    let count = api.server.database.query_number("SELECT count(*) AS number FROM webhooks");
    assert_eq!(count, 50);
    when_ready(|| api.admin().post("/api/webhooks", &body)).await.problem(409, "too_many_webhooks");
    // A rejected creation with a key can be repeated.
    let send = || api.admin().post("/api/webhooks", &body).header("idempotency-key", "once");
    when_ready(send).await.problem(409, "too_many_webhooks");
    api.admin().delete(&path(&first)).await.expect(204);
    when_ready(send).await.expect(201);
    when_ready(send).await.expect(201);
    when_ready(|| api.admin().post("/api/webhooks", &body)).await.problem(409, "too_many_webhooks");
}

/// Without a lock, the request would not count a webhook that another transaction is creating.
#[tokio::test]
async fn a_creation_waits_for_another_one_on_postgres() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let api = Api::start(&Arc::new(database), |_| {});
    for _ in 0..49 {
        create(&api, json!({})).await;
    }
    wait_until_settled(&api).await;
    let mut other = api.server.database.connect();
    let Backend::Postgres(other) = &mut other.backend else { unreachable!() };
    other
        .batch_execute(
            "BEGIN; LOCK TABLE webhooks IN SHARE UPDATE EXCLUSIVE MODE;
             INSERT INTO webhooks (name, url, mode, events, headers, quiet, max_wait, enabled, secret, position,
                 created_at, updated_at)
             SELECT name, url, mode, events, headers, quiet, max_wait, enabled, secret, position, created_at, updated_at
             FROM webhooks LIMIT 1",
        )
        .unwrap();
    let client = api.clone();
    let request =
        tokio::spawn(async move { client.admin().post("/api/webhooks", &json!({"url": URL, "enabled": false})).await });
    let waiting = "SELECT count(*) AS number FROM pg_locks WHERE NOT granted AND relation = 'webhooks'::regclass";
    wait_until("the request to wait or to end", async || {
        request.is_finished() || api.server.database.query_number(waiting) > 0
    })
    .await;
    other.batch_execute("COMMIT").unwrap();
    request.await.unwrap().problem(409, "too_many_webhooks");
}
