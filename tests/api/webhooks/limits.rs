//! At most 50 webhooks, also under concurrency.

use futures_util::future::join_all;
use serde_json::json;

use super::{URL, create, path};
use crate::support::{Api, on_both};

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
        async { api.admin().post("/api/webhooks", &body).await }
    });
    let mut statuses: Vec<u16> = join_all(requests).await.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201; 2], vec![409; 10]].concat());
    let count = api.server.database.query_number("SELECT count(*) AS number FROM webhooks");
    assert_eq!(count, 50);
    api.admin().post("/api/webhooks", &body).await.problem(409, "too_many_webhooks");
    // A rejected creation with a key can be repeated.
    let send = || api.admin().post("/api/webhooks", &body).header("idempotency-key", "once");
    send().await.problem(409, "too_many_webhooks");
    api.admin().delete(&path(&first)).await.expect(204);
    send().await.expect(201);
    send().await.expect(201);
    api.admin().post("/api/webhooks", &body).await.problem(409, "too_many_webhooks");
}
