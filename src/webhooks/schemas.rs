//! Schemas of the fields whose Rust type does not describe their JSON, and the example of a webhook.

use serde_json::{Value, json};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Array, ArrayBuilder, Object, ObjectBuilder, Type};

use crate::posts::changes::query::ChangeType;
use crate::webhooks::fields::{MAX_BODY, MAX_HEADER_VALUE, MAX_HEADERS};

const EVENTS: &str = "The changes that the webhook announces.";
const BODY: &str = "With `burst`: the JSON object that is sent in place of the event.";

/// The webhook in the examples.
pub(crate) fn example() -> Value {
    json!({
        "id": 1, "name": "Rebuild the site", "url": "https://hooks.example/posts", "mode": "burst",
        "events": ChangeType::ALL, "headers": [], "body": null, "quiet": 10, "max_wait": 120, "enabled": true,
        "disabled_reason": null, "position": "eyJs", "next_attempt_at": null, "failing_since": null,
        "last_success_at": "2026-02-01T12:00:00.000000Z", "created_at": "2026-01-31T12:00:00.000000Z",
        "updated_at": "2026-01-31T12:00:00.000000Z", "version": 1,
    })
}

pub(crate) fn mode_input() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["each", "burst"]))
        .description(Some(
            "`each` sends a request for each change, in order. `burst` sends one request for all changes of a burst, \
             for example to rebuild a site. `each` for a new webhook.",
        ))
        .build()
}

/// The events of a response. Not an `enum`, because later versions may add types.
pub(crate) fn events() -> Array {
    let item = ObjectBuilder::new().schema_type(Type::String);
    array(Type::Array, item, &format!("{EVENTS} Later versions may add types."))
}

pub(crate) fn events_input() -> Array {
    let item =
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(ChangeType::ALL.map(|event| json!(event))));
    let description =
        format!("{EVENTS} No item may be repeated. If omitted or null, the webhook announces all changes.");
    array(SchemaType::from_iter([Type::Array, Type::Null]), item, &description)
}

fn array(schema_type: impl Into<SchemaType>, item: ObjectBuilder, description: &str) -> Array {
    ArrayBuilder::new()
        .schema_type(schema_type)
        .items(item)
        .min_items(Some(1))
        .max_items(Some(ChangeType::ALL.len()))
        .description(Some(description))
        .examples([json!(["post.published", "post.deleted"])])
        .build()
}

pub(crate) fn headers_input() -> Object {
    let description = format!(
        "Additional request headers, at most {MAX_HEADERS}: names and values of 1 to {MAX_HEADER_VALUE} ASCII \
         characters. They are merged with those of the webhook: null removes a header. In place of the object, null \
         removes all."
    );
    let value = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .max_length(Some(MAX_HEADER_VALUE))
        .description(Some("The value of the header."));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .additional_properties(Some(value))
        .description(Some(description))
        .examples([json!({"Authorization": "Bearer ghp_x"})])
        .build()
}

pub(crate) fn body() -> Object {
    body_object(BODY.to_owned())
}

pub(crate) fn body_input() -> Object {
    body_object(format!("{BODY} At most {} KiB. If omitted or null, the event is sent.", MAX_BODY / 1024))
}

fn body_object(description: String) -> Object {
    // See the schema of `metadata` in posts.
    let value = ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some("Any JSON value."));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .additional_properties(Some(value))
        .description(Some(description))
        .examples([json!({"event_type": "posts-changed"})])
        .build()
}

/// The webhook in the examples, with its secret.
pub(crate) fn created_example() -> Value {
    let mut example = example();
    if let Value::Object(webhook) = &mut example {
        webhook.insert("last_success_at".to_owned(), Value::Null);
        webhook.insert("secret".to_owned(), json!("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="));
    }
    example
}
