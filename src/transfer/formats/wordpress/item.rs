//! An `<item>` of an export: a post, a page, an attachment, or something else. Collects the values of its elements.

use std::collections::BTreeMap;

use crate::db::Timestamp;
use crate::transfer::formats::dates;
use crate::transfer::formats::external_post::PAGES;
use crate::transfer::formats::html_text::decode_references;
use crate::transfer::formats::wordpress::field_text::FieldText;
use crate::transfer::formats::wordpress::group::Group;
use crate::transfer::printable::quoted;

/// The elements of an item that must not be repeated, and whose text must be valid.
const FIELDS: &[&str] = &[
    "title", "content:encoded", "excerpt:encoded", "pubDate", "wp:post_date", "wp:post_date_gmt", "wp:post_modified",
    "wp:post_modified_gmt", "wp:post_name", "wp:status", "wp:post_type", "wp:post_password",
];
/// The other elements that the import reads. If one is repeated, the first one counts.
const OPTIONAL_FIELDS: &[&str] = &["dc:creator", "wp:attachment_url", "wp:is_sticky", "wp:post_id"];

/// The size of all custom fields and terms of an item that the import reads, in bytes. More do not fit into a post.
const MAX_EXTRAS: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct WordPressItem {
    /// The position in the file, counted from 1.
    pub(super) number: u64,
    fields: BTreeMap<&'static str, FieldText>,
    /// The names of categories, tags, and other terms, each with its taxonomy.
    pub(super) terms: Vec<(String, String)>,
    /// The custom fields in the order of the file.
    pub(super) custom_fields: Vec<(String, String)>,
    extras_size: usize,
    pub(super) comments: u64,
    /// The number of custom fields and terms that were left out because they are malformed or too large.
    pub(super) omitted: u64,
    /// The number of characters that were left out because XML does not allow them.
    removed: u64,
    /// Why the item is invalid: the first error.
    pub(super) error: Option<String>,
}

impl WordPressItem {
    pub(super) fn new(number: u64) -> Self {
        Self { number, ..Self::default() }
    }

    /// The field that an element is read into. `None` if the import does not read it.
    pub(super) fn field_name(element: &str) -> Option<&'static str> {
        FIELDS.iter().chain(OPTIONAL_FIELDS).find(|field| **field == element).copied()
    }

    /// Whether the item is invalid if the element is malformed or repeated.
    pub(super) fn is_strict(field: &str) -> bool {
        FIELDS.contains(&field)
    }

    pub(super) fn add_field(&mut self, name: &'static str, text: FieldText) {
        self.removed += text.removed;
        if Self::is_strict(name) {
            if self.fields.insert(name, text).is_some() {
                self.set_error(format!("the element <{name}> is repeated"));
            }
        } else {
            self.fields.entry(name).or_insert(text);
        }
    }

    pub(super) fn add_term(&mut self, taxonomy: String, name: FieldText) {
        self.removed += name.removed;
        let name = decode_references(name.word()).into_owned();
        if !name.is_empty() && self.reserve(taxonomy.len() + name.len()) {
            self.terms.push((taxonomy, name));
        }
    }

    pub(super) fn add_custom_field(&mut self, mut group: Group) {
        let value = group.take("wp:meta_value").unwrap_or_default();
        self.removed += value.removed;
        let (key, value) = (group.word("wp:meta_key").to_owned(), value.into_html());
        if !key.is_empty() && self.reserve(key.len() + value.len()) {
            self.custom_fields.push((key, value));
        }
    }

    /// Whether a term or custom field of this size is stored. Counts it otherwise.
    fn reserve(&mut self, size: usize) -> bool {
        // The size of an empty one in memory.
        self.extras_size += size + 2 * size_of::<String>();
        let fits = self.extras_size <= MAX_EXTRAS;
        if !fits {
            self.extras_size -= size + 2 * size_of::<String>();
            self.omitted += 1;
        }
        fits
    }

    pub(super) fn set_error(&mut self, error: String) {
        self.error.get_or_insert(error);
    }

    /// The approximate size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        self.word("content:encoded").len() + self.word("excerpt:encoded").len() + self.extras_size
    }

    pub(super) fn kind(&self) -> &str {
        self.word("wp:post_type")
    }

    /// The text of a field without whitespace around it. Empty if the item has no such field.
    pub(super) fn word(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", FieldText::word)
    }

    pub(super) fn field(&self, name: &str) -> Option<&FieldText> {
        self.fields.get(name)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<FieldText> {
        self.fields.remove(name)
    }

    /// The first value of a custom field, without whitespace around it. Empty if there is none.
    pub(super) fn custom_field(&self, key: &str) -> &str {
        self.custom_fields.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value.trim())
    }

    /// The number of characters that were left out because XML does not allow them.
    pub(super) fn removed_characters(&self) -> u64 {
        self.removed
    }

    /// What the import counts instead of importing the item as a post.
    pub(super) fn skip_reason(&self, with_pages: bool) -> Option<&'static str> {
        match self.kind() {
            "post" | "page" if self.word("wp:status") == "trash" => Some("posts in the trash not imported"),
            "page" if !with_pages => Some(PAGES),
            "post" | "page" => None,
            "attachment" => Some("attachments not imported as posts"),
            _ => Some("items other than posts, such as menus, not imported"),
        }
    }

    /// The first of the dates that the item has. A draft has only a local time, which is taken as UTC, because the file
    /// does not give the offset of the site.
    pub(super) fn first_time(&self, fields: &[&str]) -> Result<Option<Timestamp>, String> {
        for field in fields {
            let text = self.word(field);
            let time = dates::parse(text).map_err(|()| format!("<{field}>: {} is not a date", quoted(text)))?;
            if time.is_some() {
                return Ok(time);
            }
        }
        Ok(None)
    }
}
