//! The OpenAPI document: current, complete, and free of constructs that break generated clients.

mod generators;
mod rules;

use std::collections::BTreeSet;

use posts_api::http::error::code::{BAD_REQUEST, HEAD_TOO_LARGE, METHOD_NOT_ALLOWED, ORIGIN_NOT_ALLOWED};
use posts_api::routes;
use serde_json::{Map, Value};

use crate::support::contract::inlined_document;

fn raw_document() -> Value {
    serde_json::to_value(posts_api::routes::document()).unwrap()
}

/// The document, in which shared responses, headers, and parameters replace the references to them.
fn document() -> &'static Value {
    inlined_document()
}

/// Path, method, and object of every operation.
fn operations(document: &Value) -> Vec<(String, String, &Map<String, Value>)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
        })
        .map(|(path, method, operation)| (path.clone(), method.clone(), operation.as_object().unwrap()))
        .collect()
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

/// Collects the names of all schemas that `value` refers to, also indirectly.
fn collect_schemas(document: &Value, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(name) = object.get("$ref").and_then(Value::as_str) {
                let name = name.strip_prefix("#/components/schemas/").unwrap().to_owned();
                let schema = &document["components"]["schemas"][&name];
                assert!(schema.is_object(), "{name} is referenced but not defined");
                if found.insert(name) {
                    collect_schemas(document, schema, found);
                }
            }
            object.values().for_each(|value| collect_schemas(document, value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_schemas(document, value, found)),
        _ => {}
    }
}

/// Collects every object schema within `schema`.
fn collect_objects<'a>(schema: &'a Value, found: &mut Vec<&'a Map<String, Value>>) {
    match schema {
        Value::Object(object) => {
            if object.get("properties").is_some_and(Value::is_object) {
                found.push(object);
            }
            object.values().for_each(|value| collect_objects(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_objects(value, found)),
        _ => {}
    }
}

#[test]
fn committed_document_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let current = posts_api::openapi::to_json(&posts_api::routes::document()).unwrap();
    // assert_eq! would print both documents.
    assert!(
        committed == current,
        "openapi/openapi.json is out of date; regenerate it with\n\n    \
         cargo run -- openapi > openapi/openapi.json\n"
    );
}

#[test]
fn document_is_openapi_3_1() {
    assert!(document()["openapi"].as_str().unwrap().starts_with("3.1."));
}

#[test]
fn operation_ids_are_handler_names() {
    let document = document();
    let names: BTreeSet<&str> =
        operations(document).iter().map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
    let handlers = BTreeSet::from([
        "list_posts", "create_post", "batch_create_posts", "put_post_by_slug", "get_post_by_slug", "get_post",
        "update_post", "delete_post", "publish_post", "unpublish_post", "list_tags", "list_authors", "list_redirects",
        "list_keys", "create_key", "revoke_key", "get_openapi", "get_docs", "get_docs_file", "get_problem",
        "check_liveness", "check_readiness", "list_changes", "stream_changes", "list_webhooks", "create_webhook",
        "get_webhook", "update_webhook", "delete_webhook", "rotate_webhook_secret", "replay_webhook", "test_webhook",
        "list_webhook_attempts",
    ]);
    assert_eq!(names, handlers);
}

#[test]
fn operations_describe_parameters_and_responses() {
    let document = document();
    for (path, method, operation) in operations(document) {
        let line = format!("{method} {path}");
        assert!(operation.get("summary").is_some_and(is_text), "{line} has no summary");
        assert!(
            operation.get("tags").and_then(Value::as_array).is_some_and(|tags| tags.len() == 1),
            "{line} has no tag"
        );
        for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            assert!(parameter.get("description").is_some_and(is_text), "{line}: {parameter}");
        }
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{line}");
        for (status, response) in responses {
            assert!(is_text(&response["description"]), "{line} {status}");
            if status.starts_with(['4', '5']) {
                let problem = &response["content"]["application/problem+json"];
                assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem", "{line} {status}");
                assert!(
                    problem["examples"].as_object().is_some_and(|examples| !examples.is_empty()),
                    "{line} {status}"
                );
            }
        }
        if path.starts_with("/api/") && path != "/api/openapi.json" {
            for status in ["401", "500", "503"] {
                assert!(responses.contains_key(status), "{line} lacks {status}");
            }
            assert!(operation["security"].as_array().is_some_and(|security| !security.is_empty()), "{line}");
        }
        if operation.contains_key("requestBody") {
            for status in ["400", "413", "415", "422"] {
                assert!(responses.contains_key(status), "{line} lacks {status}");
            }
        }
    }
}

/// Generated clients type a property that is not required as optional.
#[test]
fn response_properties_are_required() {
    let document = document();
    let mut names = BTreeSet::new();
    for (_, _, operation) in operations(document) {
        collect_schemas(document, &operation["responses"], &mut names);
    }
    assert!(names.contains("Post") && names.contains("PostPage") && names.contains("ApiKeys"), "{names:?}");
    for name in names {
        let mut found = Vec::new();
        collect_objects(&document["components"]["schemas"][&name], &mut found);
        for object in found {
            let mut properties: BTreeSet<&str> =
                object["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            // `errors` is present only with field errors, the totals only with `count`.
            for optional in ["errors", "total", "total_is_estimate"] {
                properties.remove(optional);
            }
            if name == "PostListItem" {
                properties.retain(|property| !["content", "excerpt"].contains(property));
            }
            let required: BTreeSet<&str> =
                object["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            assert_eq!(properties, required, "{name}");
        }
    }
}

#[test]
fn every_error_code_is_listed_with_an_operation() {
    let text = document().to_string();
    // No single operation returns these: the framework or a middleware does.
    let unlisted = [ORIGIN_NOT_ALLOWED, BAD_REQUEST, METHOD_NOT_ALLOWED, HEAD_TOO_LARGE];
    for code in routes::error_codes().filter(|code| !unlisted.contains(code)) {
        assert!(text.contains(&format!("/problems/{}\"", code.name)), "{code:?}");
    }
}

#[test]
fn post_fields_have_a_description_or_an_example() {
    let document = document();
    for (field, schema) in document["components"]["schemas"]["Post"]["properties"].as_object().unwrap() {
        let documented =
            is_text(&schema["description"]) || !schema["example"].is_null() || !schema["examples"].is_null();
        assert!(documented, "{field}: {schema}");
    }
}

/// The server rejects unknown fields, so the schemas must say so.
#[test]
fn request_bodies_allow_no_additional_properties() {
    let document = document();
    let mut names = BTreeSet::new();
    for (_, _, operation) in operations(document) {
        if let Some(body) = operation.get("requestBody") {
            collect_schemas(document, body, &mut names);
        }
    }
    assert!(names.contains("CreatePost") && names.contains("CreateApiKey"), "{names:?}");
    for name in names {
        assert_eq!(document["components"]["schemas"][&name]["additionalProperties"], false, "{name}");
    }
}
