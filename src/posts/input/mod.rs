//! Request bodies that create and change posts: their schemas, and how they are parsed and validated.

mod batch;
mod new_post;
mod update;

pub use batch::{Batch, OnConflict};
pub(crate) use new_post::put_fields;
pub use new_post::{CreatePost, PutPost};
pub use update::UpdatePost;

use utoipa::ToSchema;

use crate::db::Timestamp;
use crate::posts::validate;
use crate::validation::{Fields, Input};

/// When to publish a post.
#[derive(Debug, Clone, Default, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct Publish {
    /// When to publish the post; becomes its `published_at`. A time in the past publishes the post at once. If omitted
    /// or null, the post is published at once, and `published_at` is the current time unless it is already set.
    #[schema(value_type = Option<String>, format = DateTime, example = "2099-01-31T12:00:00Z")]
    pub at: Option<Timestamp>,
}

impl Input for Publish {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { at: fields.nullable("at", validate::time).flatten() })
    }
}
