//! Metrics, logs, and `doctor`.

use std::sync::Arc;

use serde_json::json;

use super::{Hook, hours_ago, is_true, migrated, publish, publish_by_sql, sandbox, wait_until_idle};
use crate::changes::expiry::age;
use crate::operations::doctor::{assert_check, run_doctor};
use crate::support::hook_receiver::{Behavior, HookReceiver};
use crate::support::{Api, TestDatabase, on_both, wait_until};

const PENDING: &str = "webhook_oldest_pending_seconds";

async fn metric(api: &Api, line: &str) -> f64 {
    let address = api.server.admin_address.unwrap();
    let text = reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap();
    let prefix = format!("posts_api_{line} ");
    let value = text.lines().find_map(|found| found.strip_prefix(&prefix));
    value.unwrap_or_else(|| panic!("no {line} in {text}")).parse().unwrap()
}

fn start(database: TestDatabase) -> Api {
    Api::start(&Arc::new(database), |config| config.admin_port = Some(0))
}

/// Waits until a metric has a value. The worker looks again at least every 10 seconds.
async fn wait_for_metric(api: &Api, line: &str, is_expected: impl Fn(f64) -> bool) {
    api.server.deliveries.wake();
    wait_until(line, async || is_expected(metric(api, line).await)).await;
}

#[on_both]
async fn metrics_count_attempts_and_states(database: TestDatabase) {
    let api = start(database);
    let receiver = HookReceiver::start();
    let id = Hook::each(&receiver.url()).create(&api);
    publish(&api, "first").await;
    receiver.wait_for(1).await;
    wait_until_idle(&api.server.database).await;
    wait_for_metric(&api, "webhooks{state=\"active\"}", |count| count > 0.0).await;
    assert!(metric(&api, "webhook_attempts_total{outcome=\"success\"}").await >= 1.0);
    receiver.behave(Behavior::Status(500));
    publish(&api, "second").await;
    wait_for_metric(&api, "webhooks{state=\"failing\"}", |count| count > 0.0).await;
    receiver.behave(Behavior::Close);
    super::make_due(&api);
    wait_for_metric(&api, "webhook_attempts_total{outcome=\"error\"}", |count| count > 0.0).await;
    assert!(metric(&api, "webhook_attempts_total{outcome=\"rejected\"}").await >= 1.0);
    receiver.behave(Behavior::Status(410));
    super::make_due(&api);
    wait_for_metric(&api, "webhooks{state=\"given_up\"}", |count| count > 0.0).await;
    assert!(metric(&api, "webhooks{state=\"disabled\"}").await < 1.0);
    // A client that disables a webhook which was given up has seen it.
    let path = format!("/api/webhooks/{id}");
    api.admin().patch(&path, &json!({"enabled": false})).await.expect(200);
    wait_for_metric(&api, "webhooks{state=\"disabled\"}", |count| count > 0.0).await;
    assert!(metric(&api, "webhooks{state=\"given_up\"}").await < 1.0);
}

/// The delay before the next attempt of one webhook must not hide that the requests of another one are not sent.
#[on_both]
async fn requests_in_a_retry_delay_are_not_due(database: TestDatabase) {
    let api = start(database);
    let (receiver, database) = (HookReceiver::start(), &api.server.database);
    receiver.behave(Behavior::Status(500));
    Hook::each(&receiver.url()).create(&api);
    publish(&api, "first").await;
    wait_for_metric(&api, "webhooks{state=\"failing\"}", |count| count > 0.0).await;
    let later = hours_ago(-1);
    wait_until("the next attempt to be late", async || {
        database.execute(&format!("UPDATE webhooks SET next_attempt_at = '{later}' WHERE lease IS NULL"));
        is_true(database, &format!("lease IS NULL AND next_attempt_at = '{later}'"))
    })
    .await;
    wait_for_metric(&api, PENDING, |seconds| seconds == 0.0).await;
    // Another instance holds the lease of this one, and sends nothing.
    let stalled = Hook::each(&receiver.url()).insert(database);
    database.execute(&format!("UPDATE webhooks SET lease = 'x', leased_until = '{later}' WHERE id = {stalled}"));
    publish(&api, "second").await;
    wait_for_metric(&api, PENDING, |seconds| seconds > 0.0).await;
    database.execute(&format!("UPDATE webhooks SET enabled = FALSE WHERE id = {stalled}"));
    wait_for_metric(&api, PENDING, |seconds| seconds == 0.0).await;
    // The failed request is due when its delay has passed.
    receiver.hold();
    super::make_due(&api);
    wait_for_metric(&api, PENDING, |seconds| seconds > 0.0).await;
    receiver.release();
}

