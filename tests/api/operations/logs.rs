//! The program's log: its format, request ids, and slow queries.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::ADMIN_KEY;
use crate::support::program::{Process, Sandbox};
use crate::support::{Api, TestDatabase, http_client, on_both, wait_for};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn traceparent() -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-01")
}

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("CACHE_BYTES", "0"),
    ])
}

async fn send(method: Method, url: String, body: &Value) -> u16 {
    let request = http_client().build().unwrap().request(method.clone(), url);
    let request = request.header("traceparent", traceparent());
    let request = if method.is_safe() { request } else { request.bearer_auth(ADMIN_KEY).json(body) };
    request.send().await.unwrap().status().as_u16()
}

fn slow_query_lines(server: &Process) -> Vec<String> {
    server.stderr().lines().filter(|line| line.contains(" WARN slow_query: ")).map(str::to_owned).collect()
}

#[on_both]
async fn request_id_is_the_trace_id_or_generated(api: Api) {
    let traced = api.get("/api/posts").header("traceparent", &traceparent()).await.expect(200);
    assert_eq!(traced.header("x-request-id"), Some(TRACE));
    let problem = api.get("/nowhere").header("traceparent", &traceparent()).await.problem(404, "not_found");
    assert_eq!(problem["request_id"], TRACE);
    for invalid in
        ["", "00-x", &traceparent().to_uppercase(), "00-00000000000000000000000000000000-00f067aa0ba902b7-01"]
    {
        let reply = api.get("/api/posts").header("traceparent", invalid).await.expect(200);
        assert!(reply.header("x-request-id").is_some_and(|id| id.len() == 16), "{invalid:?}: {reply:?}");
    }
}

#[on_both]
async fn json_log_has_one_object_per_line(database: TestDatabase) {
    let mut sandbox = sandbox(&database);
    sandbox.set("LOG_FORMAT", "json");
    // An ignored parameter causes a warning during startup, which must be JSON too.
    sandbox.set(
        "DATABASE_URL",
        &format!("{}{}", database.url, if database.url.starts_with("postgres") { "?socket_timeout=1" } else { "" }),
    );
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    assert_eq!(send(Method::POST, format!("{base}/api/posts"), &json!({"title": "One"})).await, 201);
    assert_eq!(send(Method::DELETE, format!("{base}/nowhere/%0a\u{9b}\u{2028}"), &json!({})).await, 404);
    let log = server.final_log().await;
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for event in &events {
        for member in ["timestamp", "level", "target", "message"] {
            assert!(event[member].is_string(), "{event}");
        }
    }
    let audit: Vec<&Value> = events.iter().filter(|event| event["target"] == "audit").collect();
    assert_eq!(audit.len(), 2, "{log}");
    assert_eq!((&audit[0]["status"], &audit[0]["request_id"]), (&json!(201), &json!(TRACE)));
    assert_eq!((&audit[0]["route"], &audit[0]["outcome"]), (&json!("/api/posts"), &json!("done")));
    assert_eq!(audit[1]["path"], "/nowhere/%0a%C2%9B%E2%80%A8");
}

#[on_both]
async fn slow_query_is_logged_with_its_request_without_values(database: TestDatabase) {
    database.migrate();
    let posts = (1..=3000)
        .map(|id| json!({"id": id, "slug": format!("hush-{id}"), "title": format!("hush {id}"), "published": true}));
    database.import(&posts.collect::<Vec<_>>());
    let mut sandbox = sandbox(&database);
    sandbox.set("SLOW_QUERY_MS", "1");
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let url = format!("{base}/api/posts?q=hush&count=exact&limit=100&view=summary");
    wait_for("a slow query", async || {
        assert_eq!(send(Method::GET, url.clone(), &Value::Null).await, 200);
        slow_query_lines(&server).into_iter().find(|line| line.contains("SELECT") && line.contains(TRACE))
    })
    .await;
    for body in [json!({"title": "hush", "content": "hush"}), json!({"title": "hush", "slug": "hush-1"})] {
        send(Method::POST, format!("{base}/api/posts"), &body).await;
    }
    let log = server.final_log().await;
    assert!(!log.contains("hush"), "{log}");
    let line = slow_query_lines(&server).into_iter().find(|line| line.contains(TRACE)).unwrap();
    assert!(line.contains("slow query milliseconds=") && line.contains(" query=\""), "{line}");
}

#[on_both]
async fn queries_are_not_logged_by_default(database: TestDatabase) {
    for limit in ["", "3600000"] {
        let mut sandbox = sandbox(&database);
        sandbox.set("SLOW_QUERY_MS", limit);
        let mut server = sandbox.start("server", &[]);
        let base = server.base_url().await;
        assert_eq!(send(Method::POST, format!("{base}/api/posts"), &json!({"title": "One"})).await, 201);
        assert_eq!(send(Method::GET, format!("{base}/api/posts?q=one"), &Value::Null).await, 200);
        let log = server.final_log().await;
        assert!(!log.contains("slow_query"), "{log}");
    }
}
