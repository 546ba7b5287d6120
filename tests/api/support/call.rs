//! Requests and their responses.

use std::pin::Pin;

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::{contract, wait_for};

/// A request. Awaiting it sends it, and checks the response against the OpenAPI document.
pub(crate) struct Call(pub(super) RequestBuilder);

impl Call {
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// Sets the raw body and its content type.
    pub(crate) fn body(self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.header("content-type", content_type).body(body))
    }
}

impl IntoFuture for Call {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (client, request) = self.0.build_split();
            let request = request.unwrap();
            let (method, path) = (request.method().to_string(), request.url().path().to_owned());
            let line = format!("{method} {path}");
            let mut response = client.execute(request).await.unwrap_or_else(|error| panic!("{line}: {error:?}"));
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            // A stream has no end, so its body is what it begins with.
            let is_stream = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
            let body = if is_stream { response.chunk().await.unwrap() } else { Some(response.bytes().await.unwrap()) };
            let reply = Reply { line, status, headers, body: body.unwrap_or_default().to_vec() };
            contract::check(&method, &path, &reply);
            reply
        })
    }
}

/// Sends the request until the service knows up to where the log of changes is complete, and returns the response. On
/// PostgreSQL, this is unknown for a moment after a start, and while polls are late on a busy machine.
pub(crate) async fn when_ready(request: impl Fn() -> Call) -> Reply {
    wait_for("the log of changes to be ready", async || {
        let reply = request().await;
        if reply.status != 503 {
            return Some(reply);
        }
        assert_eq!(reply.header("retry-after"), Some("1"));
        reply.problem(503, "changes_not_ready");
        None
    })
    .await
}

/// A complete response.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// Method and path of the request, for assertion messages.
    pub(crate) line: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Internals that must not appear in an error response.
const LEAKS: [&str; 11] = [
    "select ", "insert ", "returning", "relation", "sqlite", "postgres", "diesel", "/tmp", "127.0.0.1", "localhost",
    ".rs:",
];

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.line, String::from_utf8_lossy(&self.body));
        self
    }

    /// Asserts the status and returns the JSON body.
    #[track_caller]
    pub(crate) fn json(self, status: u16) -> Value {
        serde_json::from_slice(&self.expect(status).body).unwrap()
    }

    /// Asserts a problem response (RFC 9457) with this status and code, and every property that all problem responses
    /// share. Returns its body.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        let reply = self.expect(status);
        let (line, text) = (&reply.line, reply.text().to_owned());
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{line}");
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["code"], code, "{line}: {text}");
        assert_eq!(problem["status"], status, "{line}: {text}");
        assert_eq!(problem["type"], format!("/problems/{code}"), "{line}: {text}");
        for member in ["title", "detail", "request_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{line}, {member}: {text}");
        }
        assert_eq!(problem["request_id"].as_str(), reply.header("x-request-id"), "{line}");
        // A batch lists its conflicting slugs as field errors, too.
        let lists_errors = code == "validation_failed" || (code == "slug_taken" && line.ends_with("/batch"));
        assert_eq!(problem.get("errors").is_some(), lists_errors, "{line}: {text}");
        let lower = text.to_lowercase();
        for leak in LEAKS {
            assert!(!lower.contains(leak), "{line} exposes {leak:?}: {text}");
        }
        problem
    }

    /// Asserts `validation_failed` and returns the pointer and code of each field error, sorted.
    #[track_caller]
    pub(crate) fn field_errors(self) -> Vec<(String, String)> {
        field_errors(&self.problem(422, "validation_failed"))
    }
}

/// The pointer and code of each field error in a problem response, sorted.
pub(crate) fn field_errors(problem: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut errors: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .inspect(|error| assert!(!text(&error["detail"]).is_empty()))
        .map(|error| (text(&error["pointer"]), text(&error["code"])))
        .collect();
    errors.sort();
    errors
}
