//! Secrets, header values, and URLs are in no other response and in no log.

use serde_json::{Value, json};

use super::{create, path};
use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
use crate::support::{Api, TestDatabase, on_both, wait_for, when_ready};

#[on_both]
async fn secrets_are_returned_only_once(api: Api) {
    let webhook = create(&api, json!({"headers": {"Authorization": "Bearer hush-header", "X-Token": "hush"}})).await;
    let path = path(&webhook);
    let rotated = api.admin().post_empty(&format!("{path}/rotate")).await.json(200);
    let replies = [
        api.admin().get("/api/webhooks").await,
        api.admin().get(&path).await,
        api.admin().patch(&path, &json!({"headers": {"X-Other": "hush-other"}})).await,
        when_ready(|| api.admin().post(&format!("{path}/replay"), &json!({"cursor": "now"}))).await,
        api.admin().get(&format!("{path}/attempts")).await,
    ];
    for reply in replies {
        let text = reply.text().to_owned();
        for secret in [&webhook["secret"], &rotated["secret"]] {
            assert!(!text.contains(secret.as_str().unwrap()), "{}: {text}", reply.line);
        }
        let without_url = text.replace("hush-url", "");
        assert!(!without_url.contains("hush") && !text.contains("whsec_"), "{}: {text}", reply.line);
    }
}

/// A server with the most verbose log, and with spans of queries in it.
#[on_both]
async fn credentials_are_not_logged(database: TestDatabase) {
    let sandbox = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("RUST_LOG", "trace"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("WEBHOOK_NETWORKS", "127.0.0.0/8"),
    ]);
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = async |method: &str, path: &str, body: Value| {
        let url = format!("{base}{path}");
        let request = client.request(method.parse().unwrap(), url).bearer_auth(ADMIN_KEY).json(&body);
        let response = request.send().await.unwrap();
        let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
        (status, serde_json::from_str::<Value>(&text).unwrap_or_default())
    };
    let receiver = crate::support::receiver::Receiver::start();
    let url = format!("http://{}/hush-path?token=hush-query", receiver.address);
    let fields = json!({"url": url, "headers": {"Authorization": "Bearer hush-header"}});
    let (status, created) = wait_for("the log of changes to be ready", async || {
        Some(send("POST", "/api/webhooks", fields.clone()).await).filter(|(status, _)| *status != 503)
    })
    .await;
    assert_eq!(status, 201, "{created}");
    let path = format!("/api/webhooks/{}", created["id"]);
    let (_, rotated) = send("POST", &format!("{path}/rotate"), json!({})).await;
    assert_eq!(send("POST", &format!("{path}/test"), json!({})).await.0, 200);
    assert_eq!(send("PATCH", &path, json!({"headers": {"X-A": "hush-other"}, "url": url})).await.0, 200);
    for bad in ["https://user:hush-user@8.8.8.8/hush-path", "http://8.8.8.8/hush-path", "https://10.0.0.1/hush-path"] {
        assert_eq!(send("POST", "/api/webhooks", json!({"url": bad})).await.0, 422);
    }
    let refused = json!({"url": format!("http://{}/hush-path", super::CLOSED), "enabled": true});
    let (_, failing) = send("POST", "/api/webhooks", refused).await;
    assert_eq!(send("POST", &format!("/api/webhooks/{}/test", failing["id"]), json!({})).await.0, 200);
    assert_eq!(send("DELETE", &path, json!({})).await.0, 204);
    let log = server.final_log().await;
    assert!(log.contains("TRACE") && log.contains("/api/webhooks/{id}/rotate"), "the log has audit lines");
    let receivers: Vec<&str> = log.lines().filter(|line| line.contains("webhook receiver set")).collect();
    assert_eq!(receivers.len(), 3, "two creations and a change of the URL: {receivers:?}");
    assert!(receivers.iter().all(|line| line.contains("http://127.0.0.1") && line.contains("webhook=")));
    for secret in ["hush", created["secret"].as_str().unwrap(), rotated["secret"].as_str().unwrap(), "whsec_"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
