//! Checks every response that a test receives against the OpenAPI document: it must list the status and content type.

use std::sync::LazyLock;

use serde_json::Value;

use super::call::Reply;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(posts_api::routes::document()).unwrap());

#[track_caller]
pub(super) fn check(method: &str, path: &str, reply: &Reply) {
    // The router matches the decoded path.
    let path = &*percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let Some(operation) = operation(method, path) else { return };
    let documented = &operation["responses"][reply.status.to_string()];
    assert!(
        documented.is_object(),
        "{method} {path} returned {}, which the OpenAPI document does not list",
        reply.status
    );
    let content_type = reply.header("content-type").unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default();
    if let Some(types) = documented["content"].as_object().filter(|_| !reply.body.is_empty()) {
        // The files below /docs/ have several types, of which the document lists one.
        assert!(
            types.contains_key(content_type) || path.starts_with("/docs/"),
            "{method} {path} returned {content_type}, which the OpenAPI document does not list"
        );
    }
}

/// The operation that serves this request. A literal path takes precedence over one with parameters.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let template = paths
        .keys()
        .filter(|template| matches_template(template, path))
        .min_by_key(|template| template.contains('{'))?;
    paths[template].get(&method)
}

fn matches_template(template: &str, path: &str) -> bool {
    template.split('/').count() == path.split('/').count()
        && template
            .split('/')
            .zip(path.split('/'))
            .all(|(expected, given)| expected == given || (expected.starts_with('{') && !given.is_empty()))
}
