//! Converts an item to a post.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::db::Timestamp;
use crate::posts::labels::LabelKind;
use crate::transfer::formats::external_post::{ExternalPost, ExternalStatus, FEATURED, UNDATED};
use crate::transfer::formats::html_text::{decode_references, plain_text, without_tags};
use crate::transfer::formats::post_fields::PostFields;
use crate::transfer::formats::wordpress::field_text::FieldText;
use crate::transfer::formats::wordpress::item::WordPressItem;
use crate::transfer::printable::quoted;
use crate::transfer::report::{Counts, Mapping};

/// The custom field with the id of the featured image.
const THUMBNAIL: &str = "_thumbnail_id";
/// The custom field with a former slug.
const OLD_SLUG: &str = "_wp_old_slug";
/// The descriptions of SEO plugins.
const SEO_DESCRIPTIONS: [&str; 2] = ["_yoast_wpseo_metadesc", "rank_math_description"];
/// The taxonomy of the Co-Authors Plus plugin.
pub(super) const CO_AUTHORS: &str = "author";

/// The values of other items that an item refers to.
#[derive(Debug, Default)]
pub(super) struct References {
    /// The names of the authors.
    pub(super) authors: Vec<String>,
    pub(super) image: Option<String>,
    pub(super) image_alt: Option<String>,
}

impl WordPressItem {
    /// Converts the item to a post. `references` are the values in other items that it refers to.
    pub(super) fn into_post(
        mut self,
        references: References,
        with_categories: bool,
        mapping: &mut Mapping,
    ) -> Result<ExternalPost, String> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let created_at = self.first_time(&["wp:post_date_gmt", "pubDate", "wp:post_date"])?;
        let updated_at = self.first_time(&["wp:post_modified_gmt", "wp:post_modified"])?.or(created_at);
        let mut post = ExternalPost { slug: self.slug(), created_at, updated_at, ..ExternalPost::default() };
        post.status = self.status(created_at, &mut post.notes, &mut mapping.unmapped);
        mapping.unmapped.add("comments not imported", self.comments);
        mapping.unmapped.add("malformed or too large custom fields and terms not imported", self.omitted);
        if self.removed_characters() > 0 {
            post.notes.push(format!("control characters removed: {}", self.removed_characters()));
        }
        self.set_description(&mut post.fields, mapping);
        self.set_labels(&references, with_categories, &mut post.fields, mapping);
        self.set_image(references, &mut post.fields, mapping);
        self.set_metadata(&mut post.fields, mapping);
        self.set_aliases(&mut post.fields, mapping);
        post.title = self.take("title").map(title).unwrap_or_default();
        let content = self.take("content:encoded").map(FieldText::into_html);
        post.content = content.filter(|content| !content.is_empty());
        Ok(post)
    }

    /// The excerpt as plain text, or else the description of an SEO plugin.
    fn set_description(&self, fields: &mut PostFields, mapping: &mut Mapping) {
        let excerpt = plain_text(self.word("excerpt:encoded"));
        if !excerpt.is_empty() {
            if fields.set_description("excerpt", &excerpt) {
                mapping.mapped.increment("excerpts imported as description");
            }
            return;
        }
        for key in SEO_DESCRIPTIONS {
            let text = decode_references(self.custom_field(key));
            if !is_template(&text) && fields.set_description(key, &text) {
                mapping.mapped.increment("descriptions of SEO plugins imported as description");
                return;
            }
        }
    }

    /// Sets the tags and the authors. The terms of other taxonomies become metadata.
    fn set_labels(
        &self,
        references: &References,
        with_categories: bool,
        fields: &mut PostFields,
        mapping: &mut Mapping,
    ) {
        let mut tags = Vec::new();
        let mut others: Map<String, Value> = Map::new();
        let mut seen = HashSet::new();
        // Old versions write each term twice, the first time without its slug.
        for (taxonomy, name) in self.terms.iter().filter(|term| seen.insert(*term)) {
            match taxonomy.as_str() {
                "category" if !with_categories => mapping.unmapped.increment("categories not imported"),
                "category" | "post_tag" => {
                    let is_category = taxonomy == "category";
                    mapping.mapped.increment(if is_category { "categories imported as tags" } else { "tags imported" });
                    tags.push(name.clone());
                }
                CO_AUTHORS => {}
                other => {
                    mapping.mapped.increment("terms of other taxonomies imported as metadata");
                    push(&mut others, other, name.clone().into(), true);
                }
            }
        }
        if matches!(self.word("wp:is_sticky"), "1" | "true") {
            mapping.mapped.increment("sticky posts imported with the tag featured");
            tags.push(FEATURED.to_owned());
        }
        fields.set_labels(LabelKind::Tag, "tags", &tags);
        mapping.mapped.add("authors imported", references.authors.len() as u64);
        fields.set_labels(LabelKind::Author, "authors", &references.authors);
        for (taxonomy, names) in others {
            fields.add_metadata(&taxonomy, names);
        }
    }

    /// Sets the image and its alternative text from the attachment.
    fn set_image(&self, references: References, fields: &mut PostFields, mapping: &mut Mapping) {
        let Some(id) = self.thumbnail_id() else { return };
        let Some(url) = references.image else {
            fields.keep_invalid("image", THUMBNAIL, id.into(), "the file has no attachment with this id");
            return;
        };
        if fields.set_image("image", &url) {
            mapping.mapped.increment("featured images imported as image");
            if references.image_alt.is_some_and(|alt| fields.set_image_alt("image_alt", &alt)) {
                mapping.mapped.increment("alternative texts imported as image_alt");
            }
        } else if let Some(alt) = references.image_alt {
            fields.add_metadata("image_alt", alt.into());
        }
    }

    /// The id of the attachment that is the featured image.
    pub(super) fn thumbnail_id(&self) -> Option<&str> {
        Some(self.custom_field(THUMBNAIL)).filter(|id| !matches!(*id, "" | "0" | "-1"))
    }

    /// Adds the public custom fields to the metadata. The names of the others begin with `_`.
    fn set_metadata(&self, fields: &mut PostFields, mapping: &mut Mapping) {
        let mut values = Map::new();
        for (key, value) in &self.custom_fields {
            if key.starts_with('_') {
                let is_read = key == THUMBNAIL || key == OLD_SLUG || SEO_DESCRIPTIONS.contains(&key.as_str());
                mapping.unmapped.add("internal custom fields not imported", u64::from(!is_read));
            } else {
                mapping.mapped.increment("custom fields imported as metadata");
                push(&mut values, key, value.clone().into(), false);
            }
        }
        for (key, value) in values {
            fields.add_metadata(&key, value);
        }
    }

    fn set_aliases(&self, fields: &mut PostFields, mapping: &mut Mapping) {
        let former = self.custom_fields.iter().filter(|(key, _)| key == OLD_SLUG);
        let slugs: Vec<String> = former.map(|(_, slug)| decoded_slug(slug.trim())).collect();
        let count = fields.set_aliases(OLD_SLUG, &self.slug(), &slugs);
        mapping.mapped.add("old slugs imported as aliases", count);
    }

    fn slug(&self) -> String {
        decoded_slug(self.word("wp:post_name"))
    }

    /// The status, which is a draft unless WordPress shows the post to everyone.
    fn status(&self, at: Option<Timestamp>, notes: &mut Vec<String>, unmapped: &mut Counts) -> ExternalStatus {
        let password = self.field("wp:post_password");
        let has_password = password.is_some_and(|password| password.has_cdata() || !password.word().is_empty());
        let reason = match (self.word("wp:status"), at) {
            // Publishing the post here would remove its password protection.
            ("publish" | "future", _) if has_password => "password-protected posts imported as drafts",
            ("publish", Some(at)) => return ExternalStatus::Published(at),
            ("future", Some(at)) => return ExternalStatus::Scheduled(at),
            ("publish" | "future", None) => UNDATED,
            ("draft" | "auto-draft", _) => return ExternalStatus::Draft,
            ("pending", _) => "posts pending review imported as drafts",
            ("private", _) => "private posts imported as drafts",
            (status, _) => {
                if !status.is_empty() {
                    notes.push(format!("the status {} is unknown", quoted(status)));
                }
                "posts with an unknown status imported as drafts"
            }
        };
        unmapped.increment(reason);
        ExternalStatus::Draft
    }
}

