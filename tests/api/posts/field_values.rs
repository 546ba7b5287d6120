//! Values of the fields that clients set, for the tests of all fields.

use serde_json::{Map, Value, json};

/// A value for each field of a `PUT`, and another one.
pub(super) fn values() -> Vec<(&'static str, Value, Value)> {
    vec![
        ("title", json!("Page"), json!("page")),
        ("description", json!("One line"), Value::Null),
        ("tags", json!(["Rust", "C++"]), json!(["C++", "Rust"])),
        ("authors", json!(["Ada"]), json!([])),
        ("image", json!("/a.png"), json!("/b.png")),
        ("image_alt", json!(""), Value::Null),
        ("metadata", json!({"a": 1, "b": [null]}), json!({"b": [null], "a": 1})),
        ("content", json!("text"), json!("")),
        ("published", json!(true), json!(false)),
    ]
}

/// A post with the first of these values.
pub(super) fn body() -> Value {
    values().into_iter().map(|(field, value, _)| (field.to_owned(), value)).collect::<Map<_, _>>().into()
}

/// Fails if a field of the schema is not among `tested`.
pub(super) fn assert_complete<'a>(document: &Value, schema: &str, tested: impl IntoIterator<Item = &'a str>) {
    let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
    let mut fields: Vec<&str> = properties.keys().map(String::as_str).collect();
    let mut tested: Vec<&str> = tested.into_iter().collect();
    fields.sort_unstable();
    tested.sort_unstable();
    assert_eq!(fields, tested, "the fields of {schema}");
}
