//! The bodies of `POST /api/posts` and `PUT /api/posts/by-slug/{slug}`.

use utoipa::ToSchema;

use crate::db::Timestamp;
use crate::posts::json_column::JsonText;
use crate::posts::labels::LabelKind;
use crate::posts::metadata::Metadata;
use crate::posts::model::NewPost;
use crate::posts::{excerpt, image, labels, metadata, schemas, validate};
use crate::validation::{Fields, Input, Invalid};

/// Declares [`CreatePost`] and [`PutPost`], which have the same fields, except that the slug of a [`PutPost`] is in the
/// path. Each field is read by the function after `=`, which returns `None` only if an error was recorded.
///
/// Also declares `put_fields!`, which calls another macro with the names of these fields. `$d` is a dollar sign.
macro_rules! new_post_types {
    ($d:tt $($(#[$attribute:meta])* $field:ident: $type:ty = $read:expr,)*) => {
        macro_rules! put_fields {
            ($d macro:ident $d($d argument:ident)?) => { $d macro! { $d($d argument)? [$($field)*] } };
        }
        pub(crate) use put_fields;

        /// A post to create.
        #[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[schema(example = json!({"title": "Hello, world", "content": "My first post."}))]
        pub struct CreatePost {
            /// The name of the post in URLs. Unique among all posts, including drafts. If omitted or null, an unused
            /// slug is derived from the title.
            #[schema(example = "hello-world", max_length = 200, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
            pub slug: Option<String>,
            $($(#[$attribute])* pub $field: $type,)*
        }

        /// A post to create or replace by slug. An omitted field gets the value of a new post.
        #[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[schema(example = json!({"title": "Hello, world", "content": "My first post.", "published": true}))]
        pub struct PutPost {
            $($(#[$attribute])* pub $field: $type,)*
        }

        impl Input for CreatePost {
            fn read(fields: &mut Fields) -> Option<Self> {
                let slug = fields.nullable("slug", validate::slug).flatten();
                let PutPost { $($field,)* } = PutPost::read(fields)?;
                Some(Self { slug, $($field,)* })
            }
        }

        impl Input for PutPost {
            fn read(fields: &mut Fields) -> Option<Self> {
                $(let $field = $read(fields, stringify!($field));)*
                Some(Self { $($field: $field?,)* })
            }
        }

        impl From<PutPost> for CreatePost {
            fn from(PutPost { $($field,)* }: PutPost) -> Self {
                Self { slug: None, $($field,)* }
            }
        }
    };
}

new_post_types! {
    $
    /// The title: 1 to 200 characters. Leading and trailing whitespace is removed.
    #[schema(
        example = "Hello, world",
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00]*[^\s\x00][^\x00]*$"
    )]
    title: String = |fields: &mut Fields, name| fields.required(name, validate::title),
    /// A summary in one line, for cards and search engines: 1 to 500 characters. Leading and trailing whitespace is
    /// removed.
    #[schema(example = "Where this blog begins.", min_length = 1, max_length = 500)]
    description: Option<String> = |fields, name| Some(nullable(fields, name, validate::description)),
    #[schema(schema_with = schemas::tags_input, required = false)]
    tags: Vec<String> = |fields, name| Some(label_list(fields, name, LabelKind::Tag)),
    #[schema(schema_with = schemas::authors_input, required = false)]
    authors: Vec<String> = |fields, name| Some(label_list(fields, name, LabelKind::Author)),
    /// An `https:` or `http:` URL, or a path that begins with one slash.
    #[schema(example = "/images/hello.jpg", min_length = 1, max_length = 2000)]
    image: Option<String> = |fields, name| Some(nullable(fields, name, image::location)),
    /// The alternative text of the image, at most 500 characters. Empty if the image is decorative.
    #[schema(example = "A hand that waves", max_length = 500)]
    image_alt: Option<String> = |fields, name| Some(nullable(fields, name, image::alt)),
    #[schema(schema_with = schemas::metadata_input, required = false)]
    metadata: Metadata =
        |fields: &mut Fields, name| Some(fields.nullable_tree(name, metadata::parse).flatten().unwrap_or_default()),
    /// The text, in any markup: at most 512 KiB of UTF-8, without U+0000. If omitted or null, the post has no content.
    #[schema(example = "My first post.", max_length = 524_288, pattern = r"^[^\x00]*$")]
    content: Option<String> = |fields, name| Some(nullable(fields, name, validate::content)),
    /// Whether the post is public. If omitted, the post is a draft, even if it replaces a published post.
    #[schema(required = false, example = true)]
    published: bool = |fields: &mut Fields, name| Some(fields.optional(name, Ok).unwrap_or(false)),
}

/// An absent field and null both mean `None`.
fn nullable(fields: &mut Fields, name: &str, parse: impl FnOnce(String) -> Result<String, Invalid>) -> Option<String> {
    fields.nullable(name, parse).flatten()
}

/// An absent field and null both mean no labels.
fn label_list(fields: &mut Fields, name: &str, kind: LabelKind) -> Vec<String> {
    fields.nullable_tree(name, |value| labels::names(kind, value)).flatten().unwrap_or_default()
}

impl CreatePost {
    /// The row of a post that is created at `now`.
    #[must_use]
    pub fn into_row(self, slug: String, now: Timestamp) -> NewPost {
        NewPost {
            slug,
            title: self.title,
            description: self.description,
            tags: JsonText::of(&self.tags),
            authors: JsonText::of(&self.authors),
            image: self.image,
            image_alt: self.image_alt,
            metadata: JsonText::of(&self.metadata),
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
