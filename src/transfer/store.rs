//! Stores the parsed records of one batch.

use std::collections::HashSet;

use diesel::prelude::*;

use crate::db::{Connection, on};
use crate::keys::store as key_store;
use crate::keys::store::Restored;
use crate::posts::batch;
use crate::posts::batch::{BatchEntry, BatchOutcome};
use crate::posts::changes::bulk;
use crate::posts::input::OnConflict;
use crate::schema::posts;
use crate::transfer::alias_store::store_aliases;
use crate::transfer::error::Error;
use crate::transfer::imported_post::{ExternalSlug, ImportedPost};
use crate::transfer::keys::ImportedKey;
use crate::transfer::located::Located;
use crate::transfer::replace::Replacer;
use crate::transfer::report::Report;
use crate::transfer::resume;
use crate::transfer::source::ImportRecord;

/// Must run in a transaction.
pub(crate) fn store_records(
    conn: &mut Connection,
    batch: Vec<Located<ImportRecord>>,
    is_resumable: bool,
    replacer: Option<&mut Replacer>,
    report: &mut Report,
) -> Result<(), Error> {
    bulk::mark(conn, |conn| store_unmarked(conn, batch, is_resumable, replacer, report))
}

fn store_unmarked(
    conn: &mut Connection,
    batch: Vec<Located<ImportRecord>>,
    is_resumable: bool,
    mut replacer: Option<&mut Replacer>,
    report: &mut Report,
) -> Result<(), Error> {
    let (mut posts, mut others) = (Vec::new(), Vec::new());
    for located in batch {
        match located.with_value(()) {
            (location, ImportRecord::Post(post)) => posts.push(location.with_value(*post).0),
            (location, other) => others.push(location.with_value(other).0),
        }
    }
    if let Some(replacer) = replacer.as_deref_mut() {
        replacer.replace_stored(conn, &mut posts, report)?;
    }
    let has_replacer = replacer.is_some();
    report.already_stored += remove_stored(conn, &mut posts, |post| {
        // The others were looked up by their slugs.
        let is_candidate = !has_replacer || post.entry.base.is_some();
        is_candidate && (is_resumable || post.external_slug.is_some())
    })?;
    store_posts(conn, posts, replacer, report)?;
    others.into_iter().try_for_each(|other| store_other(conn, &other, report))
}

/// Removes the candidates that are stored already, and returns their number. Candidates are all posts of a resumable
/// import, and otherwise those of other systems: a second import of the same file must not store them again under other
/// slugs.
fn remove_stored(
    conn: &mut Connection,
    posts: &mut Vec<Located<ImportedPost>>,
    is_candidate: impl Fn(&ImportedPost) -> bool,
) -> QueryResult<u64> {
    let candidates: Vec<&ImportedPost> =
        posts.iter().map(|post| &post.value).filter(|post| is_candidate(post)).collect();
    let stored = if candidates.is_empty() { HashSet::new() } else { resume::find_stored(conn, &candidates)? };
    let mut number = 0..;
    posts.retain(|post| {
        let index = if is_candidate(&post.value) { number.next() } else { None };
        index.is_none_or(|index| !stored.contains(&index))
    });
    Ok(stored.len() as u64)
}

/// What a post's outcome is reported with.
struct Submitted {
    id: Option<i64>,
    slug: Option<ExternalSlug>,
    aliases: Vec<String>,
}

fn store_posts(
    conn: &mut Connection,
    mut posts: Vec<Located<ImportedPost>>,
    mut replacer: Option<&mut Replacer>,
    report: &mut Report,
) -> Result<(), Error> {
    if posts.is_empty() {
        return Ok(());
    }
    number_slugs(conn, &mut posts)?;
    let submit = |located: Located<ImportedPost>| {
        let (location, ImportedPost { entry, external_slug, aliases, .. }) = located.with_value(());
        (location.with_value(Submitted { id: entry.id, slug: external_slug, aliases }).0, entry)
    };
    let (submitted, entries): (Vec<Located<Submitted>>, Vec<BatchEntry>) = posts.into_iter().map(submit).unzip();
    let outcomes = batch::store(conn, entries, OnConflict::Error)?;
    let mut aliases = Vec::new();
    for (mut post, (outcome, slug)) in submitted.into_iter().zip(outcomes) {
        let reason = match (outcome, post.value.id) {
            (BatchOutcome::SlugTaken, _) => format!("/slug: {slug} is already in use"),
            (BatchOutcome::IdTaken, Some(id)) => format!("/id: {id} is already in use"),
            _ => {
                report.imported += 1;
                if let Some(replacer) = replacer.as_deref_mut() {
                    replacer.record(&slug);
                }
                let slug_note = post.value.slug.as_ref().and_then(|external| external.note(&slug));
                post.report_notes(slug_note, report);
                let given = std::mem::take(&mut post.value.aliases);
                let (location, _) = post.with_value(());
                aliases.push((location, slug, given));
                continue;
            }
        };
        report.skipped.push(post.diagnostic(reason));
    }
    store_aliases(conn, &aliases, report)
}

/// Lets the posts of other systems whose slug is in use, in the database or earlier in the batch, get a numbered slug.
fn number_slugs(conn: &mut Connection, posts: &mut [Located<ImportedPost>]) -> QueryResult<()> {
    let is_numbered = |post: &ImportedPost| post.external_slug.is_some() && post.entry.base.is_none();
    let requested = posts.iter().filter(|post| is_numbered(&post.value)).map(|post| &post.value.entry.row.slug);
    let requested: Vec<&String> = requested.collect();
    if requested.is_empty() {
        return Ok(());
    }
    let used: Vec<String> =
        on!(conn, conn => posts::table.filter(posts::slug.eq_any(&requested)).select(posts::slug).load(conn))?;
    let mut used: HashSet<String> = used.into_iter().collect();
    for Located { value: post, .. } in posts {
        if post.entry.base.is_none() && !used.insert(post.entry.row.slug.clone()) && is_numbered(post) {
            post.entry.base = Some(post.entry.row.slug.clone());
        }
    }
    Ok(())
}

fn store_other(conn: &mut Connection, other: &Located<ImportRecord>, report: &mut Report) -> Result<(), Error> {
    match &other.value {
        ImportRecord::Key(ImportedKey(key)) => match key_store::restore(conn, key)? {
            Restored::Stored => report.keys += 1,
            Restored::AlreadyStored => report.already_stored += 1,
            Restored::Conflict => {
                let reason = format!("/api_key/id: {} is already in use by another key", key.id);
                report.skipped.push(other.diagnostic(reason));
            }
        },
        ImportRecord::LastIds(ids) => ids.store(conn)?,
        ImportRecord::Post(_) => {}
    }
    Ok(())
}
