//! A post as a file tells it.

use serde_json::Value;

use crate::db::{MAX_ID, Timestamp};
use crate::posts::batch::BatchEntry;
use crate::posts::model::NewPost;
use crate::posts::{excerpt, model, slug};
use crate::validation;
use crate::validation::{FieldError, Fields, Input, Invalid};

/// The largest id that an import takes, 2^52: as many are left for the posts that follow.
pub(crate) const MAX_IMPORTED_ID: i64 = 1 << 52;

/// Only the title must be there.
pub(crate) struct ImportedPost {
    pub(crate) entry: BatchEntry,
    pub(crate) told: Told,
}

/// Which times the file told; the others are those of the import.
pub(crate) struct Told {
    pub(crate) published_at: bool,
    pub(crate) created_at: bool,
    pub(crate) updated_at: bool,
}

impl Input for ImportedPost {
    fn read(fields: &mut Fields) -> Option<Self> {
        let id = fields.nullable("id", |id| within(id, MAX_IMPORTED_ID));
        let slug = fields.nullable("slug", model::slug);
        let title = fields.required("title", model::title);
        let content = fields.nullable("content", model::content);
        let published = fields.optional("published", Ok).unwrap_or(false);
        let published_at = fields.nullable("published_at", model::time).flatten();
        let scheduled_for = fields.nullable("scheduled_for", model::time);
        let created_at = fields.nullable("created_at", model::time).flatten().or(published_at);
        let updated_at = fields.nullable("updated_at", model::time).flatten();
        let version = fields.optional("version", |version| within(version, MAX_ID));
        let now = Timestamp::now();
        let (title, slug, content) = (title?, slug.flatten(), content.flatten());
        let told = Told {
            published_at: published_at.is_some() || !published,
            created_at: created_at.is_some(),
            updated_at: updated_at.is_some(),
        };
        let entry = BatchEntry {
            id: id.flatten(),
            base: if slug.is_none() { Some(slug::from_title(&title)) } else { None },
            row: NewPost {
                slug: slug.unwrap_or_default(),
                title,
                excerpt: excerpt::of(content.as_deref().unwrap_or_default()),
                content,
                published,
                published_at: published_at.or(published.then_some(now)),
                // What is published already has nothing to wait for.
                scheduled_for: scheduled_for.flatten().filter(|_| !published),
                created_at: created_at.unwrap_or(now),
                updated_at: updated_at.unwrap_or(now),
                version: version.unwrap_or(1),
            },
        };
        Some(Self { entry, told })
    }
}

pub(crate) fn within(number: i64, max: i64) -> Result<i64, Invalid> {
    let out_of_range = || Invalid::new("range", format!("must be from 1 to {max}"));
    Some(number).filter(|number| (1..=max).contains(number)).ok_or_else(out_of_range)
}

/// Reads `value`, or tells every mistake in it.
pub(crate) fn read<T: Input>(value: Value, pointer: &str) -> Result<T, String> {
    validation::read(value, pointer).map_err(|errors| {
        let told = |FieldError { pointer, detail, .. }: &FieldError| format!("{pointer} {detail}");
        errors.iter().map(told).collect::<Vec<_>>().join("; ")
    })
}
