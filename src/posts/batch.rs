//! Many posts in a handful of statements: what `POST /api/posts/batch` and the import share.
//!
//! A conflict is never an error of the database, which would end PostgreSQL's transaction: rows whose slug or id is
//! taken are simply not inserted, and what came back tells which were.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::db::{Backend, Connection, Timestamp, Visibility, on};
use crate::posts::input::{Batch, CreatePost, OnConflict};
use crate::posts::model::{NewPost, Post};
use crate::posts::slug;
use crate::posts::slug::FreeNumber;
use crate::posts::store::{find_by_slugs, is_taken, upsert, was_public};
use crate::schema::posts;

/// A post to store.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `None`: the database gives one.
    pub id: Option<i64>,
    /// What a free slug is made from; `None`: the slug of the row was asked for.
    pub base: Option<String>,
    pub row: NewPost,
}

impl Entry {
    /// A post that is written now.
    #[must_use]
    pub fn new(mut post: CreatePost, now: Timestamp) -> Self {
        let slug = post.slug.take();
        let base = if slug.is_none() { Some(slug::from_title(&post.title)) } else { None };
        Self { id: None, base, row: post.into_row(slug.unwrap_or_default(), now) }
    }
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchOutcome {
    Created,
    /// The slug is taken, and that post stays as it is.
    Skipped,
    Replaced,
    SlugTaken,
    IdTaken,
}

/// The outcome of each post of a batch with its slug, in order, and the posts that now have these slugs.
pub type BatchOutcomes = (Vec<(BatchOutcome, String)>, Vec<Post>);

/// Stores a batch. If an outcome is [`BatchOutcome::SlugTaken`], the caller must roll the transaction back; no posts are
/// returned then.
pub fn create(conn: &mut Connection, batch: Batch, now: Timestamp) -> QueryResult<BatchOutcomes> {
    let entries = batch.posts.into_iter().map(|post| Entry::new(post, now)).collect();
    let outcomes = store(conn, entries, batch.on_conflict)?;
    if outcomes.iter().any(|(outcome, _)| *outcome == BatchOutcome::SlugTaken) {
        return Ok((outcomes, Vec::new()));
    }
    let slugs: Vec<String> = outcomes.iter().map(|(_, slug)| slug.clone()).collect();
    let posts = find_by_slugs(conn, &slugs)?;
    conn.mark_changed(Visibility::of(posts.iter().any(was_public)));
    Ok((outcomes, posts))
}

/// Stores the entries in order, at most as many as fit into one statement (500 do), and answers what became of each
/// and the slug it got. An entry that was [`BatchOutcome::SlugTaken`] or [`BatchOutcome::IdTaken`] is not stored; whether the
/// others then stay is the caller's transaction to decide.
///
/// # Errors
/// The database's.
pub fn store(
    conn: &mut Connection,
    entries: Vec<Entry>,
    on_conflict: OnConflict,
) -> QueryResult<Vec<(BatchOutcome, String)>> {
    lock(conn)?;
    let mut outcomes = vec![(BatchOutcome::Created, String::new()); entries.len()];
    let (mut ids, mut slugs) = (HashSet::new(), HashSet::new());
    let mut pending = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let taken = if entry.id.is_some_and(|id| !ids.insert(id)) {
            Some(BatchOutcome::IdTaken)
        } else if entry.base.is_none() && !slugs.insert(entry.row.slug.clone()) {
            Some(BatchOutcome::SlugTaken)
        } else {
            None
        };
        match taken {
            Some(outcome) => set(&mut outcomes, index, (outcome, entry.row.slug)),
            None => pending.push((index, entry)),
        }
    }
    if on_conflict == OnConflict::Replace {
        let (replacing, others) =
            pending.into_iter().partition(|(_, entry)| entry.base.is_none() && entry.id.is_none());
        replace(conn, replacing, &mut outcomes)?;
        pending = others;
    }
    while !pending.is_empty() {
        name(conn, &mut pending, &mut slugs)?;
        pending = insert(conn, pending, on_conflict, &mut outcomes)?;
    }
    Ok(outcomes)
}

/// On PostgreSQL one batch follows the other: two that have the same slugs in different orders would wait for each other
/// for ever. Single writes go on meanwhile. On SQLite every write waits for the one before.
fn lock(conn: &mut Connection) -> QueryResult<()> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
    // Any fixed number that nothing else on this database locks.
    diesel::sql_query("SELECT pg_advisory_xact_lock(8101820111974519136)").execute(conn).map(drop)
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(place) = list.get_mut(index) {
        *place = value;
    }
}

