//! Redirects: their representation, and the limits of aliases.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::posts::validate;
use crate::validation::{FieldError, Fields, Invalid, JsonValue};

/// The maximum number of aliases of a post. A trigger removes the oldest one when another is added.
pub const MAX_ALIASES: usize = 50;

/// An old slug of a published post, and its present one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"from": "hello", "to": "hello-world", "id": 1}))]
pub struct Redirect {
    /// The old slug.
    #[schema(example = "hello", min_length = 1, max_length = 200, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    pub from: String,
    /// The present slug of the post.
    #[schema(example = "hello-world", min_length = 1, max_length = 200, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    pub to: String,
    /// The id of the post.
    #[schema(example = 1, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
}

/// A page of redirects.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"items": [{"from": "hello", "to": "hello-world", "id": 1}], "next_cursor": null}))]
pub struct RedirectPage {
    /// The redirects, in alphabetical order of the old slugs.
    #[schema(max_items = 100)]
    pub items: Vec<Redirect>,
    /// The `cursor` of the next page. Null on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// Parses the member `aliases` of an import file. Returns an empty list if it is absent, null, or invalid.
pub(crate) fn read(fields: &mut Fields) -> Vec<String> {
    fields.nullable_tree("aliases", aliases).flatten().unwrap_or_default()
}

/// An array of at most [`MAX_ALIASES`] slugs.
fn aliases(value: Value) -> Result<Vec<String>, Vec<FieldError>> {
    let values = Vec::from_json(value).map_err(|invalid| vec![invalid.at("")])?;
    if values.len() > MAX_ALIASES {
        return Err(vec![Invalid::new("too_many", format!("must have at most {MAX_ALIASES} items")).at("")]);
    }
    let (mut aliases, mut errors) = (Vec::new(), Vec::new());
    for (index, value) in values.into_iter().enumerate() {
        match String::from_json(value).and_then(validate::slug) {
            Ok(alias) => aliases.push(alias),
            Err(invalid) => errors.push(invalid.at(&format!("/{index}"))),
        }
    }
    if errors.is_empty() { Ok(aliases) } else { Err(errors) }
}
