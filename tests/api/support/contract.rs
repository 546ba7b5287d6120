//! Every answer that a test gets is held against the OpenAPI document: its status and its type must stand there.

use std::sync::LazyLock;

use serde_json::Value;

use super::call::Reply;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(posts_api::routes::document()).unwrap());

#[track_caller]
pub(super) fn check(method: &str, path: &str, reply: &Reply) {
    // As the router reads it.
    let path = &*percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let Some(operation) = operation(method, path) else { return };
    let described = &operation["responses"][reply.status.to_string()];
    assert!(described.is_object(), "{method} {path} answers {}, which the document does not tell", reply.status);
    let content_type = reply.header("content-type").unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default();
    if let Some(types) = described["content"].as_object().filter(|_| !reply.body.is_empty()) {
        // The files of the docs page are of several types, of which the document names one.
        assert!(
            types.contains_key(content_type) || path.starts_with("/docs/"),
            "{method} {path} answers {content_type}, which the document does not tell"
        );
    }
}

/// The operation that serves this request; a path without parameters goes before one with them.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let template =
        paths.keys().filter(|template| fits(template, path)).min_by_key(|template| template.contains('{'))?;
    paths[template].get(&method)
}

fn fits(template: &str, path: &str) -> bool {
    template.split('/').count() == path.split('/').count()
        && template
            .split('/')
            .zip(path.split('/'))
            .all(|(expected, given)| expected == given || (expected.starts_with('{') && !given.is_empty()))
}
