//! What callers send to create and change posts.

use std::collections::HashMap;

use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::db::Timestamp;
use crate::posts::model::NewPost;
use crate::posts::{excerpt, model};
use crate::validation::{Fields, Input, Invalid};

/// What a new post is made of.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Hello, world", "content": "My first post."}))]
pub struct CreatePost {
    /// 1 to 200 characters; spaces around them are dropped.
    #[schema(
        example = "Hello, world",
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    )]
    pub title: String,
    /// The name in URLs. Left out or null: a free one is made from the title.
    #[schema(example = "hello-world", max_length = 200, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    pub slug: Option<String>,
    /// At most 512 KiB of UTF-8, without U+0000.
    #[schema(example = "My first post.", max_length = 524_288, pattern = r"^[^\u0000]*$")]
    pub content: Option<String>,
    /// Whether to publish it at once; otherwise it is a draft.
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
    /// The row of a post that is written now.
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

/// A post to put at a slug.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Hello, world", "content": "My first post.", "published": true}))]
pub struct PutPost {
    /// 1 to 200 characters; spaces around them are dropped.
    #[schema(
        example = "Hello, world",
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    )]
    pub title: String,
    /// At most 512 KiB of UTF-8, without U+0000. Left out or null: no content.
    #[schema(example = "My first post.", max_length = 524_288, pattern = r"^[^\u0000]*$")]
    pub content: Option<String>,
    /// Whether it is published. Left out: it is a draft, also where a published post was before.
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

/// Posts to store together: all of them or none.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"posts": [{"title": "Hello, world", "slug": "hello-world"}], "on_conflict": "skip"}))]
pub struct Batch {
    /// 1 to 500 posts; no two may ask for the same slug.
    #[schema(min_items = 1, max_items = 500)]
    pub posts: Vec<CreatePost>,
    /// What to do with a post whose slug is taken.
    #[schema(schema_with = on_conflict, required = false)]
    pub on_conflict: OnConflict,
}

/// What to do with a post whose slug is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    Error,
    Skip,
    Replace,
}

/// Derived with a default, it would be an `allOf` of two types, which nothing satisfies.
fn on_conflict() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "What to do with a post whose slug is taken: store nothing of the batch, leave that post out, or replace \
             the one that has the slug.",
        ))
        .enum_values(Some(["error", "skip", "replace"]))
        .default(Some("error".into()))
        .build()
}

/// Posts in a batch.
const MAX_BATCH: usize = 500;

impl Input for Batch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let posts: Option<Vec<CreatePost>> = fields.array("posts", MAX_BATCH);
        let on_conflict = fields.optional("on_conflict", |text: String| match text.as_str() {
            "error" => Ok(OnConflict::Error),
            "skip" => Ok(OnConflict::Skip),
            "replace" => Ok(OnConflict::Replace),
            _ => Err(Invalid::new("format", "must be error, skip or replace")),
        });
        let posts = posts?;
        let mut first = HashMap::new();
        for (index, slug) in posts.iter().enumerate().filter_map(|(index, post)| Some((index, post.slug.as_deref()?))) {
            if let Some(other) = first.insert(slug, index) {
                let detail = format!("is the slug of /posts/{other}, too");
                fields.push_error(&format!("/posts/{index}/slug"), Invalid::new("duplicate", detail));
            }
        }
        Some(Self { posts, on_conflict: on_conflict.unwrap_or(OnConflict::Error) })
    }
}

/// When to publish.
#[derive(Debug, Clone, Default, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct Publish {
    /// The time to publish the post at, and to show as `published_at`. One that has passed publishes at once; left out
    /// or null: now.
    #[schema(value_type = Option<String>, format = DateTime, example = "2099-01-31T12:00:00Z")]
    pub at: Option<Timestamp>,
}

impl Input for Publish {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { at: fields.nullable("at", model::time).flatten() })
    }
}

/// A change to a post, as a JSON Merge Patch (RFC 7396): what is left out stays, null clears.
#[derive(Debug, Clone, Default, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Hello again"}))]
pub struct UpdatePost {
    /// 1 to 200 characters; spaces around them are dropped.
    #[schema(
        required = false,
        nullable = false,
        example = "Hello again",
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    )]
    pub title: Option<String>,
    /// The name in URLs; the old one no longer leads here.
    #[schema(
        required = false,
        nullable = false,
        example = "hello-again",
        min_length = 1,
        max_length = 200,
        pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"
    )]
    pub slug: Option<String>,
    /// At most 512 KiB of UTF-8, without U+0000; null clears it.
    #[schema(required = false, value_type = Option<String>, example = "Rewritten.", max_length = 524_288, pattern = r"^[^\u0000]*$")]
    pub content: Option<Option<String>>,
    /// true publishes, false makes it a draft.
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
