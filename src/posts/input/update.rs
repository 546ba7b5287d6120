//! The body of `PATCH /api/posts/{id}`.

use std::hash::Hash;

use diesel::AsChangeset;
use utoipa::ToSchema;

use crate::posts::json_column::JsonText;
use crate::posts::labels::LabelKind;
use crate::posts::metadata::MetadataPatch;
use crate::posts::{image, labels, schemas, validate};
use crate::schema::posts;
use crate::validation::{Fields, Input};

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
        pattern = r"^[^\x00]*[^\s\x00][^\x00]*$"
    )]
    pub title: Option<String>,
    /// The name of the post in URLs. If the post is public, its previous slug redirects to the new one.
    #[schema(
        required = false,
        nullable = false,
        example = "hello-again",
        min_length = 1,
        max_length = 200,
        pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"
    )]
    pub slug: Option<String>,
    /// A summary in one line, for cards and search engines: 1 to 500 characters. Leading and trailing whitespace is
    /// removed. Null removes the description.
    #[schema(
        required = false, value_type = Option<String>, example = "Where this blog begins.", min_length = 1,
        max_length = 500
    )]
    pub description: Option<Option<String>>,
    #[schema(schema_with = schemas::tags_input, required = false)]
    pub tags: Option<JsonText>,
    #[schema(schema_with = schemas::authors_input, required = false)]
    pub authors: Option<JsonText>,
    /// An `https:` or `http:` URL, or a path that begins with one slash. Null removes the image.
    #[schema(
        required = false, value_type = Option<String>, example = "/images/hello.jpg", min_length = 1, max_length = 2000
    )]
    pub image: Option<Option<String>>,
    /// The alternative text of the image, at most 500 characters. Empty if the image is decorative. Null removes it.
    #[schema(required = false, value_type = Option<String>, example = "A hand that waves", max_length = 500)]
    pub image_alt: Option<Option<String>>,
    // The result depends on the stored metadata, see `store::update`.
    #[schema(schema_with = schemas::metadata_patch, required = false)]
    #[diesel(skip_update)]
    pub metadata: Option<MetadataPatch>,
    /// The text, in any markup: at most 512 KiB of UTF-8, without U+0000. Null removes it.
    #[schema(
        required = false, value_type = Option<String>, example = "Rewritten.", max_length = 524_288,
        pattern = r"^[^\x00]*$"
    )]
    pub content: Option<Option<String>>,
    /// `true` publishes the post at once, `false` makes it a draft. Both cancel a scheduled publication.
    #[schema(required = false, nullable = false, example = true)]
    pub published: Option<bool>,
}

impl UpdatePost {
    /// Which fields the patch sets.
    pub(crate) fn set_fields(&self) -> impl Hash + use<> {
        let Self { title, slug, description, tags, authors, image, image_alt, metadata, content, published } = self;
        let names = (title.is_some(), slug.is_some(), description.is_some(), tags.is_some(), authors.is_some());
        let images = (image.is_some(), image_alt.is_some());
        (names, images, metadata.is_some(), content.is_some(), published.is_some())
    }
}

impl Input for UpdatePost {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            title: fields.optional("title", validate::title),
            slug: fields.optional("slug", validate::slug),
            description: fields.nullable("description", validate::description),
            tags: label_list(fields, "tags", LabelKind::Tag),
            authors: label_list(fields, "authors", LabelKind::Author),
            image: fields.nullable("image", image::location),
            image_alt: fields.nullable("image_alt", image::alt),
            metadata: fields
                .nullable_tree("metadata", MetadataPatch::parse)
                .map(|patch| patch.unwrap_or(MetadataPatch::Clear)),
            content: fields.nullable("content", validate::content),
            published: fields.optional("published", Ok),
        })
    }
}

/// Null means no labels.
fn label_list(fields: &mut Fields, name: &str, kind: LabelKind) -> Option<JsonText> {
    let names = fields.nullable_tree(name, |value| labels::names(kind, value))?;
    Some(JsonText::of(&names.unwrap_or_default()))
}
