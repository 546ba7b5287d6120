//! The spans that an OTLP collector receives.

use std::collections::HashMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
use crate::support::receiver::{Received, Receiver};
use crate::support::{Engine, TestDatabase, http_client, on_both, wait_for, wait_until};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn sandbox(database: &TestDatabase, scheme: &str, receiver: &Receiver) -> Sandbox {
    let endpoint = format!("{scheme}://{}/", receiver.address);
    Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("CACHE_BYTES", "0"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20collector"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=tests"),
    ])
}

fn exports(receiver: &Receiver) -> Vec<ExportTraceServiceRequest> {
    receiver.received().iter().map(|request| ExportTraceServiceRequest::decode(&*request.body).unwrap()).collect()
}

fn spans(receiver: &Receiver) -> Vec<Span> {
    let scopes =
        exports(receiver).into_iter().flat_map(|export| export.resource_spans).flat_map(|spans| spans.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn attributes(span: &Span) -> HashMap<String, String> {
    let text = |value: &Any| match value {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let value = |value: Option<_>| -> Option<String> { value.map(|value| text(&value)) };
    span.attributes
        .iter()
        .map(|pair| (pair.key.clone(), value(pair.value.clone().and_then(|any| any.value)).unwrap_or_default()))
        .collect()
}

fn hex(id: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(id)
}

async fn send(method: Method, url: String, body: &Value) -> u16 {
    let request = http_client().build().unwrap().request(method.clone(), url);
    let request = request.header("traceparent", format!("00-{TRACE}-{PARENT}-01"));
    let request = if method.is_safe() { request } else { request.bearer_auth(ADMIN_KEY).json(body) };
    request.send().await.unwrap().status().as_u16()
}

/// Waits for a span with this name in the trace of the requests.
async fn span(receiver: &Receiver, name: &str) -> Span {
    wait_for(name, async || spans(receiver).into_iter().find(|span| span.name == name && hex(&span.trace_id) == TRACE))
        .await
}

fn child<'a>(spans: &'a [Span], parent: &Span, name: &str) -> &'a Span {
    let child = spans.iter().find(|span| span.parent_span_id == parent.span_id && span.name == name);
    child.unwrap_or_else(|| panic!("{name} in {}: {spans:#?}", parent.name))
}

#[on_both]
async fn request_trace_has_queries_without_values(database: TestDatabase) {
    let receiver = Receiver::start();
    let sandbox = sandbox(&database, "http", &receiver);
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let post = json!({"title": "hush title", "content": "hush content", "published": true});
    assert_eq!(send(Method::POST, format!("{base}/api/posts"), &post).await, 201);
    assert_eq!(send(Method::GET, format!("{base}/api/posts/1?x"), &Value::Null).await, 200);
    assert_eq!(send(Method::GET, format!("{base}/api/posts?q=hush&sort=title"), &Value::Null).await, 200);
    assert_eq!(send(Method::GET, format!("{base}/nowhere/at/all"), &Value::Null).await, 404);
    let created = span(&receiver, "POST /api/posts").await;
    let read = span(&receiver, "GET /api/posts/{id}").await;
    let listed = span(&receiver, "GET /api/posts").await;
    let missed = span(&receiver, "GET unmatched").await;
    for request in [&created, &read, &listed, &missed] {
        assert_eq!(hex(&request.parent_span_id), PARENT);
        assert_eq!(request.kind(), SpanKind::Server);
    }
    let created_attributes = attributes(&created);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/posts"),
        ("url.path", "/api/posts"),
        ("http.response.status_code", "201"),
        ("request_id", TRACE),
    ] {
        assert_eq!(created_attributes.get(name).map(String::as_str), Some(value), "{created_attributes:#?}");
    }
    assert_eq!(attributes(&missed)["http.response.status_code"], "404");
    // A child span ends before its parent, so the collector already has the children.
    let all = spans(&receiver);
    let insert = child(&all, child(&all, &created, "database write"), "INSERT");
    child(&all, child(&all, &read, "database read inline"), "SELECT");
    child(&all, child(&all, &listed, "database read"), "SELECT");
    let query = attributes(insert);
    let system = if database.engine == Engine::Sqlite { "sqlite" } else { "postgresql" };
    assert_eq!((query["db.system.name"].as_str(), insert.kind()), (system, SpanKind::Client));
    assert!(query["db.query.text"].starts_with("INSERT INTO"), "{query:#?}");
    assert!(query["db.query.text"].contains("title"), "{query:#?}");
    for Received { line, headers, body } in receiver.received() {
        assert_eq!(line, "POST /v1/traces");
        assert!(headers.contains(&"content-type: application/x-protobuf".to_owned()), "{headers:?}");
        assert!(headers.contains(&"authorization: Bearer collector".to_owned()), "{headers:?}");
        for secret in ["hush", ADMIN_KEY] {
            assert!(!body.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} was exported");
        }
    }
    let resource = exports(&receiver)[0].resource_spans[0].resource.clone().unwrap();
    let service = attributes(&Span { attributes: resource.attributes, ..Span::default() });
    let environment = service["deployment.environment.name"].as_str();
    assert_eq!((service["service.name"].as_str(), environment), ("posts-api", "tests"));
}

