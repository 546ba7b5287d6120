//! Checks every response that a test receives against the OpenAPI document: it must list the status, the content type,
//! and the headers.

use std::sync::LazyLock;

use serde_json::Value;

use super::call::Reply;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let document = serde_json::to_value(posts_api::routes::document()).unwrap();
    let mut inlined = document.clone();
    inline(&mut inlined, &document);
    inlined
});

/// The document, in which shared responses, headers, and parameters replace the references to them. References to
/// schemas stay.
pub(crate) fn inlined_document() -> &'static Value {
    &DOCUMENT
}

fn inline(value: &mut Value, document: &Value) {
    let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    if let Some(pointer) = reference.filter(|pointer| !pointer.starts_with("/components/schemas/")) {
        *value = document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is missing")).clone();
    }
    match value {
        Value::Object(object) => object.values_mut().for_each(|value| inline(value, document)),
        Value::Array(items) => items.iter_mut().for_each(|value| inline(value, document)),
        _ => {}
    }
}

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
    check_headers(method, path, reply, documented);
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

/// The response has each required header, and no header that the document describes for other responses only.
#[track_caller]
fn check_headers(method: &str, path: &str, reply: &Reply, documented: &Value) {
    let headers = &documented["headers"];
    for (name, header) in headers.as_object().into_iter().flatten() {
        let is_missing = header["required"] == true && reply.header(name).is_none();
        assert!(!is_missing, "{method} {path} returned {} without {name}", reply.status);
    }
    for name in DOCUMENT["components"]["headers"].as_object().unwrap().keys() {
        // Any response can report the state of the rate limit. The document says so for successes and 429 only.
        let is_undocumented = headers[name].is_null() && reply.header(name).is_some() && !name.starts_with("RateLimit");
        assert!(!is_undocumented, "{method} {path} returned {} with the undocumented {name}", reply.status);
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
