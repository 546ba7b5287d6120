//! What callers send to create and change posts.

use utoipa::ToSchema;

use super::model;
use crate::input::{Fields, Input};

/// What a new post is made of.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
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

/// A change to a post, as a JSON Merge Patch (RFC 7396): what is left out stays, null clears.
#[derive(Debug, Clone, Default, PartialEq, Eq, ToSchema)]
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
