//! The body of `POST /api/posts/batch`.

use std::collections::HashMap;

use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::posts::input::new_post::CreatePost;
use crate::validation::{Fields, Input, Invalid};

/// Posts to store together, all or none.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"posts": [{"title": "Hello, world", "slug": "hello-world"}], "on_conflict": "skip"}))]
pub struct Batch {
    /// 1 to 500 posts. No two may request the same slug.
    #[schema(min_items = 1, max_items = 500)]
    pub posts: Vec<CreatePost>,
    /// What happens to a post whose slug is in use.
    #[schema(schema_with = on_conflict, required = false)]
    pub on_conflict: OnConflict,
}

/// What happens to a post of a batch whose slug is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// The batch fails.
    Error,
    /// The existing post stays as it is.
    Skip,
    /// The post replaces the existing one.
    Replace,
}

/// The schema of [`OnConflict`]. It has no default, which generated clients would send.
fn on_conflict() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "What happens to a post whose slug is in use: `error` rejects the whole batch, `skip` leaves the existing \
             post unchanged, and `replace` replaces it. If omitted, the batch is rejected.",
        ))
        .enum_values(Some(["error", "skip", "replace"]))
        .build()
}

/// The maximum number of posts in a batch.
const MAX_BATCH: usize = 500;

impl Input for Batch {
    /// Enough for 500 posts with the most tags, authors, and metadata.
    const MAX_VALUES: usize = 150_000;

    fn read(fields: &mut Fields) -> Option<Self> {
        let posts: Option<Vec<CreatePost>> = fields.array("posts", MAX_BATCH);
        let on_conflict = fields.optional("on_conflict", |text: String| match text.as_str() {
            "error" => Ok(OnConflict::Error),
            "skip" => Ok(OnConflict::Skip),
            "replace" => Ok(OnConflict::Replace),
            _ => Err(Invalid::new("format", "must be error, skip, or replace")),
        });
        let posts = posts?;
        reject_duplicate_slugs(&posts, fields);
        Some(Self { posts, on_conflict: on_conflict.unwrap_or(OnConflict::Error) })
    }
}

fn reject_duplicate_slugs(posts: &[CreatePost], fields: &mut Fields) {
    let mut seen = HashMap::new();
    for (index, slug) in posts.iter().enumerate().filter_map(|(index, post)| Some((index, post.slug.as_deref()?))) {
        if let Some(other) = seen.insert(slug, index) {
            let detail = format!("must differ from the slug of /posts/{other}");
            fields.push_error(&format!("/posts/{index}/slug"), Invalid::new("duplicate", detail));
        }
    }
}
