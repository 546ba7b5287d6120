//! Converts the posts of other publishing systems into posts of this service.

use serde_json::{Value, json};

use crate::db::Timestamp;
use crate::posts::{slug, validate};
use crate::transfer::formats::post_fields::{FittedFields, PostFields};
use crate::transfer::imported_post;
use crate::transfer::imported_post::{ExternalSlug, ImportedPost};
use crate::transfer::printable::quoted;
use crate::transfer::report::Mapping;
use crate::transfer::source::ImportRecord;

/// A post of WordPress or Ghost.
#[derive(Debug, Default)]
pub(crate) struct ExternalPost {
    pub(crate) title: String,
    /// The slug in the URLs of the other system. May be empty.
    pub(crate) slug: String,
    pub(crate) content: Option<String>,
    pub(crate) status: ExternalStatus,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) fields: PostFields,
    /// How the post differs from the file.
    pub(crate) notes: Vec<String>,
}

/// The publication status, with the time of publication.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum ExternalStatus {
    #[default]
    Draft,
    Published(Timestamp),
    Scheduled(Timestamp),
}

// Descriptions that the report counts.
pub(crate) const UNDATED: &str = "published or scheduled posts without a date imported as drafts";
pub(crate) const PAGES: &str = "pages not imported (import them with --pages)";
/// The tag of a post that the other system shows before the others.
pub(crate) const FEATURED: &str = "featured";
/// The title of a post that has neither title nor slug.
const UNTITLED: &str = "Untitled";

impl ExternalPost {
    /// Converts the post. Returns the record or the reason why the post is invalid, and notes about changed fields.
    pub(crate) fn into_record(mut self, mapping: &mut Mapping) -> (Result<ImportRecord, String>, Vec<String>) {
        let title = self.title_or_generated();
        let external_slug = ExternalSlug::new(&self.slug, &title);
        let (published, published_at, scheduled_for) = match self.status {
            ExternalStatus::Draft => (false, None, None),
            ExternalStatus::Published(at) => (true, Some(at), None),
            ExternalStatus::Scheduled(at) => (false, None, Some(at)),
        };
        let mut post: Value = json!({
            "title": title, "content": self.content, "published": published, "published_at": published_at,
            "scheduled_for": scheduled_for, "created_at": self.created_at, "updated_at": self.updated_at,
        });
        let FittedFields { members, notes, mapping: not_fitted } = self.fields.fit();
        if let Value::Object(post) = &mut post {
            post.extend(members);
        }
        mapping.append(not_fitted);
        self.notes.extend(notes);
        let post = imported_post::parse::<ImportedPost>(post, "")
            .map(|post| ImportRecord::Post(Box::new(post.with_external_slug(external_slug))));
        (post, self.notes)
    }

    /// The title, or one generated from the slug.
    fn title_or_generated(&mut self) -> String {
        if !self.title.trim().is_empty() {
            return std::mem::take(&mut self.title);
        }
        let words = self.slug.replace('-', " ");
        let title = if words.trim().is_empty() { UNTITLED } else { words.trim() };
        self.notes.push(format!("the post has no title; it becomes {}", quoted(title)));
        title.to_owned()
    }
}

impl ExternalSlug {
    /// Derives the slug of a post with this title from its slug in another system.
    pub(super) fn new(given: &str, title: &str) -> Self {
        let (base, problem) = match validate::slug(given.to_owned()) {
            Ok(slug) => (slug, None),
            Err(_) => match slug::transliterate(given) {
                Some(base) => (base, Some("is invalid")),
                None => (slug::from_title(title), Some("has no ASCII spelling")),
            },
        };
        Self { given: given.to_owned(), base, problem }
    }
}
