//! `posts-api webhooks`, on the database of a service that runs or not.

use serde_json::json;

use super::read;
use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
use crate::support::{Api, TestDatabase, on_both};

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str()), ("ADMIN_API_KEY", ADMIN_KEY)])
}

/// The columns of each row of `webhooks list`.
fn list(sandbox: &Sandbox) -> Vec<Vec<String>> {
    let text = sandbox.run(&["webhooks", "list"]).success();
    text.lines().skip(1).map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[on_both]
async fn a_webhook_is_created_with_all_options(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let secret = sandbox
        .run(&[
            "webhooks", "create", "--url", "https://8.8.8.8/hush?token=hush", "--name", "Rebuild", "--mode", "burst",
            "--event", "post.published", "--event", "post.deleted", "--header", "Authorization: Bearer hush",
            "--header", "X-A:b", "--body", r#"{"event_type":"posts"}"#, "--quiet", "5", "--max-wait", "60",
            "--disabled",
        ])
        .success();
    assert!(secret.starts_with("whsec_") && secret.ends_with('\n'), "{secret}");
    sandbox.run(&["webhooks", "create", "--url", "https://1.1.1.1"]).success();
    let listed = sandbox.run(&["webhooks", "list"]).success();
    assert!(!listed.contains("hush") && !listed.contains("whsec_"), "{listed}");
    assert_eq!(
        list(&sandbox),
        [
            ["1", "disabled", "burst", "-", "-", "https://8.8.8.8", "Rebuild"],
            ["2", "enabled", "each", "-", "-", "https://1.1.1.1", "1.1.1.1"],
        ]
    );
    sandbox.run(&["webhooks", "delete", "2"]).success();
    let api = Api::start(&std::sync::Arc::new(database), |_| {});
    let webhook = read(&api, &json!({"id": 1})).await;
    assert_eq!(webhook["url"], "https://8.8.8.8/hush?token=hush");
    assert_eq!(webhook["headers"], json!(["Authorization", "X-A"]));
    assert_eq!(webhook["events"], json!(["post.published", "post.deleted"]));
    assert_eq!(webhook["body"], json!({"event_type": "posts"}));
    assert_eq!((&webhook["quiet"], &webhook["max_wait"]), (&json!(5), &json!(60)));
}

#[on_both]
async fn invalid_options_are_reported_without_their_values(database: TestDatabase) {
    let sandbox = sandbox(&database);
    sandbox.run(&["migrate"]).success();
    for (arguments, message) in [
        (&["--url", "https://user:hush@8.8.8.8/"][..], "--url: must not contain a user name"),
        (&["--url", "http://8.8.8.8/hush"], "--url: must begin with https://"),
        (&["--url", "https://10.0.0.1/hush"], "--url: must not lead to"),
        (&["--url", "https://8.8.8.8/hush", "--mode", "x"], "--mode: must be each or burst"),
        (&["--url", "https://8.8.8.8/hush", "--event", "x"], "--event: must be one of"),
        (&["--url", "https://8.8.8.8/hush", "--header", "Host: hush"], "--header: must not be a header"),
        (&["--url", "https://8.8.8.8/hush", "--header", "hush"], "--header: must be a name, a colon, and a value"),
        (&["--url", "https://8.8.8.8/hush", "--header", "A: a", "--header", "A: b"], "--header: must not be repeated"),
        (&["--url", "https://8.8.8.8/hush", "--body", "hush"], "--body: invalid JSON"),
        (&["--url", "https://8.8.8.8/hush", "--body", "{}"], "--body: must be null unless the mode is burst"),
        (&["--url", "https://8.8.8.8/hush", "--quiet", "0"], "--quiet: must be between 1 and 3600"),
        (&["--url", "https://8.8.8.8/hush", "--max-wait", "1"], "--max-wait: must be at least quiet"),
    ] {
        let output = sandbox.run(&[&["webhooks", "create"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains(message), "{arguments:?}: {}", output.stderr);
        assert!(!output.stderr.contains("hush"), "{arguments:?}: {}", output.stderr);
    }
    assert_eq!(list(&sandbox), Vec::<Vec<String>>::new());
}

#[on_both]
async fn webhooks_of_a_running_service_are_changed(database: TestDatabase) {
    let api = Api::start(&std::sync::Arc::new(database), |_| {});
    let sandbox = sandbox(&api.server.database);
    api.create(json!({"title": "Before", "published": true})).await;
    sandbox.run(&["webhooks", "create", "--url", "https://8.8.8.8/", "--disabled"]).success();
    let webhook = json!({"id": 1});
    let pending = async || super::replay::pending(&api, &webhook).await;
    assert_eq!(pending().await, 0, "it starts at now");
    let start = read(&api, &webhook).await["position"].as_str().unwrap().to_owned();
    api.create(json!({"title": "After", "published": true})).await;
    assert_eq!(pending().await, 1);
    let moved = sandbox.run(&["webhooks", "replay", "1", "--cursor", "now"]).success();
    assert!(moved.starts_with("moved webhook 1"), "{moved}");
    assert_eq!(pending().await, 0);
    sandbox.run(&["webhooks", "replay", "1", "--cursor", &start]).success();
    assert_eq!(pending().await, 1);
    sandbox.run(&["webhooks", "replay", "1", "--since", "2020-01-31T12:00:00Z"]).success();
    assert_eq!(pending().await, 2);
    assert_eq!(sandbox.run(&["webhooks", "disable", "1"]).success(), "disabled webhook 1\n");
    assert_eq!(read(&api, &webhook).await["enabled"], false);
    let moved = sandbox.run(&["webhooks", "replay", "1", "--cursor", "now"]).success();
    assert_eq!(moved, "moved webhook 1; enable it to deliver the changes after its new position\n");
    api.server.database.execute("UPDATE webhooks SET disabled_reason = 'gone', url = 'https://127.0.0.2:1/'");
    assert_eq!(list(&sandbox)[0][1], "gone");
    assert_eq!(sandbox.run(&["webhooks", "enable", "1"]).success(), "enabled webhook 1\n");
    assert_eq!(list(&sandbox)[0][1], "enabled");
    assert_eq!(sandbox.run(&["webhooks", "delete", "1"]).success(), "deleted webhook 1\n");
    api.admin().get("/api/webhooks/1").await.problem(404, "not_found");
    for arguments in [
        &["enable", "1"][..],
        &["disable", "1"],
        &["delete", "1"],
        &["replay", "1", "--cursor", "now"],
        &["replay", "1", "--since", "2020-01-31T12:00:00Z"],
    ] {
        let output = sandbox.run(&[&["webhooks"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let message = "error: webhook 1 does not exist; run posts-api webhooks list\n";
        assert!(output.stderr.ends_with(message), "{arguments:?}: {}", output.stderr);
    }
}

#[on_both]
async fn an_invalid_start_of_a_replay_is_rejected(database: TestDatabase) {
    let sandbox = sandbox(&database);
    sandbox.run(&["webhooks", "create", "--url", "https://8.8.8.8/", "--disabled"]).success();
    for arguments in [
        &["1"][..],
        &["1", "--cursor", "x"],
        &["1", "--since", "x"],
        &["1", "--since", "2999-01-31T12:00:00Z"],
        &["1", "--cursor", "now", "--since", "2020-01-31T12:00:00Z"],
        &["x", "--cursor", "now"],
    ] {
        let output = sandbox.run(&[&["webhooks", "replay"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", output.stderr);
    }
    // Housekeeping has deleted the beginning of the log.
    database.execute("INSERT INTO posts (slug, title, published) VALUES ('a', 'A', TRUE)");
    database.execute("DELETE FROM post_changes WHERE kind = 0");
    let output = sandbox.run(&["webhooks", "replay", "1", "--since", "2020-01-31T12:00:00Z"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.contains("the log no longer contains all changes"), "{}", output.stderr);
}

/// A secret that is not printed is lost, so nothing is stored.
#[on_both]
async fn nothing_is_stored_if_the_secret_is_not_printed(database: TestDatabase) {
    let sandbox = sandbox(&database);
    sandbox.run(&["migrate"]).success();
    for redirect in [">&-", ">/dev/full", ">/dev/null"] {
        let line = format!("posts-api webhooks create --url https://8.8.8.8/ {redirect}");
        let output = sandbox.shell(&line);
        assert_eq!(output.status.code(), Some(1), "{redirect}");
        assert!(output.stderr.contains("failed to print the secret, so it was not stored"), "{}", output.stderr);
    }
    assert_eq!(list(&sandbox), Vec::<Vec<String>>::new());
}
