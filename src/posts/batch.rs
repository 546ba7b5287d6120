//! Stores many posts with few statements, for `POST /api/posts/batch` and for imports.
//!
//! The statements avoid unique violations, because a database error would abort the transaction on PostgreSQL.
//! `ON CONFLICT DO NOTHING` skips rows whose slug or id is in use, and `RETURNING` shows which rows were inserted.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::db::{Backend, Connection, FixedSql, Timestamp, Visibility, on};
use crate::posts::input::{Batch, CreatePost, OnConflict};
use crate::posts::model::{NewPost, Post};
use crate::posts::put::{is_new, may_have_been_public, upsert};
use crate::posts::slug;
use crate::posts::slug::FreeNumberSearch;
use crate::posts::store::{find_by_slugs, slug_exists};
use crate::schema::posts;

/// A post of a batch.
#[derive(Debug, Clone)]
pub struct BatchEntry {
    /// If `None`, the database assigns the id.
    pub id: Option<i64>,
    /// If set, [`store`] replaces the slug of `row` with an unused one: this base, with a number appended if necessary.
    /// If `None`, `row` has the requested slug.
    pub base: Option<String>,
    pub row: NewPost,
}

impl BatchEntry {
    /// An entry for a post that is created at `now`.
    #[must_use]
    pub fn new(mut post: CreatePost, now: Timestamp) -> Self {
        let slug = post.slug.take();
        let base = if slug.is_none() { Some(slug::from_title(&post.title)) } else { None };
        Self { id: None, base, row: post.into_row(slug.unwrap_or_default(), now) }
    }
}

/// The outcome of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchOutcome {
    Created,
    /// The slug is in use, and the existing post stays as it is.
    Skipped,
    Replaced,
    /// The existing post has the values of the entry already, and stays as it is.
    Unchanged,
    /// Not stored, because another post has the slug.
    SlugTaken,
    /// Not stored, because another post has the id.
    IdTaken,
}

impl BatchOutcome {
    /// Whether the entry was written.
    fn is_stored(self) -> bool {
        matches!(self, Self::Created | Self::Replaced)
    }
}

/// The outcome of each post of a batch with its slug, in order, and the posts that now have these slugs.
pub type BatchOutcomes = (Vec<(BatchOutcome, String)>, Vec<Post>);

/// Stores a batch. If an outcome is [`BatchOutcome::SlugTaken`], returns no posts, and the caller must roll back the
/// transaction.
pub fn create(conn: &mut Connection, batch: Batch, now: Timestamp) -> QueryResult<BatchOutcomes> {
    let entries = batch.posts.into_iter().map(|post| BatchEntry::new(post, now)).collect();
    let outcomes = store(conn, entries, batch.on_conflict)?.outcomes;
    if outcomes.iter().any(|(outcome, _)| *outcome == BatchOutcome::SlugTaken) {
        return Ok((outcomes, Vec::new()));
    }
    let slugs: Vec<String> = outcomes.iter().map(|(_, slug)| slug.clone()).collect();
    let posts = find_by_slugs(conn, &slugs)?;
    let stored = outcomes.iter().filter(|(outcome, _)| outcome.is_stored());
    let stored: HashSet<&str> = stored.map(|(_, slug)| slug.as_str()).collect();
    let changed = posts.iter().filter(|post| stored.contains(post.slug.as_str()) && may_have_been_public(post));
    conn.mark_posts_changed(Visibility::Public, changed.map(|post| post.id).collect());
    Ok((outcomes, posts))
}

/// What [`store`] has done.
#[derive(Debug)]
pub struct StoredBatch {
    /// The outcome and the slug of each entry, in order.
    pub outcomes: Vec<(BatchOutcome, String)>,
    /// The ids of the inserted posts, in the order of their inserts. Without those that a replacing batch has created.
    pub inserted: Vec<i64>,
}

