//! The error events that Sentry receives.

use serde_json::Value;

use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
use crate::support::receiver::Receiver;
use crate::support::{Engine, TestDatabase, http_client, on_both, wait_for};

pub(super) fn sandbox(database: &TestDatabase, scheme: &str, receiver: &Receiver) -> Sandbox {
    let dsn = format!("{scheme}://public-key@{}/42", receiver.address);
    Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("SENTRY_DSN", &dsn),
        ("SENTRY_ENVIRONMENT", "tests"),
    ])
}

/// The events in the received envelopes. An envelope has a header line, and each item a header line and a content line.
pub(super) fn events(receiver: &Receiver) -> Vec<Value> {
    let mut events = Vec::new();
    for request in receiver.received() {
        assert_eq!(request.line, "POST /api/42/envelope/");
        assert!(
            request.headers.iter().any(|header| header.starts_with("x-sentry-auth: ") && header.contains("public-key"))
        );
        let text = String::from_utf8(request.body).unwrap();
        let mut lines = text.lines().skip(1);
        while let Some(header) = lines.next().filter(|line| !line.is_empty()) {
            let header: Value = serde_json::from_str(header).unwrap();
            let content = serde_json::from_str(lines.next().unwrap()).unwrap();
            if header["type"] == "event" {
                events.push(content);
            }
        }
    }
    events
}

/// The level of an event, which defaults to `error`.
fn level(event: &Value) -> &str {
    event.get("level").map_or("error", |level| level.as_str().unwrap())
}

/// Sends a request whose query, key, and headers contain secrets, and returns its status.
pub(super) async fn get_status(base: &str, path: &str) -> u16 {
    let client = http_client().build().unwrap();
    let request =
        client.get(format!("{base}{path}?q=hush-query")).bearer_auth(ADMIN_KEY).header("x-hush", "hush-header");
    request.send().await.unwrap().status().as_u16()
}

pub(super) async fn failure_event(receiver: &Receiver) -> Value {
    wait_for("the failure event", async || {
        events(receiver).into_iter().find(|event| event["message"] == "request failed")
    })
    .await
}

#[on_both]
async fn failed_request_is_reported_without_secrets(database: TestDatabase) {
    let receiver = Receiver::start();
    let sandbox = sandbox(&database, "http", &receiver);
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    for (path, status) in [("/api/posts", 200), ("/nowhere", 404)] {
        assert_eq!(get_status(&base, path).await, status);
    }
    database.execute("ALTER TABLE posts RENAME TO gone");
    assert_eq!(get_status(&base, "/api/posts").await, 500);
    let event = failure_event(&receiver).await;
    assert_eq!((level(&event), &event["environment"]), ("error", &"tests".into()));
    assert_eq!(event["release"], concat!("posts-api@", env!("CARGO_PKG_VERSION")));
    let fields = &event["contexts"]["Rust Tracing Fields"];
    assert_eq!((&fields["request"], &fields["status"]), (&"GET /api/posts".into(), &500.into()));
    let cause = fields["cause"].as_str().unwrap();
    assert!(cause.contains("posts"), "{event:#}");
    assert_eq!(event["fingerprint"], serde_json::json!(["{{ default }}", cause]));
    for event in &events(&receiver) {
        assert_eq!((level(event), event.get("server_name")), ("error", None), "{event:#}");
        assert!(event.get("user").is_none() && event.get("breadcrumbs").is_none(), "{event:#}");
    }
    for request in receiver.received() {
        let body = String::from_utf8(request.body).unwrap();
        assert!(!body.contains("hush") && !body.contains(ADMIN_KEY), "{body}");
    }
    assert!(server.final_log().await.contains(fields["request_id"].as_str().unwrap()));
}

#[tokio::test]
async fn sentry_certificate_must_be_trusted() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    let (receiver, certificate) = Receiver::with_tls();
    let mut sandbox = sandbox(&database, "https", &receiver);
    sandbox.run(&["migrate"]).success();
    for is_trusted in [false, true] {
        if is_trusted {
            sandbox.write("trusted.pem", &certificate);
            sandbox.set("SSL_CERT_FILE", sandbox.path("trusted.pem").to_str().unwrap());
        }
        let mut server = sandbox.start("server", &[]);
        let base = server.base_url().await;
        database.execute("ALTER TABLE posts RENAME TO gone");
        assert_eq!(get_status(&base, "/api/posts").await, 500);
        database.execute("ALTER TABLE gone RENAME TO posts");
        if is_trusted {
            failure_event(&receiver).await;
        }
        // The service sends the last events before it exits.
        server.signal("TERM");
        assert!(server.wait_for_exit().await.success());
        assert_eq!(events(&receiver).is_empty(), !is_trusted);
    }
}

#[tokio::test]
async fn last_error_is_sent_before_the_process_exits() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    let receiver = Receiver::start();
    let sandbox = sandbox(&database, "http", &receiver);
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    database.execute("ALTER TABLE posts RENAME TO gone");
    assert_eq!(get_status(&base, "/api/posts").await, 500);
    server.signal("TERM");
    assert!(server.wait_for_exit().await.success());
    assert!(events(&receiver).iter().any(|event| event["message"] == "request failed"));
}
