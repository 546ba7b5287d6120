//! Request bodies that create and change posts: their schemas, and how they are parsed and validated.

use std::collections::HashMap;

use diesel::AsChangeset;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::db::Timestamp;
use crate::posts::model::NewPost;
use crate::posts::{excerpt, model};
use crate::schema::posts;
use crate::validation::{Fields, Input, Invalid};

/// A post to create.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Hello, world", "content": "My first post."}))]
pub struct CreatePost {
    /// The title: 1 to 200 characters. Leading and trailing whitespace is removed.
    #[schema(
        example = "Hello, world",
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    )]
    pub title: String,
    /// The name of the post in URLs. Unique among all posts, including drafts. If omitted or null, an unused slug is
    /// derived from the title.
    #[schema(example = "hello-world", max_length = 200, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    pub slug: Option<String>,
    /// The text, in any markup: at most 512 KiB of UTF-8, without U+0000.
    #[schema(example = "My first post.", max_length = 524_288, pattern = r"^[^\u0000]*$")]
    pub content: Option<String>,
    /// Whether to publish the post at once. Otherwise, the post is a draft.
    #[schema(required = false, default = false, example = true)]
    pub published: bool,
}

impl Input for CreatePost {
    fn read(fields: &mut Fields) -> Option<Self> {
        let title = fields.required("title", model::title);
        let slug = fields.nullable("slug", model::slug);
        let content = fields.nullable("content", model::content);
        let published = fields.optional("published", Ok);
        Some(Self {
            title: title?,
            slug: slug.flatten(),
            content: content.flatten(),
            published: published.unwrap_or(false),
        })
    }
}

impl CreatePost {
    /// The row of a post that is created at `now`.
    #[must_use]
    pub fn into_row(self, slug: String, now: Timestamp) -> NewPost {
        NewPost {
            slug,
            title: self.title,
            excerpt: excerpt::of(self.content.as_deref().unwrap_or_default()),
            content: self.content,
            published: self.published,
            published_at: self.published.then_some(now),
            scheduled_for: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

/// A post to create or replace by slug.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Hello, world", "content": "My first post.", "published": true}))]
pub struct PutPost {
    /// The title: 1 to 200 characters. Leading and trailing whitespace is removed.
    #[schema(
        example = "Hello, world",
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    )]
    pub title: String,
    /// The text, in any markup: at most 512 KiB of UTF-8, without U+0000. If omitted or null, the post has no content.
    #[schema(example = "My first post.", max_length = 524_288, pattern = r"^[^\u0000]*$")]
    pub content: Option<String>,
    /// Whether the post is public. If omitted, the post becomes a draft, even if it replaces a published post.
    #[schema(required = false, default = false, example = true)]
    pub published: bool,
}

impl Input for PutPost {
    fn read(fields: &mut Fields) -> Option<Self> {
        let title = fields.required("title", model::title);
        let content = fields.nullable("content", model::content);
        let published = fields.optional("published", Ok);
        Some(Self { title: title?, content: content.flatten(), published: published.unwrap_or(false) })
    }
}

impl From<PutPost> for CreatePost {
    fn from(PutPost { title, content, published }: PutPost) -> Self {
        Self { title, slug: None, content, published }
    }
}

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

/// The schema of [`OnConflict`]. A derived schema with a default would be an `allOf` of two types, which no value
/// matches.
fn on_conflict() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "What happens to a post whose slug is in use: `error` rejects the whole batch, `skip` leaves the existing \
             post unchanged, and `replace` replaces it.",
        ))
        .enum_values(Some(["error", "skip", "replace"]))
        .default(Some("error".into()))
        .build()
}

/// The maximum number of posts in a batch.
const MAX_BATCH: usize = 500;

impl Input for Batch {
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
        Some(Self { at: fields.nullable("at", model::time).flatten() })
    }
}

/// A JSON Merge Patch (RFC 7396) of a post. Omitted fields keep their values, and null clears a field.
#[derive(Debug, Clone, Default, PartialEq, Eq, ToSchema, AsChangeset)]
#[diesel(table_name = posts)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Hello again"}))]
pub struct UpdatePost {
    /// The title: 1 to 200 characters. Leading and trailing whitespace is removed.
    #[schema(
        required = false,
        nullable = false,
        example = "Hello again",
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    )]
    pub title: Option<String>,
    /// The name of the post in URLs. The post can no longer be found by its previous slug.
    #[schema(
        required = false,
        nullable = false,
        example = "hello-again",
        min_length = 1,
        max_length = 200,
        pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"
    )]
    pub slug: Option<String>,
    /// The text, in any markup: at most 512 KiB of UTF-8, without U+0000. Null removes it.
    #[schema(required = false, value_type = Option<String>, example = "Rewritten.", max_length = 524_288, pattern = r"^[^\u0000]*$")]
    pub content: Option<Option<String>>,
    /// `true` publishes the post at once, `false` makes it a draft. Both cancel a scheduled publication.
    #[schema(required = false, nullable = false, example = true)]
    pub published: Option<bool>,
}

impl Input for UpdatePost {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            title: fields.optional("title", model::title),
            slug: fields.optional("slug", model::slug),
            content: fields.nullable("content", model::content),
            published: fields.optional("published", Ok),
        })
    }
}
