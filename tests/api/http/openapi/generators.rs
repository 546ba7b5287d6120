//! Constructs that break generated clients do not occur in the OpenAPI document.

use std::collections::BTreeSet;

use posts_api::routes;
use serde_json::{Map, Value, json};

use super::rules::objects;
use super::{document, operations, raw_document};
use crate::support::contract::inlined_document;

/// Generated clients decode a list in either view: `content` and `excerpt` are optional properties of one schema.
#[test]
fn list_items_have_one_schema_for_both_views() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let page = &document["paths"]["/api/posts"]["get"]["responses"]["200"]["content"]["application/json"];
    assert_eq!(page["schema"], json!({"$ref": "#/components/schemas/PostPage"}));
    assert_eq!(
        schemas["PostPage"]["properties"]["items"]["items"],
        json!({"$ref": "#/components/schemas/PostListItem"})
    );
    let names = |schema: &str| -> BTreeSet<String> {
        schemas[schema]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let mut expected = names("Post");
    expected.insert("excerpt".to_owned());
    assert_eq!(names("PostListItem"), expected);
    let required = schemas["PostListItem"]["required"].as_array().unwrap();
    let optional: Vec<&String> = expected.iter().filter(|name| !required.contains(&json!(name))).collect();
    assert_eq!(optional, ["content", "excerpt"]);
}

/// Generated clients send the documented defaults. Sorting by the default of `sort` would replace the order by
/// relevance of a search, and a default in a request body makes a property required in some of them.
#[test]
fn no_schema_has_a_default() {
    let document = document();
    let mut stack = vec![document];
    while let Some(value) = stack.pop() {
        match value {
            Value::Object(object) => {
                assert!(!object.contains_key("default"), "{value}");
                stack.extend(object.values());
            }
            Value::Array(values) => stack.extend(values),
            _ => {}
        }
    }
}

/// A closed `enum` would make the decoders of generated clients reject the codes of later versions.
#[test]
fn problem_code_lists_the_known_codes() {
    let document = document();
    let code = &document["components"]["schemas"]["Problem"]["properties"]["code"];
    assert_eq!(code["type"], "string");
    assert!(code["enum"].is_null(), "{code}");
    let known: Vec<&str> = routes::error_codes().map(|code| code.name).collect();
    assert_eq!(code["x-extensible-enum"], json!(known));
}

/// Client generators skip `x-internal` operations, or have an option to.
#[test]
fn pages_and_health_checks_are_internal() {
    let document = document();
    let internal: BTreeSet<_> = operations(document)
        .into_iter()
        .filter(|(_, _, operation)| operation.get("x-internal") == Some(&json!(true)))
        .map(|(path, _, operation)| {
            assert_eq!(operation["tags"], json!(["operations"]), "{path}");
            path
        })
        .collect();
    let expected = ["/docs", "/docs/{name}", "/health/live", "/health/ready"].map(str::to_owned);
    assert_eq!(internal, BTreeSet::from(expected));
}

/// No value satisfies an `allOf` of two different types.
#[test]
fn all_of_never_combines_two_types() {
    let document = document();
    let contradicts = |schemas: &[Value]| {
        schemas.iter().filter_map(|schema| schema["type"].as_str()).collect::<BTreeSet<_>>().len() > 1
    };
    let mut stack = vec![document];
    while let Some(value) = stack.pop() {
        if let Some(all_of) = value["allOf"].as_array() {
            assert!(!contradicts(all_of), "{value}");
        }
        match value {
            Value::Object(object) => stack.extend(object.values()),
            Value::Array(values) => stack.extend(values),
            _ => {}
        }
    }
}

#[test]
fn every_parameter_has_a_typed_schema() {
    let document = document();
    for (path, method, operation) in operations(document) {
        for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            assert!(!parameter["schema"]["type"].is_null(), "{method} {path}: {parameter}");
        }
    }
}

/// utoipa makes the schema of an optional body nullable, and generated clients would then send `null`.
#[test]
fn request_bodies_are_not_nullable() {
    let document = document();
    for (path, method, operation) in operations(document) {
        let contents = operation.get("requestBody").and_then(|body| body["content"].as_object());
        for content in contents.into_iter().flat_map(Map::values) {
            assert!(content["schema"]["$ref"].is_string(), "{method} {path}: {content}");
        }
    }
}

/// Generated PHP clients compile the patterns with PCRE, which matches bytes there.
#[test]
fn patterns_work_in_pcre() {
    let document = raw_document();
    let patterns: BTreeSet<&str> =
        objects(&document).iter().filter_map(|(_, schema)| schema.get("pattern")?.as_str()).collect();
    assert!(patterns.len() >= 6, "{patterns:?}");
    // Escapes that mean the same in PCRE, ECMAScript, Python, Java, and RE2. PCRE has no `\u`.
    let portable = regex::Regex::new(r"^(?:[^\\]|\\s|\\\*|\\x[0-7][0-9a-f])*$").unwrap();
    let is_match = |pattern: &str, text: &str| {
        let bytes = regex::bytes::Regex::new(&format!("(?-u){pattern}")).unwrap_or_else(|error| panic!("{error}"));
        bytes.is_match(text.as_bytes())
    };
    for pattern in &patterns {
        assert!(portable.is_match(pattern), "{pattern}");
        // A quotation mark ends the string that contains the pattern in generated code.
        assert!(pattern.is_ascii() && !pattern.contains('"'), "{pattern}");
        assert_eq!(is_match(pattern, "a"), !pattern.contains("x22"), "{pattern}");
    }
    for (schema, field) in [("CreatePost", "title"), ("CreatePost", "content"), ("CreateApiKey", "name")] {
        let pattern = document["components"]["schemas"][schema]["properties"][field]["pattern"].as_str().unwrap();
        assert!(is_match(pattern, "Ä é\u{a0}日本 😀 \u{85}\u{9f}"), "{pattern}");
        assert!(!is_match(pattern, "a\0b"), "{pattern}");
    }
    let tags = inlined_document()["paths"]["/api/tags"]["get"]["parameters"].as_array().unwrap();
    let q = tags.iter().find(|parameter| parameter["name"] == "q").unwrap()["schema"]["pattern"].as_str().unwrap();
    assert!(is_match(q, "Ä é 日本") && !is_match(q, "a\u{7}"), "{q}");
}

/// Two ids that differ by a plural only are easily taken for each other.
#[test]
fn operation_ids_differ_by_more_than_a_plural() {
    let document = raw_document();
    let ids: Vec<String> =
        operations(&document).iter().map(|(.., operation)| operation["operationId"].to_string()).collect();
    let singular: BTreeSet<String> = ids.iter().map(|id| id.replace("s_", "_").replace("s\"", "\"")).collect();
    assert_eq!(singular.len(), ids.len(), "{ids:?}");
}
