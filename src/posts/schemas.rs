//! Schemas of the fields whose Rust type does not describe their JSON: lists of labels, and metadata.

use serde_json::{Value, json};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Array, ArrayBuilder, Object, ObjectBuilder, Type};

use crate::posts::labels::LabelKind;

const TAGS: &str = "The tags, in order.";
const AUTHORS: &str = "The names of the authors, in order.";
// The schemas do not have `uniqueItems`: it ignores the case rule, and generated TypeScript and Java clients would have
// sets in place of lists.
const RULES: &str = "Whitespace is trimmed and folded to single spaces. Two items must not be equal except for ASCII \
    case. Null means no items.";

pub(crate) fn tags() -> Array {
    labels(LabelKind::Tag, TAGS, Type::Array, json!(["Rust", "Web dev"]))
}

pub(crate) fn authors() -> Array {
    labels(LabelKind::Author, AUTHORS, Type::Array, json!(["Ada Lovelace"]))
}

pub(crate) fn tags_input() -> Array {
    let description = format!("{TAGS} {RULES}");
    labels(LabelKind::Tag, &description, SchemaType::from_iter([Type::Array, Type::Null]), json!(["Rust", "Web dev"]))
}

pub(crate) fn authors_input() -> Array {
    let description = format!("{AUTHORS} {RULES}");
    labels(LabelKind::Author, &description, SchemaType::from_iter([Type::Array, Type::Null]), json!(["Ada Lovelace"]))
}

fn labels(kind: LabelKind, description: &str, schema_type: impl Into<SchemaType>, example: Value) -> Array {
    let item = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(kind.max_length()));
    ArrayBuilder::new()
        .schema_type(schema_type)
        .items(item)
        .max_items(Some(kind.max_count()))
        .description(Some(description))
        .examples([example])
        .build()
}

pub(crate) fn metadata() -> Object {
    object("Other values that clients store with the post. They are neither searched nor filtered.", Type::Object)
}

pub(crate) fn metadata_input() -> Object {
    object(
        "Other values to store with the post: at most 16 KiB of JSON, 200 values, and 5 levels of nested objects and \
         arrays. Names have 1 to 100 characters. Members that are null are removed. Null means no values.",
        SchemaType::from_iter([Type::Object, Type::Null]),
    )
}

pub(crate) fn metadata_patch() -> Object {
    object(
        "Changes to the metadata, as a JSON Merge Patch of their own: members that are omitted keep their values, and \
         members that are null are removed. Null removes all members. The limits apply to the result.",
        SchemaType::from_iter([Type::Object, Type::Null]),
    )
}

/// An object with any members. Without `additional_properties`, openapi-typescript allows no members; with `true`,
/// OpenAPI Generator prints warnings; and with a schema that has no description, its Go clients use pointers to the
/// values.
fn object(description: &str, schema_type: impl Into<SchemaType>) -> Object {
    let value = ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some("Any JSON value."));
    ObjectBuilder::new()
        .schema_type(schema_type)
        .additional_properties(Some(value))
        .description(Some(description))
        .examples([json!({"canonical_url": "https://example.com/hello"})])
        .build()
}
