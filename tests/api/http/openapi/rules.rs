//! Rules that hold for every part of the OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};

use posts_api::validation::FIELD_CODES;
use serde_json::{Map, Value, json};

use super::{is_text, operations, raw_document};
use crate::support::contract::inlined_document;

/// Every object in the document with its JSON Pointer, except in examples.
pub(super) fn objects(document: &Value) -> Vec<(String, &Map<String, Value>)> {
    let (mut found, mut stack) = (Vec::new(), vec![(String::new(), document)]);
    while let Some((pointer, value)) = stack.pop() {
        match value {
            Value::Object(object) => {
                let members = object.iter().filter(|(name, _)| !["example", "examples"].contains(&name.as_str()));
                stack.extend(members.map(|(name, value)| (format!("{pointer}/{}", name.replace('/', "~1")), value)));
                found.push((pointer, object));
            }
            Value::Array(items) => {
                stack.extend(items.iter().enumerate().map(|(index, item)| (format!("{pointer}/{index}"), item)));
            }
            _ => {}
        }
    }
    found
}

/// Whether the schema has this type, possibly among others.
fn has_type(schema: &Map<String, Value>, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(types)) => types.contains(&json!(name)),
        _ => false,
    }
}

#[test]
fn every_schema_and_property_has_a_description() {
    let document = raw_document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(is_text(&schema["description"]), "{name}");
    }
    for (pointer, object) in objects(&document) {
        let Some(properties) = object.get("properties").and_then(Value::as_object) else { continue };
        for (name, property) in properties {
            assert!(is_text(&property["description"]), "{pointer}/properties/{name}");
        }
    }
}

#[test]
fn arrays_and_numbers_have_limits() {
    // The keys are listed on one page, however many there are, and a problem lists every invalid field.
    let unlimited = ["/components/schemas/ApiKeys/properties/items", "/components/schemas/Problem/properties/errors"];
    let document = raw_document();
    let mut found = Vec::new();
    for (pointer, schema) in objects(&document) {
        if has_type(schema, "array") && !schema.contains_key("maxItems") {
            found.push(pointer);
        } else if has_type(schema, "integer") {
            assert!(schema.contains_key("minimum"), "{pointer}");
        }
    }
    found.sort();
    assert_eq!(found, unlimited);
}

#[test]
fn every_response_documents_its_request_id() {
    let document = inlined_document();
    for (path, method, operation) in operations(document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let header = &response["headers"]["X-Request-Id"];
            assert_eq!(header["required"], true, "{method} {path} {status}");
        }
    }
}

#[test]
fn headers_have_a_description_and_a_type() {
    let document = inlined_document();
    let mut required = BTreeMap::<(String, String), BTreeSet<bool>>::new();
    for (path, method, operation) in operations(document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            for (name, header) in response["headers"].as_object().unwrap() {
                assert!(is_text(&header["description"]), "{method} {path} {status} {name}");
                assert!(header["schema"]["type"].is_string(), "{method} {path} {status} {name}");
                let group = if status.starts_with('2') { "2xx" } else { status };
                let is_required = header["required"] == true;
                if (name.as_str(), status.as_str(), is_required) == ("Retry-After", "503", false) {
                    assert_eq!(path, "/api/changes/stream", "an instance that allows no streams sends none");
                    continue;
                }
                required.entry((name.clone(), group.to_owned())).or_default().insert(is_required);
            }
        }
    }
    let required = |name: &str, status: &str| required[&(name.to_owned(), status.to_owned())].clone();
    for (name, status) in [("ETag", "2xx"), ("ETag", "304"), ("Link", "2xx"), ("Location", "2xx"), ("Location", "301")]
    {
        assert_eq!(required(name, status), BTreeSet::from([true]), "{name} {status}");
    }
    for (name, status) in
        [("WWW-Authenticate", "401"), ("Retry-After", "429"), ("RateLimit", "429"), ("Retry-After", "503")]
    {
        assert_eq!(required(name, status), BTreeSet::from([true]), "{name} {status}");
    }
    for (name, status) in [("Idempotency-Replayed", "2xx"), ("RateLimit", "2xx"), ("Retry-After", "409")] {
        assert_eq!(required(name, status), BTreeSet::from([false]), "{name} {status}");
    }
}

