//! The list of attempts.

use serde_json::{Value, json};

use super::{create, path};
use crate::support::{Api, on_both};

/// Stores attempts as the delivery does.
pub(super) fn store(api: &Api, webhook: &Value, count: i64) {
    let row = |number: i64| {
        let (status, error) = if number % 2 == 0 { ("NULL", "'timeout'") } else { ("204", "NULL") };
        let at = "2026-01-31T12:00:00.000000Z";
        format!("({}, 'event-{number}', 'post.updated', '{at}', 12, {status}, {error}, 2)", webhook["id"])
    };
    let rows: Vec<String> = (1..=count).map(row).collect();
    api.server.database.execute(&format!(
        "INSERT INTO webhook_attempts (webhook_id, event_id, event_type, at, duration_ms, status, error, attempt) \
         VALUES {}",
        rows.join(", ")
    ));
}

#[on_both]
async fn the_newest_200_are_listed(api: Api) {
    let (first, second) = (create(&api, json!({})).await, create(&api, json!({})).await);
    let list = async |webhook: &Value| {
        let page = api.admin().get(&format!("{}/attempts", path(webhook))).await.json(200);
        page["items"].as_array().unwrap().clone()
    };
    assert_eq!(list(&first).await, Vec::<Value>::new());
    store(&api, &second, 1);
    store(&api, &first, 202);
    let attempts = list(&first).await;
    assert_eq!(attempts.len(), 200);
    assert_eq!(
        attempts[0],
        json!({
            "event_id": "event-202", "type": "post.updated", "at": "2026-01-31T12:00:00.000000Z", "duration_ms": 12,
            "status": null, "error": "timeout", "attempt": 2,
        })
    );
    assert_eq!((&attempts[1]["status"], &attempts[1]["error"]), (&json!(204), &Value::Null));
    assert_eq!(attempts[199]["event_id"], "event-3");
    assert_eq!(list(&second).await.len(), 1);
    api.admin().get("/api/webhooks/999/attempts").await.problem(404, "not_found");
}