/// The changes are old, but their requests have been due only since the replay.
#[on_both]
async fn a_replay_of_old_changes_is_not_late(database: TestDatabase) {
    const POLLED_AT: &str = "webhook_last_poll_timestamp_seconds";
    let api = start(database);
    let receiver = HookReceiver::start();
    let id = Hook::each(&receiver.url()).create(&api);
    publish(&api, "first").await;
    receiver.wait_for(1).await;
    wait_until_idle(&api.server.database).await;
    receiver.hold();
    age(&api.server.database, 20, "TRUE");
    let replay = json!({"since": hours_ago(25 * 24)});
    api.admin().post(&format!("/api/webhooks/{id}/replay"), &replay).await.expect(200);
    // The first of these checks may have begun before the replay.
    for _ in 0..2 {
        let polled_at = metric(&api, POLLED_AT).await;
        wait_for_metric(&api, POLLED_AT, |seconds| seconds > polled_at).await;
    }
    wait_for_metric(&api, PENDING, |seconds| seconds > 0.0).await;
    assert!(metric(&api, PENDING).await < 24.0 * 3600.0);
    receiver.release();
}

#[on_both]
async fn the_last_poll_ages_if_webhooks_cannot_be_read(database: TestDatabase) {
    const POLLED_AT: &str = "webhook_last_poll_timestamp_seconds";
    const ERRORS: &str = "db_errors_total{kind=\"query\"}";
    let api = start(database);
    wait_for_metric(&api, POLLED_AT, |seconds| seconds > 0.0).await;
    api.server.database.execute("ALTER TABLE webhooks RENAME TO gone");
    wait_for_metric(&api, ERRORS, |count| count >= 2.0).await;
    let polled_at = metric(&api, POLLED_AT).await;
    wait_for_metric(&api, ERRORS, |count| count >= 5.0).await;
    assert_eq!(metric(&api, POLLED_AT).await.to_bits(), polled_at.to_bits());
    api.server.database.execute("ALTER TABLE gone RENAME TO webhooks");
    wait_for_metric(&api, POLLED_AT, |seconds| seconds > polled_at).await;
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

#[on_both]
async fn doctor_reports_requests_that_no_instance_sends(database: TestDatabase) {
    let database = migrated(database);
    let (sandbox, receiver, change) = (sandbox(&database), HookReceiver::start(), |change: String| {
        database.execute(&change);
    });
    let id = Hook::each(&receiver.url()).insert(&database);
    publish_by_sql(&database, "a");
    let expect = |state: &str, message: &str| assert_check(&run_doctor(&sandbox), "webhooks", state, message);
    let late = format!("webhook {id} (test) has had a request due since");
    expect("ok", "1 webhook");
    change(format!("UPDATE post_changes SET at = '{}'", hours_ago(1)));
    // A replay can have moved the position a moment ago.
    expect("ok", "1 webhook");
    change(format!("UPDATE webhooks SET updated_at = '{}'", hours_ago(1)));
    expect("warning", &late);
    change(format!("UPDATE webhooks SET leased_until = '{}'", hours_ago(-1)));
    expect("ok", "1 webhook");
    change(format!("UPDATE webhooks SET leased_until = NULL, next_attempt_at = '{}'", hours_ago(-1)));
    expect("ok", "1 webhook");
    change("UPDATE webhooks SET next_attempt_at = NULL, mode = 1".to_owned());
    expect("warning", &late);
    change("UPDATE webhooks SET enabled = FALSE".to_owned());
    expect("ok", "1 webhook");
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
