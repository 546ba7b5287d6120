//! A post parsed from an import file.

use serde_json::Value;

use crate::db::{MAX_ID, Timestamp};
use crate::posts::aliases;
use crate::posts::batch::BatchEntry;
use crate::posts::input::CreatePost;
use crate::posts::validate;
use crate::transfer::limits::MAX_IMPORTED_ID;
use crate::transfer::printable::quoted;
use crate::validation;
use crate::validation::{FieldError, Fields, Input, Invalid};

/// A post with all its fields. The file must give the title; the other fields have defaults.
pub(crate) struct ImportedPost {
    pub(crate) entry: BatchEntry,
    /// Old slugs that redirect to the post, the oldest first.
    pub(crate) aliases: Vec<String>,
    pub(crate) given_times: GivenTimes,
    /// Set if the post comes from another system. Its slug may be changed, because it need not be unique there.
    pub(crate) external_slug: Option<ExternalSlug>,
}

/// The slug of a post in another system.
#[derive(Debug)]
pub(crate) struct ExternalSlug {
    /// Empty if the post has none there, as drafts of WordPress.
    pub(crate) given: String,
    /// The valid slug derived from it, or else from the title. It is used as it is, or with a number appended.
    pub(crate) base: String,
    /// Why `base` differs from `given`. `None` if it does not.
    pub(crate) problem: Option<&'static str>,
}

impl ExternalSlug {
    /// A note if the stored slug differs from the given one.
    pub(crate) fn note(&self, stored: &str) -> Option<String> {
        if self.given.is_empty() || self.given == stored {
            return None;
        }
        let problem = self.problem.unwrap_or("is already in use");
        Some(format!("the slug {} {problem}; it becomes {stored}", quoted(&self.given)))
    }
}

impl ImportedPost {
    /// Replaces the slug. A valid slug is requested as it is; another one becomes the base of an unused slug.
    pub(crate) fn with_external_slug(mut self, slug: ExternalSlug) -> Self {
        if slug.problem.is_none() {
            self.entry.row.slug.clone_from(&slug.base);
            self.entry.base = None;
        } else {
            self.entry.base = Some(slug.base.clone());
        }
        self.external_slug = Some(slug);
        self
    }
}

/// Whether each time comes from the file. The other times default to the time of the import, so a repeated import
/// cannot compare them.
#[expect(clippy::struct_excessive_bools, reason = "one for each time, and its default")]
pub(crate) struct GivenTimes {
    pub(crate) published_at: bool,
    pub(crate) created_at: bool,
    /// Whether the file has `created_at` itself, which defaults to `published_at`.
    pub(crate) has_created_at: bool,
    pub(crate) updated_at: bool,
}

impl Input for ImportedPost {
    fn read(fields: &mut Fields) -> Option<Self> {
        let id = fields.nullable("id", |id| in_range(id, MAX_IMPORTED_ID));
        let post = CreatePost::read(fields);
        let published_at = fields.nullable("published_at", validate::time).flatten();
        let scheduled_for = fields.nullable("scheduled_for", validate::time).flatten();
        let created_at = fields.nullable("created_at", validate::time).flatten();
        let updated_at = fields.nullable("updated_at", validate::time).flatten();
        let version = fields.optional("version", |version| in_range(version, MAX_ID));
        let aliases = aliases::model::read(fields);
        let mut entry = BatchEntry::new(post?, Timestamp::now());
        entry.id = id.flatten();
        let row = &mut entry.row;
        let given_times = GivenTimes {
            // The `published_at` of a draft has no default.
            published_at: published_at.is_some() || !row.published,
            created_at: created_at.or(published_at).is_some(),
            has_created_at: created_at.is_some(),
            updated_at: updated_at.is_some(),
        };
        row.published_at = published_at.or(row.published_at);
        // A published post has no schedule.
        row.scheduled_for = scheduled_for.filter(|_| !row.published);
        row.created_at = created_at.or(published_at).unwrap_or(row.created_at);
        row.updated_at = updated_at.unwrap_or(row.updated_at);
        row.version = version.unwrap_or(row.version);
        Some(Self { entry, aliases, given_times, external_slug: None })
    }
}

/// Accepts integers from 1 to `max`.
pub(crate) fn in_range(number: i64, max: i64) -> Result<i64, Invalid> {
    let out_of_range = || Invalid::new("range", format!("must be an integer between 1 and {max}"));
    Some(number).filter(|number| (1..=max).contains(number)).ok_or_else(out_of_range)
}

/// Parses `value`. The error lists all invalid fields, separated by semicolons.
pub(crate) fn parse<T: Input>(value: Value, pointer: &str) -> Result<T, String> {
    validation::read(value, pointer).map_err(|errors| {
        let describe = |FieldError { pointer, detail, .. }: &FieldError| {
            if pointer.is_empty() { detail.to_string() } else { format!("{pointer}: {detail}") }
        };
        errors.iter().map(describe).collect::<Vec<_>>().join("; ")
    })
}