/// Stores the entries in order.
///
/// All entries must fit into one statement, as up to 500 entries do. Entries with the outcome
/// [`BatchOutcome::SlugTaken`] or [`BatchOutcome::IdTaken`] are not stored. The caller decides whether to commit the
/// others.
pub fn store(conn: &mut Connection, entries: Vec<BatchEntry>, on_conflict: OnConflict) -> QueryResult<StoredBatch> {
    lock_batches(conn)?;
    let mut outcomes = vec![(BatchOutcome::Created, String::new()); entries.len()];
    let (mut inserted, mut slugs) = (Vec::new(), HashSet::new());
    let mut pending = without_duplicates(entries, &mut slugs, &mut outcomes);
    if on_conflict == OnConflict::Replace {
        let (replacing, others) =
            pending.into_iter().partition(|(_, entry)| entry.base.is_none() && entry.id.is_none());
        replace(conn, replacing, &mut outcomes)?;
        pending = others;
    }
    while !pending.is_empty() {
        assign_slugs(conn, &mut pending, &mut slugs)?;
        let rows = insert_rows(conn, &pending)?;
        inserted.extend(rows.iter().map(|(_, id)| id));
        let stored: HashSet<&str> = rows.iter().map(|(slug, _)| slug.as_str()).collect();
        pending = without_stored(conn, pending, &stored, on_conflict, &mut outcomes)?;
    }
    Ok(StoredBatch { outcomes, inserted })
}

/// Returns the entries, with their indexes, whose id and requested slug do not occur earlier in the batch. Records the
/// outcomes of the duplicates, and adds the requested slugs to `slugs`.
fn without_duplicates(
    entries: Vec<BatchEntry>,
    slugs: &mut HashSet<String>,
    outcomes: &mut [(BatchOutcome, String)],
) -> Vec<(usize, BatchEntry)> {
    let mut ids = HashSet::new();
    let mut unique = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        if entry.id.is_some_and(|id| !ids.insert(id)) {
            record(outcomes, index, BatchOutcome::IdTaken, entry);
        } else if entry.base.is_none() && !slugs.insert(entry.row.slug.clone()) {
            record(outcomes, index, BatchOutcome::SlugTaken, entry);
        } else {
            unique.push((index, entry));
        }
    }
    unique
}

/// Makes batches on PostgreSQL wait for each other. Otherwise, two batches with the same slugs in different orders
/// could deadlock. Other writes do not wait. On SQLite, this is unnecessary, because there is only one writer.
pub(crate) fn lock_batches(conn: &mut Connection) -> QueryResult<()> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
    // An arbitrary number that no other advisory lock in this database uses.
    let lock = FixedSql::<Text>::new("pg_advisory_xact_lock(8101820111974519136)::text");
    diesel::select(lock).execute(conn).map(drop)
}

fn record(outcomes: &mut [(BatchOutcome, String)], index: usize, outcome: BatchOutcome, entry: BatchEntry) {
    if let Some(slot) = outcomes.get_mut(index) {
        *slot = (outcome, entry.row.slug);
    }
}

/// Assigns an unused slug to each entry without a requested one. The number of lookups does not depend on the number of
/// entries.
///
/// If several entries have the same base, only the slug of the first is looked up. If the slug of a later entry is in
/// use, the insert skips the row, and `store` assigns another slug.
fn assign_slugs(
    conn: &mut Connection,
    pending: &mut [(usize, BatchEntry)],
    slugs: &mut HashSet<String>,
) -> QueryResult<()> {
    let bases = pending.iter().filter_map(|(_, entry)| entry.base.clone());
    let mut numbers = find_free_numbers(conn, bases.collect())?;
    for (_, entry) in pending.iter_mut() {
        let Some((base, number)) = entry.base.as_deref().and_then(|base| Some((base, numbers.get_mut(base)?))) else {
            continue;
        };
        while !slugs.insert(slug::numbered(base, *number)) {
            *number += 1;
        }
        entry.row.slug = slug::numbered(base, *number);
    }
    Ok(())
}

/// The number of an unused slug for each base. Each query looks up one candidate per base.
fn find_free_numbers(conn: &mut Connection, bases: HashSet<String>) -> QueryResult<HashMap<String, u64>> {
    let mut searches: Vec<(String, FreeNumberSearch)> =
        bases.into_iter().map(|base| (base, FreeNumberSearch::default())).collect();
    loop {
        let candidates = searches.iter_mut().filter_map(|(base, search)| {
            let number = search.candidate()?;
            Some((slug::numbered(base, number), (number, search)))
        });
        let (slugs, candidates): (Vec<String>, Vec<_>) = candidates.unzip();
        if slugs.is_empty() {
            break;
        }
        let used: Vec<String> =
            on!(conn, conn => posts::table.filter(posts::slug.eq_any(&slugs)).select(posts::slug).load(conn))?;
        let used: HashSet<String> = used.into_iter().collect();
        for (slug, (number, search)) in slugs.iter().zip(candidates) {
            search.record(number, used.contains(slug));
        }
    }
    Ok(searches.into_iter().filter_map(|(base, search)| Some((base, search.free()?))).collect())
}

