//! Test requests.

use serde_json::{Value, json};

use super::{create, path};
use crate::support::hook_receiver::HookReceiver;
use crate::support::receiver::Receiver;
use crate::support::{Api, on_both, wait_until};

async fn test(api: &Api, webhook: &Value) -> Value {
    let reply = api.admin().post_empty(&format!("{}/test", path(webhook))).await.expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.json(200)
}

/// The value of a header.
fn header<'a>(headers: &'a [String], name: &str) -> Option<&'a str> {
    headers.iter().find_map(|header| header.strip_prefix(&format!("{name}: ")))
}

#[on_both]
async fn a_test_sends_a_signed_request(api: Api) {
    let receiver = Receiver::start();
    let url = format!("http://{}/hook?token=a", receiver.address);
    // A webhook that is not enabled can be tested first.
    let webhook = create(&api, json!({"url": url, "headers": {"Authorization": "Bearer hush"}})).await;
    let result = test(&api, &webhook).await;
    assert_eq!((&result["status"], &result["error"]), (&json!(200), &Value::Null));
    assert!(result["duration_ms"].is_u64());
    let requests = receiver.received();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!(request.line, "POST /hook?token=a");
    assert_eq!(header(&request.headers, "authorization"), Some("Bearer hush"));
    assert_eq!(header(&request.headers, "content-type"), Some("application/json"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["type"], &body["data"]), (&json!("webhook.test"), &json!({"webhook_id": webhook["id"]})));
    assert!(body["timestamp"].is_string());
    assert!(header(&request.headers, "webhook-id").unwrap().starts_with("test_"));
    assert!(header(&request.headers, "webhook-signature").unwrap().starts_with("v1,"));
    // It is not a delivery.
    let attempts = api.admin().get(&format!("{}/attempts", path(&webhook))).await.json(200);
    assert_eq!(attempts, json!({"items": []}));
    assert_eq!(super::read(&api, &webhook).await["last_success_at"], Value::Null);
}

#[on_both]
async fn both_secrets_sign_after_a_rotation(api: Api) {
    let receiver = Receiver::start();
    let webhook = create(&api, json!({"url": format!("http://{}/", receiver.address)})).await;
    let rotated = api.admin().post_empty(&format!("{}/rotate", path(&webhook))).await.json(200);
    test(&api, &webhook).await;
    api.server.database.execute("UPDATE webhooks SET previous_valid_until = '2026-01-31T12:00:00.000000Z'");
    test(&api, &webhook).await;
    let requests = receiver.received();
    let verify = |index: usize, secret: &Value| {
        let request: &crate::support::receiver::Received = &requests[index];
        let mut headers = reqwest::header::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, header(&request.headers, name).unwrap().parse().unwrap());
        }
        standardwebhooks::Webhook::new(secret.as_str().unwrap()).unwrap().verify(&request.body, &headers).is_ok()
    };
    assert_eq!((verify(0, &webhook["secret"]), verify(0, &rotated["secret"])), (true, true));
    assert_eq!((verify(1, &webhook["secret"]), verify(1, &rotated["secret"])), (false, true), "it has expired");
}

#[on_both]
async fn a_static_body_is_sent_as_it_is(api: Api) {
    let receiver = Receiver::start();
    let url = format!("http://{}/", receiver.address);
    let body = json!({"event_type": "posts", "client_payload": {"n": 1.5}});
    let webhook = create(&api, json!({"url": url, "mode": "burst", "body": body})).await;
    test(&api, &webhook).await;
    assert_eq!(serde_json::from_slice::<Value>(&receiver.received()[0].body).unwrap(), body);
}

#[on_both]
async fn a_failure_is_reported_without_the_url(api: Api) {
    let webhook = create(&api, json!({"url": format!("http://{}/hush", super::CLOSED)})).await;
    let result = test(&api, &webhook).await;
    assert_eq!(result["status"], Value::Null);
    let error = result["error"].as_str().unwrap();
    assert!(!error.is_empty() && !error.contains("hush") && !error.contains("127.0.0.1"), "{error}");
    api.admin().post_empty("/api/webhooks/999/test").await.problem(404, "not_found");
}

/// The settings or DNS may have changed since the webhook was created.
#[on_both]
async fn a_url_that_is_no_longer_allowed_gets_no_request(api: Api) {
    let receiver = Receiver::start();
    let webhook = create(&api, json!({"url": format!("http://{}/", receiver.address)})).await;
    let strict = Api::start(&api.server.database, |config| config.webhook_networks.clear());
    let result = test(&strict, &webhook).await;
    assert_eq!(result["status"], Value::Null);
    assert!(result["error"].is_string());
    assert!(receiver.received().is_empty());
}

/// Tests wait for their receivers, so they must not delay other requests.
#[on_both]
async fn tests_in_progress_delay_nothing_else(api: Api) {
    let receiver = HookReceiver::start();
    receiver.hold();
    let mut webhooks = Vec::new();
    for _ in 0..17 {
        webhooks.push(create(&api, json!({"url": receiver.url()})).await);
    }
    let send = |webhook: &Value| {
        let (api, path) = (api.clone(), format!("{}/test", path(webhook)));
        tokio::spawn(async move { api.admin().post_empty(&path).await })
    };
    let tests: Vec<_> = webhooks[..16].iter().map(send).collect();
    wait_until("all tests to be in progress", async || receiver.in_flight() == 16).await;
    for webhook in [&webhooks[0], &webhooks[16]] {
        let refused = send(webhook).await.unwrap();
        assert!(refused.header("retry-after").is_some());
        refused.problem(503, "server_busy");
    }
    create(&api, json!({"url": receiver.url()})).await;
    assert!(tests.iter().all(|test| !test.is_finished()), "the creation has waited for a test");
    receiver.release();
    for test in tests {
        test.await.unwrap().expect(200);
    }
    test(&api, &webhooks[16]).await;
}

#[on_both]
async fn a_webhook_has_one_test_at_a_time(api: Api) {
    let receiver = HookReceiver::start();
    receiver.hold();
    let fields = json!({"url": receiver.url()});
    let webhooks = [create(&api, fields.clone()).await, create(&api, fields).await];
    let send = |webhook: &Value| {
        let (api, path) = (api.clone(), format!("{}/test", path(webhook)));
        tokio::spawn(async move { api.admin().post_empty(&path).await })
    };
    let first = send(&webhooks[0]);
    wait_until("the test to be in progress", async || receiver.in_flight() == 1).await;
    send(&webhooks[0]).await.unwrap().problem(503, "server_busy");
    let second = send(&webhooks[1]);
    wait_until("the test of the other webhook to be in progress", async || receiver.in_flight() == 2).await;
    receiver.release();
    for test in [first, second] {
        test.await.unwrap().expect(200);
    }
    test(&api, &webhooks[0]).await;
}
