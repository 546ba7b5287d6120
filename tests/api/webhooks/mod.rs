//! The routes that manage webhooks.

mod attempts;
mod cli;
mod delivery;
mod input;
mod lifecycle;
mod limits;
mod replay;
mod roles;
mod rotate;
mod secrets;
mod test_requests;
mod urls;

use serde_json::{Value, json};

use crate::support::{Api, when_ready};

/// A public address, to which the tests of this folder send nothing.
const URL: &str = "https://8.8.8.8/hook?token=hush-url";

/// The discard port of this machine, on which no program listens. A port that was free a moment ago may be bound by
/// another test.
const CLOSED: &str = "127.0.0.1:9";

/// Creates a disabled webhook, so that nothing is sent, and returns the response.
async fn create(api: &Api, mut fields: Value) -> Value {
    let defaults = json!({"url": URL, "enabled": false});
    for (name, value) in defaults.as_object().unwrap() {
        if fields.get(name).is_none() {
            fields[name] = value.clone();
        }
    }
    when_ready(|| api.admin().post("/api/webhooks", &fields)).await.json(201)
}

fn path(webhook: &Value) -> String {
    format!("/api/webhooks/{}", webhook["id"])
}

async fn read(api: &Api, webhook: &Value) -> Value {
    api.admin().get(&path(webhook)).await.json(200)
}
