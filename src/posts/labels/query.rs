//! The types of a list of tags or authors. They do not depend on SQL or HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::posts::labels::LabelKind;

/// A page of the tags or of the authors of published posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelQuery {
    pub kind: LabelKind,
    pub sort: LabelSort,
    /// The folded beginning of the names.
    pub prefix: Option<String>,
    /// The maximum number of labels on the page, 1 to 100.
    pub limit: u8,
    /// The label before the page. `None` is the beginning of the list.
    pub position: Option<LabelPosition>,
}

/// The order of a list of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum LabelSort {
    /// By the bytes of the folded name.
    Name,
    /// By the number of posts, descending, then by name.
    Posts,
}

/// The last label of the previous page. A cursor contains this position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelPosition {
    /// The folded name.
    #[serde(rename = "k")]
    pub label: String,
    /// Its number of posts when the page was read.
    #[serde(rename = "n")]
    pub posts: i64,
}

/// A tag or an author of published posts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"name": "Rust", "posts": 12}))]
pub struct Label {
    /// The name, as the most recently published post spells it.
    #[schema(example = "Rust", min_length = 1, max_length = 200)]
    pub name: String,
    /// The number of published posts with this name, without regard to ASCII case.
    #[schema(example = 12, minimum = 1)]
    pub posts: i64,
}
