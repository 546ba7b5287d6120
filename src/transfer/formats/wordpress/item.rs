//! An `<item>` of an export.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::db::Timestamp;
use crate::transfer::formats::dates;
use crate::transfer::formats::external_post::{EXCERPTS, ExternalPost, ExternalStatus, PAGES, UNDATED};
use crate::transfer::formats::html_text::{decode_references, without_tags};
use crate::transfer::formats::wordpress::field_text::FieldText;
use crate::transfer::printable::quoted;
use crate::transfer::report::Counts;

/// The elements of an item that the import reads.
const FIELDS: &[&str] = &[
    "title", "content:encoded", "excerpt:encoded", "pubDate", "wp:post_date", "wp:post_date_gmt", "wp:post_modified",
    "wp:post_modified_gmt", "wp:post_name", "wp:status", "wp:post_type", "wp:post_password",
];

#[derive(Debug, Default)]
pub(super) struct WordPressItem {
    fields: BTreeMap<&'static str, FieldText>,
    comments: u64,
    custom_fields: u64,
    /// Why the item is invalid: the first error.
    error: Option<String>,
}

impl WordPressItem {
    /// The field that an element is read into. `None` if the import does not read it.
    pub(super) fn field_name(element: &str) -> Option<&'static str> {
        FIELDS.iter().find(|field| **field == element).copied()
    }

    pub(super) fn add_field(&mut self, name: &'static str, text: FieldText) {
        if self.fields.insert(name, text).is_some() {
            self.set_error(format!("the element <{name}> is repeated"));
        }
    }

    /// Counts an element that is not imported.
    pub(super) fn count(&mut self, element: &str) {
        match element {
            "wp:comment" => self.comments += 1,
            "wp:postmeta" => self.custom_fields += 1,
            _ => {}
        }
    }

    pub(super) fn set_error(&mut self, error: String) {
        self.error.get_or_insert(error);
    }

    /// The approximate size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        self.fields.get("content:encoded").map_or(0, |content| content.word().len())
    }

    fn word(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", FieldText::word)
    }

    /// Converts the item to a post. If the item is not imported as a post, counts it in `unmapped` and returns `None`.
    pub(super) fn into_post(mut self, with_pages: bool, unmapped: &mut Counts) -> Result<Option<ExternalPost>, String> {
        let other = match self.word("wp:post_type") {
            "post" | "page" if self.word("wp:status") == "trash" => Some("posts in the trash not imported"),
            "page" if !with_pages => Some(PAGES),
            "post" | "page" => None,
            "attachment" => Some("attachments not imported"),
            _ => Some("items other than posts, such as menus, not imported"),
        };
        if let Some(other) = other {
            unmapped.increment(other);
            return Ok(None);
        }
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let created_at = self.first_time(&["wp:post_date_gmt", "pubDate", "wp:post_date"])?;
        let updated_at = self.first_time(&["wp:post_modified_gmt", "wp:post_modified"])?.or(created_at);
        let mut post = ExternalPost { slug: self.slug(), created_at, updated_at, ..ExternalPost::default() };
        post.status = self.status(created_at, &mut post.notes, unmapped);
        unmapped.add("comments not imported", self.comments);
        unmapped.add("custom fields not imported", self.custom_fields);
        unmapped.add(EXCERPTS, u64::from(!self.word("excerpt:encoded").is_empty()));
        let removed = self.fields.values().map(|field| field.removed).sum::<u64>();
        if removed > 0 {
            post.notes.push(format!("control characters removed: {removed}"));
        }
        post.title = self.fields.remove("title").map(title).unwrap_or_default();
        let content = self.fields.remove("content:encoded").map(FieldText::into_html);
        post.content = content.filter(|content| !content.is_empty());
        Ok(Some(post))
    }

    /// The first of the dates that the item has. A draft has only a local time, which is taken as UTC, because the file
    /// does not give the offset of the site.
    fn first_time(&self, fields: &[&str]) -> Result<Option<Timestamp>, String> {
        for field in fields {
            let text = self.word(field);
            let time = dates::parse(text).map_err(|()| format!("<{field}>: {} is not a date", quoted(text)))?;
            if time.is_some() {
                return Ok(time);
            }
        }
        Ok(None)
    }

    /// WordPress percent-encodes all non-ASCII letters of a slug.
    fn slug(&self) -> String {
        let name = self.word("wp:post_name");
        percent_decode_str(name).decode_utf8().map_or_else(|_| name.to_owned(), |slug| slug.trim().to_owned())
    }

    /// The status, which is a draft unless WordPress shows the post to everyone.
    fn status(&self, at: Option<Timestamp>, notes: &mut Vec<String>, unmapped: &mut Counts) -> ExternalStatus {
        let password = self.fields.get("wp:post_password");
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
