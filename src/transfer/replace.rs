//! Replaces stored posts by imported ones with the same slug.
//!
//! A replaced post becomes what an import into an empty database would store, with these exceptions:
//!
//! 1. It keeps its id, and its version increases.
//! 2. It keeps the times that the input does not give.
//! 3. `updated_at` never becomes earlier, so that clients which ask for recent changes find the post. If the input
//!    gives no later time, it is the time of the import.
//!
//! A stored post that equals the input stays unchanged, with its version and entity tag. A repeated import of a folder
//! then costs one lookup per post. Aliases are no part of this comparison: the report counts their changes separately.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::db::{Connection, MAX_ID, Timestamp, on};
use crate::posts::aliases;
use crate::posts::model::{NewPost, PostSummary};
use crate::posts::store;
use crate::schema::posts;
use crate::transfer::alias_store::store_aliases;
use crate::transfer::error::Error;
use crate::transfer::imported_post::ImportedPost;
use crate::transfer::located::Located;
use crate::transfer::report::Report;

/// Replaces posts batch by batch.
#[derive(Default)]
pub(crate) struct Replacer {
    /// Hashes of the slugs of all posts so far. Otherwise, the second of two posts with one slug would replace the
    /// first.
    seen: HashSet<u128>,
}

impl Replacer {
    /// Marks a slug as used by a post of this import. Returns false if it was marked before.
    pub(crate) fn record(&mut self, slug: &str) -> bool {
        let hash = blake3::hash(slug.as_bytes());
        let half = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        self.seen.insert(u128::from_le_bytes(half))
    }

    /// Removes the posts whose slugs are stored from the batch, and replaces the stored ones. Posts without a slug
    /// remain.
    pub(crate) fn replace_stored(
        &mut self,
        conn: &mut Connection,
        batch: &mut Vec<Located<ImportedPost>>,
        report: &mut Report,
    ) -> Result<(), Error> {
        for post in batch.iter_mut() {
            request_slug(&mut post.value);
        }
        self.remove_repeated(batch, report);
        let mut stored = load_stored(conn, batch)?;
        let mut pending = Vec::new();
        for post in std::mem::take(batch) {
            match stored.remove(&post.value.entry.row.slug).filter(|_| post.value.entry.base.is_none()) {
                Some(summary) => pending.push((post, summary)),
                None => batch.push(post),
            }
        }
        for chunk in pending.chunks_mut(CONTENTS) {
            replace_chunk(conn, chunk, report)?;
        }
        Ok(())
    }

    /// Rejects the posts whose slugs occur earlier in the input.
    fn remove_repeated(&mut self, batch: &mut Vec<Located<ImportedPost>>, report: &mut Report) {
        batch.retain(|post| {
            let slug = &post.value.entry.row.slug;
            let is_first = post.value.entry.base.is_some() || self.record(slug);
            if !is_first {
                report.skipped.push(post.diagnostic(format!(
                    "/slug: {slug} occurs earlier in the input; with --replace, every post needs a slug of its own"
                )));
            }
            is_first
        });
    }
}

/// How many contents are in memory at once: at most 16 times 512 KiB.
const CONTENTS: usize = 16;

/// Requests the slug that was derived from an invalid slug of another system, as every import derives the same one. A
/// slug that was derived from the title alone does not identify the post.
fn request_slug(post: &mut ImportedPost) {
    if post.external_slug.as_ref().is_some_and(|slug| !slug.given.is_empty())
        && let Some(base) = post.entry.base.take()
    {
        post.entry.row.slug = base;
    }
}

fn load_stored(conn: &mut Connection, batch: &[Located<ImportedPost>]) -> QueryResult<HashMap<String, PostSummary>> {
    let entries = batch.iter().map(|post| &post.value.entry).filter(|entry| entry.base.is_none());
    let slugs: Vec<&String> = entries.map(|entry| &entry.row.slug).collect();
    if slugs.is_empty() {
        return Ok(HashMap::new());
    }
    let stored: Vec<PostSummary> = on!(conn, conn => posts::table
        .filter(posts::slug.eq_any(&slugs))
        .select(PostSummary::as_select())
        .load::<PostSummary>(conn))?;
    Ok(stored.into_iter().map(|post| (post.slug.clone(), post)).collect())
}

fn replace_chunk(
    conn: &mut Connection,
    chunk: &mut [(Located<ImportedPost>, PostSummary)],
    report: &mut Report,
) -> Result<(), Error> {
    let equal: Vec<i64> =
        chunk.iter().filter(|(post, stored)| post.value.equals(stored)).map(|(_, post)| post.id).collect();
    let contents: Vec<(i64, Option<String>)> = on!(conn, conn => posts::table
        .filter(posts::id.eq_any(&equal))
        .select((posts::id, posts::content))
        .load(conn))?;
    let contents: HashMap<i64, Option<String>> = contents.into_iter().collect();
    let (ids, slugs): (Vec<i64>, Vec<String>) = chunk.iter().map(|(_, post)| (post.id, post.slug.clone())).unzip();
    let aliases_before = aliases::store::held_by(conn, &ids, &slugs)?;
    let mut aliases = Vec::new();
    for (post, stored) in chunk {
        if contents.get(&stored.id).is_some_and(|content| *content == post.value.entry.row.content) {
            report.unchanged += 1;
        } else {
            store::overwrite(conn, stored.id, &post.value.replacement(stored))?;
            report.replaced += 1;
        }
        let slug_note = post.value.external_slug.as_ref().and_then(|external| external.note(&stored.slug));
        post.report_notes(slug_note, report);
        let location = Located { position: post.position.clone(), value: (), notes: Vec::new() };
        aliases.push((location, stored.slug.clone(), std::mem::take(&mut post.value.aliases)));
    }
    store_aliases(conn, &aliases, report)?;
    let aliases_after = aliases::store::held_by(conn, &ids, &slugs)?;
    report.aliases_added += aliases_after.difference(&aliases_before).count() as u64;
    report.aliases_removed += aliases_before.difference(&aliases_after).count() as u64;
    Ok(())
}

impl ImportedPost {
    /// The row that replaces the stored post.
    fn replacement(&self, stored: &PostSummary) -> NewPost {
        let mut row = self.with_stored_times(stored);
        if !self.is_updated_after(stored) {
            row.updated_at = Timestamp::now().max(stored.updated_at);
        }
        row.version = stored.version.clamp(1, MAX_ID - 1) + 1;
        row
    }

    /// Whether the stored post has the same fields, apart from the content and the excerpt derived from it.
    fn equals(&self, stored: &PostSummary) -> bool {
        let mut imported = self.with_stored_times(stored).to_summary(stored.id);
        imported.excerpt.clone_from(&stored.excerpt);
        imported.version = stored.version;
        imported.updated_at = stored.updated_at;
        imported == *stored && !self.is_updated_after(stored)
    }

    /// The row, with the stored times in place of those that the input does not give.
    fn with_stored_times(&self, stored: &PostSummary) -> NewPost {
        let mut row = self.entry.row.clone();
        if !self.given_times.published_at || row.published_at.is_none() {
            row.published_at = stored.published_at.or(row.published_at);
        }
        if !self.given_times.has_created_at {
            row.created_at = stored.created_at;
        }
        row
    }

    /// Whether the input gives a later `updated_at`.
    fn is_updated_after(&self, stored: &PostSummary) -> bool {
        self.given_times.updated_at && self.entry.row.updated_at > stored.updated_at
    }
}