#[on_both]
async fn failures_are_marked_and_health_is_not_traced(database: TestDatabase) {
    let receiver = Receiver::start();
    let sandbox = sandbox(&database, "http", &receiver);
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    database.execute("ALTER TABLE posts RENAME TO gone");
    assert_eq!(send(Method::GET, format!("{base}/api/posts/1"), &Value::Null).await, 500);
    let failed = span(&receiver, "GET /api/posts/{id}").await;
    assert_eq!(
        failed.status.as_ref().map(opentelemetry_proto::tonic::trace::v1::Status::code),
        Some(StatusCode::Error)
    );
    assert_eq!(failed.events.len(), 1, "{failed:#?}");
    assert_eq!(failed.events[0].name, "request failed");
    // The scheduler polls meanwhile, and fails.
    wait_until("the scheduler's error", async || server.stderr().contains("failed to publish scheduled posts")).await;
    // The service exports the last spans before it exits.
    assert_eq!(send(Method::GET, format!("{base}/health/ready"), &Value::Null).await, 200);
    server.signal("TERM");
    assert!(server.wait_for_exit().await.success());
    let all = spans(&receiver);
    assert!(all.iter().any(|span| span.name == "GET /health/ready"), "{all:#?}");
    let is_known = |id: &[u8]| hex(id) == PARENT || all.iter().any(|span| span.span_id == id);
    assert!(all.iter().all(|span| is_known(&span.parent_span_id)), "{all:#?}");
}

#[on_both]
async fn unresponsive_collector_is_reported_and_harmless(database: TestDatabase) {
    let receiver = Receiver::start();
    let mut sandbox = sandbox(&database, "http", &receiver);
    // The discard port: no server listens.
    sandbox.set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    assert_eq!(send(Method::GET, format!("{base}/api/posts"), &Value::Null).await, 200);
    wait_until("the export error", async || server.stderr().contains("opentelemetry")).await;
    assert_eq!(send(Method::GET, format!("{base}/api/posts"), &Value::Null).await, 200);
    server.signal("TERM");
    assert!(server.wait_for_exit().await.success());
}

#[tokio::test]
async fn collector_certificate_must_be_trusted() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    let (receiver, certificate) = Receiver::with_tls();
    let mut sandbox = sandbox(&database, "https", &receiver);
    let mut server = sandbox.start("distrusting", &[]);
    let base = server.base_url().await;
    assert_eq!(send(Method::GET, format!("{base}/api/posts"), &Value::Null).await, 200);
    wait_until("the export error", async || server.stderr().contains("opentelemetry")).await;
    assert!(receiver.received().is_empty());
    drop(server);
    sandbox.write("trusted.pem", &certificate);
    sandbox.set("SSL_CERT_FILE", sandbox.path("trusted.pem").to_str().unwrap());
    let mut server = sandbox.start("trusting", &[]);
    let base = server.base_url().await;
    assert_eq!(send(Method::GET, format!("{base}/api/posts"), &Value::Null).await, 200);
    span(&receiver, "GET /api/posts").await;
}
