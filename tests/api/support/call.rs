//! A request, and what came back.

use std::pin::Pin;

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::contract;

/// A request; awaiting it sends it.
pub(crate) struct Call(pub(super) RequestBuilder);

impl Call {
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// A body as it is, with its type.
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
            let response = client.execute(request).await.unwrap_or_else(|error| panic!("{line}: {error:?}"));
            let reply = Reply {
                line,
                status: response.status().as_u16(),
                headers: response.headers().clone(),
                body: response.bytes().await.unwrap().to_vec(),
            };
            contract::check(&method, &path, &reply);
            reply
        })
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// Method and path of the request, for messages.
    pub(crate) line: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// None of this may stand in an answer about an error.
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

    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn json(self, status: u16) -> Value {
        serde_json::from_slice(&self.expect(status).body).unwrap()
    }

    /// The body of an error answer, which keeps the promises that all of them make.
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
        // Of a batch, the slugs that are taken are listed, too.
        let lists_errors = code == "validation_failed" || (code == "slug_taken" && line.ends_with("/batch"));
        assert_eq!(problem.get("errors").is_some(), lists_errors, "{line}: {text}");
        let lower = text.to_lowercase();
        for leak in LEAKS {
            assert!(!lower.contains(leak), "{line} tells {leak:?}: {text}");
        }
        problem
    }

    /// Pointers and codes of a `validation_failed`, sorted.
    #[track_caller]
    pub(crate) fn mistakes(self) -> Vec<(String, String)> {
        mistakes(&self.problem(422, "validation_failed"))
    }
}

/// Pointers and codes in a problem, sorted.
pub(crate) fn mistakes(problem: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut mistakes: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .inspect(|error| assert!(!text(&error["detail"]).is_empty()))
        .map(|error| (text(&error["pointer"]), text(&error["code"])))
        .collect();
    mistakes.sort();
    mistakes
}