/// Records the outcomes of entries after an attempt to insert them; `stored` are the slugs of those that were inserted.
/// Returns the entries whose assigned slug is in use. The caller must assign other slugs to them.
fn without_stored(
    conn: &mut Connection,
    entries: Vec<(usize, BatchEntry)>,
    stored: &HashSet<&str>,
    on_conflict: OnConflict,
    outcomes: &mut [(BatchOutcome, String)],
) -> QueryResult<Vec<(usize, BatchEntry)>> {
    let mut retry = Vec::new();
    for (index, entry) in entries {
        let outcome = if stored.contains(entry.row.slug.as_str()) {
            BatchOutcome::Created
        } else if entry.id.is_some() && !slug_exists(conn, &entry.row.slug)? {
            BatchOutcome::IdTaken
        } else if entry.base.is_none() {
            if on_conflict == OnConflict::Skip { BatchOutcome::Skipped } else { BatchOutcome::SlugTaken }
        } else {
            retry.push((index, entry));
            continue;
        };
        record(outcomes, index, outcome, entry);
    }
    Ok(retry)
}

/// Inserts the rows that have no conflict, and returns their slugs and ids in the order of the inserts.
fn insert_rows(conn: &mut Connection, entries: &[(usize, BatchEntry)]) -> QueryResult<Vec<(String, i64)>> {
    let with_id: Vec<_> = entries.iter().filter_map(|(_, entry)| Some((posts::id.eq(entry.id?), &entry.row))).collect();
    let without_id: Vec<&NewPost> =
        entries.iter().filter(|(_, entry)| entry.id.is_none()).map(|(_, entry)| &entry.row).collect();
    let mut inserted: Vec<(String, i64)> = Vec::with_capacity(entries.len());
    if !with_id.is_empty() {
        inserted.extend(on!(conn, conn => diesel::insert_into(posts::table)
            .values(with_id)
            .on_conflict_do_nothing()
            .returning((posts::slug, posts::id))
            .get_results::<(String, i64)>(conn))?);
        advance_id_sequence(conn)?;
    }
    if !without_id.is_empty() {
        inserted.extend(on!(conn, conn => diesel::insert_into(posts::table)
            .values(without_id)
            .on_conflict_do_nothing()
            .returning((posts::slug, posts::id))
            .get_results::<(String, i64)>(conn))?);
    }
    Ok(inserted)
}

/// Advances PostgreSQL's sequence past explicitly inserted ids. SQLite's AUTOINCREMENT needs no such step.
fn advance_id_sequence(conn: &mut Connection) -> QueryResult<()> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
    diesel::select(diesel::dsl::sql::<BigInt>(
        "setval(pg_get_serial_sequence('posts', 'id'), \
         greatest((SELECT max(id) FROM posts), nextval(pg_get_serial_sequence('posts', 'id')) - 1, 1))",
    ))
    .execute(conn)
    .map(drop)
}

/// Creates or replaces the posts with the requested slugs.
fn replace(
    conn: &mut Connection,
    entries: Vec<(usize, BatchEntry)>,
    outcomes: &mut [(BatchOutcome, String)],
) -> QueryResult<()> {
    let posts = upsert(conn, entries.iter().map(|(_, entry)| &entry.row).collect())?;
    let stored: HashMap<&str, &Post> = posts.iter().map(|post| (post.slug.as_str(), post)).collect();
    for (index, entry) in entries {
        let outcome = match stored.get(entry.row.slug.as_str()) {
            Some(post) if is_new(post) => BatchOutcome::Created,
            Some(_) => BatchOutcome::Replaced,
            None => BatchOutcome::Unchanged,
        };
        record(outcomes, index, outcome, entry);
    }
    Ok(())
}