/// Appends a value to the member. A member with one value is an array if `is_list` is set.
fn push(members: &mut Map<String, Value>, name: &str, value: Value, is_list: bool) {
    match members.get_mut(name) {
        None if is_list => drop(members.insert(name.to_owned(), vec![value].into())),
        None => drop(members.insert(name.to_owned(), value)),
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = vec![first.take(), value].into(),
    }
}

/// Whether a description has variables such as `%%title%%` or `%title%`, whose values only the site knows.
fn is_template(text: &str) -> bool {
    let is_variable = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let parts: Vec<&str> = text.split('%').collect();
    parts.iter().skip(1).take(parts.len().saturating_sub(2)).any(|part| is_variable(part))
}

/// WordPress percent-encodes all non-ASCII letters of a slug.
fn decoded_slug(name: &str) -> String {
    percent_decode_str(name).decode_utf8().map_or_else(|_| name.to_owned(), |slug| slug.trim().to_owned())
}

/// The text of a title, which WordPress stores as HTML. It exports the title in a CDATA section since version 5.7, and
/// without tags before.
fn title(field: FieldText) -> String {
    // Longer than a valid title. Bounds the time.
    const MAX_HTML: usize = 16 * 1024;
    let has_cdata = field.has_cdata();
    let html = field.into_text();
    if html.len() > MAX_HTML {
        return html;
    }
    let text = if has_cdata { without_tags(&html) } else { html.as_str().into() };
    decode_references(&text).into_owned()
}