/// Gives each entry without a slug of its own one that is free now, with as many look-ups for all as for one. Of
/// entries with the same base only the first one's slug is looked up; where a following one is taken, the insert tells.
fn name(conn: &mut Connection, pending: &mut [(usize, Entry)], slugs: &mut HashSet<String>) -> QueryResult<()> {
    let bases = pending.iter().filter_map(|(_, entry)| entry.base.clone());
    let mut searches: HashMap<String, FreeNumber> = bases.map(|base| (base, FreeNumber::default())).collect();
    loop {
        let open = searches.iter_mut().filter_map(|(base, search)| {
            let number = search.look_up().ok()?;
            Some((slug::numbered(base, number), number, search))
        });
        let (looked_up, open): (Vec<String>, Vec<_>) =
            open.map(|(slug, number, search)| (slug, (number, search))).unzip();
        if looked_up.is_empty() {
            break;
        }
        let taken: Vec<String> =
            on!(conn, conn => posts::table.filter(posts::slug.eq_any(&looked_up)).select(posts::slug).load(conn))?;
        let taken: HashSet<String> = taken.into_iter().collect();
        for (slug, (number, search)) in looked_up.iter().zip(open) {
            search.note(number, taken.contains(slug));
        }
    }
    let mut numbers: HashMap<String, u64> =
        searches.into_iter().filter_map(|(base, search)| Some((base, search.look_up().err()?))).collect();
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

/// Inserts what has no conflict and answers what is to be tried again: entries whose free slug was taken meanwhile.
fn insert(
    conn: &mut Connection,
    entries: Vec<(usize, Entry)>,
    on_conflict: OnConflict,
    outcomes: &mut [(BatchOutcome, String)],
) -> QueryResult<Vec<(usize, Entry)>> {
    let with_id: Vec<_> = entries.iter().filter_map(|(_, entry)| Some((posts::id.eq(entry.id?), &entry.row))).collect();
    let without_id: Vec<&NewPost> =
        entries.iter().filter(|(_, entry)| entry.id.is_none()).map(|(_, entry)| &entry.row).collect();
    let mut inserted: HashSet<String> = HashSet::new();
    if !with_id.is_empty() {
        let slugs: Vec<String> = on!(conn, conn => diesel::insert_into(posts::table)
            .values(with_id)
            .on_conflict_do_nothing()
            .returning(posts::slug)
            .get_results(conn))?;
        inserted.extend(slugs);
        continue_ids(conn)?;
    }
    if !without_id.is_empty() {
        let slugs: Vec<String> = on!(conn, conn => diesel::insert_into(posts::table)
            .values(without_id)
            .on_conflict_do_nothing()
            .returning(posts::slug)
            .get_results(conn))?;
        inserted.extend(slugs);
    }
    let mut again = Vec::new();
    for (index, entry) in entries {
        let outcome = if inserted.contains(&entry.row.slug) {
            BatchOutcome::Created
        } else if entry.id.is_some() && !is_taken(conn, &entry.row.slug)? {
            BatchOutcome::IdTaken
        } else if entry.base.is_none() {
            if on_conflict == OnConflict::Skip { BatchOutcome::Skipped } else { BatchOutcome::SlugTaken }
        } else {
            again.push((index, entry));
            continue;
        };
        set(outcomes, index, (outcome, entry.row.slug));
    }
    Ok(again)
}

/// PostgreSQL's sequence does not see ids that were given; SQLite's AUTOINCREMENT does.
fn continue_ids(conn: &mut Connection) -> QueryResult<()> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
    diesel::select(diesel::dsl::sql::<BigInt>(
        "setval(pg_get_serial_sequence('posts', 'id'), \
         greatest((SELECT max(id) FROM posts), nextval(pg_get_serial_sequence('posts', 'id')) - 1, 1))",
    ))
    .execute(conn)
    .map(drop)
}

fn replace(
    conn: &mut Connection,
    entries: Vec<(usize, Entry)>,
    outcomes: &mut [(BatchOutcome, String)],
) -> QueryResult<()> {
    let posts = upsert(conn, entries.iter().map(|(_, entry)| &entry.row).collect())?;
    let created: HashSet<&str> = posts.iter().filter(|post| post.version == 1).map(|post| post.slug.as_str()).collect();
    for (index, entry) in entries {
        let outcome =
            if created.contains(entry.row.slug.as_str()) { BatchOutcome::Created } else { BatchOutcome::Replaced };
        set(outcomes, index, (outcome, entry.row.slug));
    }
    Ok(())
}
