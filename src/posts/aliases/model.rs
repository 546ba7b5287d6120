//! The limits of aliases.

use serde_json::Value;

use crate::posts::model;
use crate::validation::{Fields, Invalid, JsonValue};

/// The maximum number of aliases of a post. A trigger removes the oldest one when another is added.
pub const MAX_ALIASES: usize = 50;

/// Parses the field `aliases`: an array of at most [`MAX_ALIASES`] slugs. Returns an empty list if it is absent or null.
pub(crate) fn read(fields: &mut Fields) -> Vec<String> {
    let values = fields.nullable("aliases", |values: Vec<Value>| {
        if values.len() > MAX_ALIASES {
            return Err(Invalid::new("too_many", format!("must have at most {MAX_ALIASES} items")));
        }
        Ok(values)
    });
    let mut aliases = Vec::new();
    for (index, value) in values.flatten().unwrap_or_default().into_iter().enumerate() {
        match String::from_json(value).and_then(model::slug) {
            Ok(alias) => aliases.push(alias),
            Err(invalid) => fields.push_error(&format!("/aliases/{index}"), invalid),
        }
    }
    aliases
}
