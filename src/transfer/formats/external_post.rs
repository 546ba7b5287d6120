//! Converts the posts of other publishing systems into posts of this service.

use serde_json::{Value, json};

use crate::db::Timestamp;
use crate::posts::{model, slug};
use crate::transfer::imported_post;
use crate::transfer::imported_post::ImportedPost;
use crate::transfer::source::ImportRecord;

/// A post of WordPress or Ghost. Its times are RFC 3339.
#[derive(Debug, Default)]
pub(crate) struct ExternalPost {
    pub(crate) title: String,
    /// The slug in the URLs of the other system. May be empty.
    pub(crate) slug: String,
    pub(crate) content: Option<String>,
    pub(crate) status: ExternalStatus,
    pub(crate) created_at: Option<String>,
    pub(crate) updated_at: Option<String>,
}

/// The publication status, with the time of publication.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum ExternalStatus {
    #[default]
    Draft,
    Published(String),
    Scheduled(String),
}

// Descriptions that `Unmapped` counts.
pub(crate) const UNDATED: &str = "published or scheduled posts without a date imported as drafts";
pub(crate) const EXCERPTS: &str = "custom excerpts not imported";
pub(crate) const PAGES: &str = "pages not imported (import them with --pages)";
/// The title of a post that has neither title nor slug.
const UNTITLED: &str = "Untitled";

impl ExternalPost {
    /// Converts the post. Returns the record or the reason why the post is invalid, and notes about changed fields.
    pub(crate) fn into_record(self) -> (Result<ImportRecord, String>, Vec<String>) {
        let mut notes = Vec::new();
        let title = self.title_or_generated(&mut notes);
        let (slug, base) = match self.slug.as_str() {
            "" => (None, None),
            given => match model::slug(given.to_owned()) {
                Ok(slug) => (Some(slug), None),
                Err(_) => (None, Some(slug::from_title(given))),
            },
        };
        if let Some(base) = &base {
            notes.push(format!(
                "the slug {:?} is invalid; it becomes {base}, with a number appended if that is in use",
                self.slug
            ));
        }
        let (published, published_at, scheduled_for) = match self.status {
            ExternalStatus::Draft => (false, None, None),
            ExternalStatus::Published(at) => (true, Some(at), None),
            ExternalStatus::Scheduled(at) => (false, None, Some(at)),
        };
        let post: Value = json!({
            "title": title, "slug": slug, "content": self.content, "published": published,
            "published_at": published_at, "scheduled_for": scheduled_for, "created_at": self.created_at,
            "updated_at": self.updated_at,
        });
        let post = imported_post::parse::<ImportedPost>(post, "").map(|mut post| {
            if base.is_some() {
                post.entry.base = base;
            }
            ImportRecord::Post(Box::new(post))
        });
        (post, notes)
    }

    /// The title, or one generated from the slug.
    fn title_or_generated(&self, notes: &mut Vec<String>) -> String {
        if !self.title.trim().is_empty() {
            return self.title.clone();
        }
        let words = self.slug.replace('-', " ");
        let title = if words.trim().is_empty() { UNTITLED } else { words.trim() };
        notes.push(format!("the post has no title; it becomes {title:?}"));
        title.to_owned()
    }
}

/// Converts a UTC time in SQL format (`2026-01-31 12:00:00`) to RFC 3339. Returns `None` for an empty text and for
/// `0000-00-00 00:00:00`, which WordPress stores for "no time".
pub(crate) fn sql_time(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.starts_with("0000-") {
        return None;
    }
    match text.split_once(' ') {
        Some((day, time)) => Some(format!("{day}T{time}Z")),
        None => Some(text.to_owned()),
    }
}

/// Converts a time in milliseconds since 1970 to RFC 3339. Returns `None` if it is out of range.
pub(crate) fn millisecond_time(number: i64) -> Option<String> {
    Timestamp::from_microseconds(number.checked_mul(1000)?).ok().map(|time| time.to_string())
}
