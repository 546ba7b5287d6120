//! Metrics, logs, and `doctor`.

use std::sync::Arc;

use super::{Hook, hours_ago, is_true, migrated, publish, publish_by_sql, sandbox, wait_until_idle};
use crate::operations::doctor::{assert_check, run_doctor};
use crate::support::hook_receiver::{Behavior, HookReceiver};
use crate::support::{Api, TestDatabase, on_both, wait_until};

async fn metric(api: &Api, line: &str) -> f64 {
    let address = api.server.admin_address.unwrap();
    let text = reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap();
    let prefix = format!("posts_api_{line} ");
    let value = text.lines().find_map(|found| found.strip_prefix(&prefix));
    value.unwrap_or_else(|| panic!("no {line} in {text}")).parse().unwrap()
}

#[on_both]
async fn metrics_count_attempts_and_states(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.admin_port = Some(0));
    let receiver = HookReceiver::start();
    Hook::each(&receiver.url()).create(&api);
    publish(&api, "first").await;
    receiver.wait_for(1).await;
    wait_until_idle(&api.server.database).await;
    wait_until("the worker to look again", async || metric(&api, "webhooks{state=\"active\"}").await > 0.0).await;
    assert!(metric(&api, "webhook_attempts_total{outcome=\"success\"}").await >= 1.0);
    receiver.behave(Behavior::Status(500));
    publish(&api, "second").await;
    wait_until("the webhook to fail", async || metric(&api, "webhooks{state=\"failing\"}").await > 0.0).await;
    receiver.behave(Behavior::Close);
    super::make_due(&api);
    wait_until("the second failure", async || metric(&api, "webhook_attempts_total{outcome=\"error\"}").await > 0.0)
        .await;
    assert!(metric(&api, "webhook_attempts_total{outcome=\"rejected\"}").await >= 1.0);
    wait_until("the pending change to age", async || metric(&api, "webhook_oldest_pending_seconds").await > 0.0).await;
    api.server.database.execute("UPDATE webhooks SET enabled = FALSE");
    api.server.deliveries.wake();
    wait_until("the webhook to be disabled", async || metric(&api, "webhooks{state=\"disabled\"}").await > 0.0).await;
    wait_until("nothing to be pending", async || metric(&api, "webhook_oldest_pending_seconds").await == 0.0).await;
}

#[on_both]
async fn doctor_reports_webhooks_that_need_attention(database: TestDatabase) {
    let database = migrated(database);
    let sandbox = sandbox(&database);
    assert_check(&run_doctor(&sandbox), "webhooks", "ok", "0 webhooks");
    let receiver = HookReceiver::start();
    let id = Hook::each(&receiver.url()).insert(&database);
    assert_check(&run_doctor(&sandbox), "webhooks", "ok", "1 webhook");
    for (change, message) in [
        (format!("failing_since = '{}'", hours_ago(5)), "has failed since"),
        ("failing_since = NULL, secret = 'hush'".to_owned(), "has an invalid secret"),
        ("secret = 'whsec_AAAA', url = 'http://10.0.0.1/hush'".to_owned(), "has a URL to which no request may be sent"),
        ("enabled = FALSE, disabled_reason = 'failing'".to_owned(), "was disabled after 3 days"),
        ("disabled_reason = 'gone'".to_owned(), "responded with 410"),
    ] {
        database.execute(&format!("UPDATE webhooks SET {change}"));
        let checks = run_doctor(&sandbox);
        assert_check(&checks, "webhooks", "warning", message);
        assert_check(&checks, "webhooks", "warning", &format!("webhook {id} (test)"));
        assert!(!checks["webhooks"].1.contains("hush"), "{checks:?}");
    }
    database.execute("UPDATE webhooks SET disabled_reason = NULL");
    assert_check(&run_doctor(&sandbox), "webhooks", "ok", "1 webhook");
}

/// URL, headers, and secret of a webhook are credentials. What a receiver responds may be one, too.
#[on_both]
async fn logs_contain_scheme_and_host_only(database: TestDatabase) {
    let database = migrated(database);
    let (receiver, mut sandbox) = (HookReceiver::start(), sandbox(&database));
    sandbox.set("RUST_LOG", "trace");
    receiver.behave(Behavior::Headers(500, "X-Error: hush-response".to_owned()));
    Hook { headers: r#"{"Authorization":"Bearer hush-header"}"#, ..Hook::each(&receiver.url()) }.insert(&database);
    let mut server = sandbox.start("server", &[]);
    server.base_url().await;
    publish_by_sql(&database, "a");
    wait_until("the failure to be stored", async || is_true(&database, "attempt = 1")).await;
    database.execute(&format!("UPDATE webhooks SET failing_since = '{0}', next_attempt_at = '{0}'", hours_ago(73)));
    publish_by_sql(&database, "b");
    wait_until("the webhook to be disabled", async || is_true(&database, "NOT enabled")).await;
    let log = server.final_log().await;
    for expected in ["a webhook request failed", "disabled a webhook", "http://127.0.0.1"] {
        assert!(log.contains(expected), "no {expected}");
    }
    for secret in ["hush", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}
