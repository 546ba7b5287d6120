//! The description, tags, authors, image, and metadata of a post.

use serde::Deserialize;
use serde_json::Value;

use crate::posts::labels::LabelKind;
use crate::transfer::formats::external_post::FEATURED;
use crate::transfer::formats::ghost::site_url::{PLACEHOLDER, SiteUrl};
use crate::transfer::formats::ghost::survey::{GhostReferences, META_COLUMNS};
use crate::transfer::formats::json_members::JsonMembers;
use crate::transfer::formats::post_fields::PostFields;
use crate::transfer::report::Mapping;

/// The columns that become metadata, in alphabetical order.
const METADATA: &[&str] = &[
    "canonical_url", "custom_template", "feature_image_caption", "frontmatter", "locale", "meta_description",
    "meta_title", "og_description", "og_image", "og_title", "twitter_description", "twitter_image", "twitter_title",
];

/// Sets the fields of one post.
pub(super) struct GhostFields<'a> {
    /// The row of the post.
    pub(super) columns: &'a JsonMembers<'a>,
    pub(super) references: &'a GhostReferences,
    pub(super) site: &'a SiteUrl,
    pub(super) fields: &'a mut PostFields,
    pub(super) mapping: &'a mut Mapping,
}

/// A column that is not null.
enum Column {
    Text(String),
    Other(Value),
    /// A value that JSON parsers refuse, such as `1e999`.
    Invalid,
}

impl GhostFields<'_> {
    pub(super) fn set(mut self) -> Result<(), String> {
        let references = self.references;
        let meta = references.meta.iter().map(|json| JsonMembers::parse(json.as_bytes(), META_COLUMNS));
        let meta: Vec<JsonMembers<'_>> = meta.collect::<Result<_, _>>()?;
        self.set_description();
        self.set_labels();
        self.set_image(&meta);
        self.set_metadata(&meta);
        let undefined = "tags and authors that the file does not define not imported";
        self.mapping.unmapped.add(undefined, references.undefined);
        let has_code = ["codeinjection_head", "codeinjection_foot"].iter().any(|name| self.column(name, &[]).is_some());
        self.mapping.unmapped.add("posts with injected code, which is not imported", u64::from(has_code));
        Ok(())
    }

    fn set_description(&mut self) {
        let Some(excerpt) = self.text("description", "custom_excerpt", &[]) else { return };
        if self.fields.set_description("custom_excerpt", &excerpt) {
            self.mapping.mapped.increment("custom excerpts imported as description");
        }
    }

    /// Sets the tags and authors. A handwritten file can have them in the row of the post.
    fn set_labels(&mut self) {
        let own_tags = self.own_names("tags");
        let (internal, mut tags): (Vec<String>, Vec<String>) =
            self.references.tags.iter().cloned().chain(own_tags).partition(|tag| tag.starts_with('#'));
        self.mapping.mapped.add("tags imported", tags.len() as u64);
        self.mapping.mapped.add("internal tags imported as metadata", internal.len() as u64);
        if matches!(self.columns.raw("featured"), Some("1" | "true" | "\"1\"" | "\"true\"")) {
            self.mapping.mapped.increment("featured posts imported with the tag featured");
            tags.push(FEATURED.to_owned());
        }
        self.fields.set_labels(LabelKind::Tag, "tags", &tags);
        if !internal.is_empty() {
            self.fields.add_metadata("internal_tags", internal.into());
        }
        let mut authors = self.references.authors.clone();
        if authors.is_empty() {
            authors = self.own_names("authors");
        }
        self.mapping.mapped.add("authors imported", authors.len() as u64);
        self.fields.set_labels(LabelKind::Author, "authors", &authors);
    }

    /// The names in an array of names or of objects with a name.
    fn own_names(&self, column: &str) -> Vec<String> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Named {
            Name(String),
            Object { name: String },
        }
        let names: Vec<Named> =
            self.columns.raw(column).and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default();
        names
            .into_iter()
            .map(|named| match named {
                Named::Name(name) | Named::Object { name } => name,
            })
            .collect()
    }

    fn set_image(&mut self, meta: &[JsonMembers<'_>]) {
        // The column had this name before Ghost 1.
        let key = if self.columns.is_null("feature_image") { "image" } else { "feature_image" };
        let Some(url) = self.text("image", key, &[]) else { return };
        let url = self.site.complete(&url).into_owned();
        let alt = self.text("image_alt", "feature_image_alt", meta);
        if url.starts_with(PLACEHOLDER) {
            let problem = "begins with __GHOST_URL__, which --site-url completes";
            self.fields.keep_invalid("image", key, url.into(), problem);
        } else if self.fields.set_image(key, &url) {
            self.mapping.mapped.increment("feature images imported as image");
            if alt.is_some_and(|alt| self.fields.set_image_alt("feature_image_alt", &alt)) {
                self.mapping.mapped.increment("alternative texts imported as image_alt");
            }
            return;
        }
        if let Some(alt) = alt {
            self.fields.add_metadata("feature_image_alt", alt.into());
        }
    }

    fn set_metadata(&mut self, meta: &[JsonMembers<'_>]) {
        for name in METADATA {
            let value = match self.column(name, meta) {
                Some(Column::Text(text)) => Value::from(self.site.complete(&text)),
                Some(Column::Other(value)) => value,
                Some(Column::Invalid) => {
                    self.mapping.unmapped.increment("malformed values not imported");
                    continue;
                }
                None => continue,
            };
            self.fields.add_metadata(name, value);
            self.mapping.mapped.increment("settings for search engines and social media imported as metadata");
        }
    }

    /// The text of a column. A value of another type goes into the metadata.
    fn text(&mut self, field: &'static str, name: &str, meta: &[JsonMembers<'_>]) -> Option<String> {
        match self.column(name, meta)? {
            Column::Text(text) => return Some(text),
            Column::Other(value) => self.fields.keep_invalid(field, name, value, "must be a string"),
            Column::Invalid => self.mapping.unmapped.increment("malformed values not imported"),
        }
        None
    }

    /// A column in the row of the post, or else in `posts_meta`. `None` if it is null or blank.
    fn column(&self, name: &str, meta: &[JsonMembers<'_>]) -> Option<Column> {
        let raw = std::iter::once(self.columns).chain(meta).find(|row| !row.is_null(name))?.raw(name)?;
        match serde_json::from_str(raw) {
            Ok(Value::String(text)) if text.trim().is_empty() => None,
            Ok(Value::String(text)) => Some(Column::Text(text)),
            Ok(value) => Some(Column::Other(value)),
            Err(_) => Some(Column::Invalid),
        }
    }
}
