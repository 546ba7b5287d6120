//! Finds the posts of a batch that an earlier import of the same file has stored.
//!
//! 1. `load_candidates` selects the stored posts with the same id, slug, or title, without content.
//! 2. Each candidate is compared field by field with the post of the batch.
//! 3. The content, which can be long, is loaded and compared only for posts that match.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::db::{Connection, on};
use crate::posts::batch::BatchEntry;
use crate::posts::model::PostSummary;
use crate::posts::slug;
use crate::schema::posts;
use crate::transfer::imported_post::ImportedPost;

impl ImportedPost {
    /// Whether a repeated import can recognize the post, by its id, its slug, or its creation time. A post of another
    /// system always has a slug, because every import derives the same one from its slug or title.
    pub(crate) fn is_identifiable(&self) -> bool {
        let has_slug = self.entry.base.is_none() || self.external_slug.is_some();
        self.entry.id.is_some() || has_slug || self.given_times.created_at
    }

    /// The slug that is requested, or from which an unused one is derived.
    fn slug_or_base(&self) -> &String {
        self.entry.base.as_ref().unwrap_or(&self.entry.row.slug)
    }

    /// Whether an earlier import can have stored the post under this slug.
    fn can_have_slug(&self, stored: &str) -> bool {
        let slug = self.slug_or_base();
        // The slug of a post with a creation time may have been changed since.
        let is_any = self.entry.base.is_some() && (self.external_slug.is_none() || self.given_times.created_at);
        is_any || slug == stored || (self.external_slug.is_some() && is_numbered(stored, slug))
    }

    /// Compares all fields, except the content, the excerpt derived from it, and the aliases, which later renames
    /// change.
    fn matches(&self, stored: &PostSummary) -> bool {
        let Self { entry: BatchEntry { id, base: _, row }, given_times, external_slug: _, aliases: _ } = self;
        let is_candidate =
            id.is_none_or(|id| id == stored.id) && row.title == stored.title && self.can_have_slug(&stored.slug);
        if !is_candidate {
            return false;
        }
        let mut imported = row.to_summary(stored.id);
        imported.slug.clone_from(&stored.slug);
        imported.excerpt.clone_from(&stored.excerpt);
        if !given_times.published_at {
            imported.published_at = stored.published_at;
        }
        // The default of a published post is its `published_at`, that of a scheduled one is the time of the import.
        if !given_times.has_created_at {
            imported.created_at = stored.created_at;
        }
        if !given_times.updated_at {
            imported.updated_at = stored.updated_at;
        }
        apply_publication(&mut imported, stored);
        imported == *stored
    }
}

/// Adapts a post to its publication at the scheduled time, which the service may have done since the earlier import.
/// The same file may give the post as published by now: then only `version` and `updated_at` differ from the stored
/// ones.
fn apply_publication(imported: &mut PostSummary, stored: &PostSummary) {
    if imported.scheduled_for.is_some() && imported.scheduled_for == stored.published_at {
        imported.published = true;
        imported.published_at = imported.scheduled_for.take();
    }
    if imported.published {
        imported.version = imported.version.max(stored.version);
        imported.updated_at = imported.updated_at.max(stored.updated_at);
    }
}

/// Whether the slug is the base with a number appended.
fn is_numbered(slug: &str, base: &str) -> bool {
    let number = slug.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
    number.is_some_and(|number| number > 1 && slug::numbered(base, number) == slug)
}

/// Returns the indexes in `batch` of the posts that are stored unchanged. Each post must be identifiable.
pub(crate) fn find_stored(conn: &mut Connection, batch: &[&ImportedPost]) -> QueryResult<HashSet<usize>> {
    let candidates = load_candidates(conn, batch)?;
    let mut indexes: HashMap<i64, Vec<usize>> = HashMap::new();
    for (index, post) in batch.iter().enumerate() {
        // Several stored posts can differ in their content only.
        for matching in candidates.iter().filter(|stored| post.matches(stored)) {
            indexes.entry(matching.id).or_default().push(index);
        }
    }
    let ids: Vec<i64> = indexes.keys().copied().collect();
    let contents: Vec<(i64, Option<String>)> = on!(conn, conn => posts::table
        .filter(posts::id.eq_any(&ids))
        .select((posts::id, posts::content))
        .load(conn))?;
    let mut stored = HashSet::new();
    for (id, content) in contents {
        let matching = indexes.remove(&id).unwrap_or_default().into_iter();
        stored.extend(matching.filter(|index| batch.get(*index).is_some_and(|post| post.entry.row.content == content)));
    }
    Ok(stored)
}

/// The posts with these titles. The condition on `published` names both values of the index's first column, so that the
/// database can use the index to find the titles.
macro_rules! with_titles {
    ($titles:expr) => {
        posts::table.filter(posts::published.eq_any([true, false])).filter(posts::title.eq_any($titles))
    };
}

fn load_candidates(conn: &mut Connection, batch: &[&ImportedPost]) -> QueryResult<Vec<PostSummary>> {
    let ids: Vec<i64> = batch.iter().filter_map(|post| post.entry.id).collect();
    let requests_slug = |post: &&&ImportedPost| post.entry.id.is_none() && post.entry.base.is_none();
    let slugs: Vec<&String> = batch.iter().filter(requests_slug).map(|post| &post.entry.row.slug).collect();
    let mut candidates = load_by_title(conn, batch)?;
    if !ids.is_empty() {
        candidates.extend(on!(conn, conn => posts::table
            .filter(posts::id.eq_any(&ids))
            .select(PostSummary::as_select())
            .load::<PostSummary>(conn))?);
    }
    if !slugs.is_empty() {
        candidates.extend(on!(conn, conn => posts::table
            .filter(posts::slug.eq_any(&slugs))
            .select(PostSummary::as_select())
            .load::<PostSummary>(conn))?);
    }
    Ok(candidates)
}

/// Loads the candidates for the posts to whose slug an earlier import may have appended a number.
fn load_by_title(conn: &mut Connection, batch: &[&ImportedPost]) -> QueryResult<Vec<PostSummary>> {
    let (mut titles, mut times, mut undated) = (Vec::new(), Vec::new(), Vec::new());
    for ImportedPost { entry: BatchEntry { id, base, row }, given_times, external_slug, .. } in batch {
        if id.is_some() || (base.is_none() && external_slug.is_none()) {
            continue;
        }
        if given_times.created_at {
            titles.push(&row.title);
            times.push(row.created_at);
        } else {
            undated.push(&row.title);
        }
    }
    let mut candidates: Vec<PostSummary> = Vec::new();
    if !titles.is_empty() {
        candidates.extend(on!(conn, conn => with_titles!(&titles)
            .filter(posts::created_at.eq_any(&times).or(posts::published_at.eq_any(&times)))
            .select(PostSummary::as_select())
            .load::<PostSummary>(conn))?);
    }
    if !undated.is_empty() {
        candidates.extend(on!(conn, conn => with_titles!(&undated)
            .select(PostSummary::as_select())
            .load::<PostSummary>(conn))?);
    }
    Ok(candidates)
}