/// What several operations have in common is in the components, so that the document is short.
#[test]
fn shared_parts_are_references() {
    let document = raw_document();
    let mut parameters = BTreeMap::<String, usize>::new();
    for (path, method, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let is_shared = response["$ref"].is_string();
            assert_eq!(is_shared, status.starts_with(['4', '5']) || status == "304", "{method} {path} {status}");
        }
        for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            if parameter["$ref"].is_null() {
                *parameters.entry(parameter.to_string()).or_default() += 1;
            }
        }
    }
    // The lists of tags and of authors have the same parameters `sort` and `q`.
    assert!(parameters.values().all(|count| *count <= 2), "{parameters:?}");
    let bytes = posts_api::openapi::to_json(&posts_api::routes::document()).unwrap().len();
    let inlined = serde_json::to_string_pretty(inlined_document()).unwrap().len();
    assert!(bytes * 2 < inlined, "{bytes} bytes of {inlined}");
}

/// A summary such as "Create a post", not "Creates a post" or "Post creation".
#[test]
fn summaries_are_imperative() {
    let verbs = [
        "Check", "Create", "Delete", "Explain", "Get", "List", "Publish", "Replay", "Revoke", "Rotate", "Show",
        "Stream", "Test", "Unpublish", "Update",
    ];
    let document = raw_document();
    for (path, method, operation) in operations(&document) {
        let summary = operation["summary"].as_str().unwrap();
        assert!(verbs.contains(&summary.split(' ').next().unwrap()), "{method} {path}: {summary}");
        assert!(!summary.ends_with('.'), "{summary}");
    }
}

#[test]
fn fields_and_paths_are_in_the_order_of_the_code() {
    let document = raw_document();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    let templates = posts_api::routes::templates();
    let in_code: Vec<&String> = templates.iter().filter(|path| paths.contains(path)).collect();
    assert_eq!(paths, in_code);
    let schema = &document["components"]["schemas"]["PostListItem"]["properties"];
    let names: Vec<&str> = schema.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names[..4], ["id", "slug", "title", "description"]);
    let content = names.iter().position(|name| *name == "content").unwrap();
    assert_eq!(
        names[content + 1..],
        ["excerpt", "published", "published_at", "scheduled_for", "created_at", "updated_at", "version"]
    );
}

#[test]
fn license_has_a_url() {
    let license = &raw_document()["info"]["license"];
    assert!(license["url"].as_str().unwrap().starts_with("https://"), "{license}");
    // A license has a URL or an SPDX identifier, not both.
    assert!(license["identifier"].is_null(), "{license}");
}

/// The document and the page on errors list every code that a field error can have.
#[test]
fn field_error_codes_are_listed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let pattern = regex::Regex::new(r#"(?:Invalid::new\([ \n]*|[ {]code: )"([a-z_]+)""#).unwrap();
    let mut used = BTreeSet::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let source = std::fs::read_to_string(path).unwrap();
                used.extend(pattern.captures_iter(&source).map(|found| found[1].to_owned()));
            }
        }
    }
    assert_eq!(used, BTreeSet::from(FIELD_CODES.map(str::to_owned)));
    let code = &raw_document()["components"]["schemas"]["FieldError"]["properties"]["code"];
    assert_eq!(code["x-extensible-enum"], json!(FIELD_CODES));
    let page = std::fs::read_to_string(root.join("docs/api/errors.md")).unwrap();
    for code in FIELD_CODES {
        assert!(page.contains(&format!("| `{code}` |")), "{code}");
    }
}
