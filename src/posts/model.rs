//! The fields of a post: their columns and their JSON. Their limits are in [`validate`](super::validate), queries and
//! request bodies in other modules.

use std::borrow::Cow;

use diesel::deserialize;
use diesel::prelude::*;
use diesel::row::Row;
use diesel::sql_types::BigInt;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::db::{FixedSql, Timestamp};
use crate::posts::column_text::ColumnText;
use crate::posts::excerpt::{StoredExcerpt, StoredExcerptColumns};
use crate::posts::json_column::JsonText;
use crate::posts::row_json::{Columns, RenderedColumn, RowBackend};
use crate::posts::{excerpt, schemas};
use crate::schema::posts;

/// The representation of the posts in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Full,
    /// With an excerpt instead of the content.
    Summary,
}

/// Declares [`Post`], [`PostSummary`], and [`NewPost`], which have the same fields, with two exceptions: a summary has
/// an excerpt instead of the content, and a new post has both, but no id. The JSON has the fields in the order of
/// declaration.
macro_rules! post_types {
    (
        before_content { $($(#[$before_attribute:meta])* $before:ident: $before_type:ty,)* }
        after_content { $($(#[$after_attribute:meta])* $after:ident: $after_type:ty,)* }
    ) => {
        /// A post.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, Queryable, Selectable)]
        #[diesel(table_name = posts)]
        #[schema(example = json!(NewPost::example().to_post(1)))]
        pub struct Post {
            /// Unique identifier. The id of a deleted post is not used again.
            #[schema(example = 1, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
            pub id: i64,
            $($(#[$before_attribute])* pub $before: $before_type,)*
            /// The text, in any markup. Null if the post has no content.
            #[schema(required, example = "My first post.", max_length = 524_288)]
            #[serde(serialize_with = "crate::posts::json_text::serialize")]
            pub content: Option<String>,
            $($(#[$after_attribute])* pub $after: $after_type,)*
        }

        /// A post without its content, as lists return it with `view=summary`.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, Queryable, Selectable)]
        #[diesel(table_name = posts)]
        #[schema(example = json!(NewPost::example().to_summary(1)))]
        pub struct PostSummary {
            /// Unique identifier. The id of a deleted post is not used again.
            #[schema(example = 1, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
            pub id: i64,
            $($(#[$before_attribute])* pub $before: $before_type,)*
            /// The description if there is one. Otherwise the beginning of the content as plain text, without headings,
            /// code blocks, and images: at most 200 characters. That text ends with `…` if and only if it was cut: it
            /// is longer, or the content is longer than 4096 bytes.
            #[schema(example = "Where this blog begins.", max_length = 500)]
            #[diesel(select_expression = excerpt::stored(), select_expression_type = StoredExcerptColumns)]
            #[diesel(deserialize_as = StoredExcerpt)]
            pub excerpt: String,
            $($(#[$after_attribute])* pub $after: $after_type,)*
        }

        /// A row to insert. The database assigns the id.
        #[derive(Debug, Clone, PartialEq, Eq, Insertable, AsChangeset)]
        #[diesel(table_name = posts, treat_none_as_default_value = false, treat_none_as_null = true)]
        pub struct NewPost {
            $(pub $before: $before_type,)*
            pub content: Option<String>,
            pub excerpt: String,
            $(pub $after: $after_type,)*
        }

        /// What lists need of a post whose JSON has been rendered. Long texts are represented by their lengths.
        #[expect(dead_code, reason = "lists do not need all fields")]
        pub(crate) struct RenderedPost {
            pub(crate) id: i64,
            $(pub(crate) $before: <$before_type as RenderedColumn>::Value,)*
            pub(crate) content: usize,
            $(pub(crate) $after: <$after_type as RenderedColumn>::Value,)*
        }

        impl RenderedPost {
            /// The columns of [`Post`], or of [`PostSummary`].
            pub(crate) fn columns(view: View) -> [&'static str; 3] {
                let content = match view {
                    View::Full => ", posts.content",
                    View::Summary => excerpt::STORED,
                };
                [
                    concat!("posts.id" $(, ", posts.", stringify!($before))*),
                    content,
                    concat!($(", posts.", stringify!($after)),*),
                ]
            }

            /// Appends the JSON of a row with these columns.
            pub(crate) fn render<'a, DB: RowBackend>(
                row: &impl Row<'a, DB>,
                view: View,
                json: &mut Vec<u8>,
            ) -> deserialize::Result<Self> {
                let mut columns = Columns::new(row, json);
                let id = columns.render::<DB, i64>("{\"id\":")?;
                $(let $before = columns.render::<DB, $before_type>(concat!(",\"", stringify!($before), "\":"))?;)*
                let content = match view {
                    View::Full => columns.render::<DB, Option<String>>(",\"content\":")?,
                    View::Summary => columns.render_excerpt::<DB>(",\"excerpt\":")?,
                };
                $(let $after = columns.render::<DB, $after_type>(concat!(",\"", stringify!($after), "\":"))?;)*
                json.push(b'}');
                Ok(Self { id, $($before,)* content, $($after,)* })
            }
        }

        impl Post {
            /// The columns that determine the JSON of a post, as SQL expressions of type text.
            pub(crate) fn columns_as_text() -> Vec<String> {
                vec![
                    <i64 as ColumnText>::sql("posts.id"),
                    $(<$before_type as ColumnText>::sql(concat!("posts.", stringify!($before))),)*
                    <Option<String> as ColumnText>::sql("posts.content"),
                    $(<$after_type as ColumnText>::sql(concat!("posts.", stringify!($after))),)*
                ]
            }

            /// The values of [`Post::columns_as_text`].
            pub(crate) fn values_as_text(&self) -> Vec<Option<Cow<'_, str>>> {
                vec![self.id.text(), $(self.$before.text(),)* self.content.text(), $(self.$after.text(),)*]
            }
        }

        impl NewPost {
            pub(crate) fn to_post(&self, id: i64) -> Post {
                let Self { $($before,)* content, $($after,)* excerpt: _ } = self.clone();
                Post { id, $($before,)* content, $($after,)* }
            }

            pub(crate) fn to_summary(&self, id: i64) -> PostSummary {
                let Self { $($before,)* excerpt, $($after,)* content: _ } = self.clone();
                let excerpt = self.description.clone().unwrap_or(excerpt);
                PostSummary { id, $($before,)* excerpt, $($after,)* }
            }
        }
    };
}

post_types! {
    before_content {
        /// The name of the post in URLs. Unique among all posts, including drafts.
        #[schema(example = "hello-world", min_length = 1, max_length = 200, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
        slug: String,
        /// The title, without leading or trailing whitespace.
        #[schema(example = "Hello, world", min_length = 1, max_length = 200)]
        title: String,
        /// A summary in one line, for cards and search engines. Null if there is none.
        #[schema(required, example = "Where this blog begins.", min_length = 1, max_length = 500)]
        description: Option<String>,
        #[schema(schema_with = schemas::tags)]
        tags: JsonText,
        #[schema(schema_with = schemas::authors)]
        authors: JsonText,
        /// An `https:` or `http:` URL, or an absolute path. Null if the post has no image.
        #[schema(required, example = "/images/hello.jpg", min_length = 1, max_length = 2000)]
        image: Option<String>,
        /// The alternative text of the image. Null if there is none; empty if the image is decorative.
        #[schema(required, example = "A hand that waves", max_length = 500)]
        image_alt: Option<String>,
        #[schema(schema_with = schemas::metadata)]
        metadata: JsonText,
    }
    after_content {
        /// Whether the post is public. A post that is not published is a draft.
        published: bool,
        /// When the post was first published, or the time for which its publication was scheduled. Null if it was never
        /// published.
        #[schema(required, value_type = Option<String>, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
        published_at: Option<Timestamp>,
        /// When the service will publish the post. Null if no publication is scheduled.
        #[schema(required, value_type = Option<String>, format = DateTime)]
        scheduled_for: Option<Timestamp>,
        /// When the post was created.
        #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
        created_at: Timestamp,
        /// When the post was last changed. Equal to `created_at` until the first change.
        #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
        updated_at: Timestamp,
        /// The number of the current version: 1 at creation, incremented by every change.
        #[schema(example = 1, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
        version: i64,
    }
}

impl Post {
    /// The size of the fields that can be large, in bytes: content, tags, authors, and metadata.
    pub(crate) fn large_fields(&self) -> usize {
        let content = self.content.as_ref().map_or(0, String::len);
        content + self.tags.as_str().len() + self.authors.as_str().len() + self.metadata.as_str().len()
    }
}

impl NewPost {
    /// The post in the examples of the OpenAPI document, where it has the id 1.
    pub(crate) fn example() -> Self {
        let time = |text: &str| text.parse().unwrap_or(Timestamp::MIN);
        Self {
            slug: "hello-world".into(),
            title: "Hello, world".into(),
            description: Some("Where this blog begins.".into()),
            tags: JsonText::of(&["Rust", "Web dev"]),
            authors: JsonText::of(&["Ada Lovelace"]),
            image: Some("/images/hello.jpg".into()),
            image_alt: Some("A hand that waves".into()),
            metadata: JsonText::of(&json!({"canonical_url": "https://example.com/hello"})),
            content: Some("My first post.".into()),
            excerpt: "My first post.".into(),
            published: true,
            published_at: Some(time("2026-01-31T12:00:00Z")),
            scheduled_for: None,
            created_at: time("2026-01-31T11:58:00Z"),
            updated_at: time("2026-01-31T12:00:00Z"),
            version: 2,
        }
    }
}

/// The version that follows the current one. It stays at 2^53 - 1, the largest that the column accepts, so that a post
/// which was imported with that version can still be changed. A version outside the range of the column, which an
/// external writer has forced, returns to it.
pub(crate) fn next_version() -> FixedSql<BigInt> {
    FixedSql::new(
        "CASE WHEN posts.version < 1 THEN 2 WHEN posts.version < 9007199254740991 THEN posts.version + 1 \
         ELSE 9007199254740991 END",
    )
}
