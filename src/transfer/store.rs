//! Stores the parsed records of one batch.

use std::collections::HashSet;

use diesel::prelude::*;

use crate::db::{Connection, Timestamp, on};
use crate::keys::store as key_store;
use crate::keys::store::Restored;
use crate::posts::aliases::store::NewAlias;
use crate::posts::batch::{BatchEntry, BatchOutcome};
use crate::posts::input::OnConflict;
use crate::posts::{aliases, batch};
use crate::schema::posts;
use crate::transfer::diagnostics::Diagnostic;
use crate::transfer::error::Error;
use crate::transfer::imported_post::{ExternalSlug, ImportedPost};
use crate::transfer::keys::ImportedKey;
use crate::transfer::printable::quoted;
use crate::transfer::report::Report;
use crate::transfer::resume;
use crate::transfer::source::ImportRecord;

/// A value with its position in the file.
pub(crate) struct Located<T> {
    pub(crate) unit: &'static str,
    pub(crate) number: u64,
    pub(crate) value: T,
    /// How the value differs from the file.
    pub(crate) notes: Vec<String>,
}

impl<T> Located<T> {
    pub(crate) fn diagnostic(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic { unit: self.unit, number: self.number, message: message.into() }
    }

    fn with_value<U>(self, value: U) -> (Located<U>, T) {
        let Self { unit, number, value: old, notes } = self;
        (Located { unit, number, value, notes }, old)
    }
}

pub(crate) fn store_records(
    conn: &mut Connection,
    batch: Vec<Located<ImportRecord>>,
    is_resumable: bool,
    report: &mut Report,
) -> Result<(), Error> {
    let (mut posts, mut others) = (Vec::new(), Vec::new());
    for located in batch {
        match located.with_value(()) {
            (location, ImportRecord::Post(post)) => posts.push(location.with_value(*post).0),
            (location, other) => others.push(location.with_value(other).0),
        }
    }
    report.already_stored += remove_stored(conn, &mut posts, is_resumable)?;
    store_posts(conn, posts, is_resumable, report)?;
    others.into_iter().try_for_each(|other| store_other(conn, &other, report))
}

/// Removes the posts that are stored already, and returns their number. Looks for all posts of a resumable import, and
/// otherwise for those of other systems: a second import of the same file must not store them again under other slugs.
fn remove_stored(
    conn: &mut Connection,
    posts: &mut Vec<Located<ImportedPost>>,
    is_resumable: bool,
) -> QueryResult<u64> {
    let is_candidate = |post: &ImportedPost| is_resumable || (post.external_slug.is_some() && post.is_identifiable());
    let (candidates, rest): (Vec<_>, Vec<_>) =
        std::mem::take(posts).into_iter().partition(|post| is_candidate(&post.value));
    let values: Vec<&ImportedPost> = candidates.iter().map(|post| &post.value).collect();
    let stored = if values.is_empty() { HashSet::new() } else { resume::find_stored(conn, &values)? };
    let new = candidates.into_iter().enumerate().filter(|(index, _)| !stored.contains(index)).map(|(_, post)| post);
    posts.extend(new.chain(rest));
    posts.sort_by_key(|post| post.number);
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
    is_resumable: bool,
    report: &mut Report,
) -> Result<(), Error> {
    if posts.is_empty() {
        return Ok(());
    }
    number_slugs(conn, &mut posts, is_resumable)?;
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
                let slug_note = post.value.slug.as_ref().and_then(|external| external.note(&slug));
                let notes = std::mem::take(&mut post.notes);
                for note in slug_note.into_iter().chain(notes) {
                    report.notes.push(post.diagnostic(note));
                }
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

/// Adds the aliases to the posts with these slugs, and reports those that were not stored.
fn store_aliases(
    conn: &mut Connection,
    posts: &[(Located<()>, String, Vec<String>)],
    report: &mut Report,
) -> Result<(), Error> {
    let new = posts.iter().flat_map(|(location, post, aliases)| {
        aliases.iter().map(move |alias| NewAlias { item: location, post: post.clone(), alias: alias.clone() })
    });
    let new: Vec<_> = new.collect();
    if new.is_empty() {
        return Ok(());
    }
    for (NewAlias { item: location, alias, .. }, reason) in aliases::store::add(conn, new, Timestamp::now())? {
        report.notes.push(location.diagnostic(format!("the alias {} {reason}; it was not stored", quoted(&alias))));
    }
    Ok(())
}

/// Lets the posts of other systems whose slug is in use, in the database or earlier in the batch, get a numbered slug.
///
/// In a resumable import, this is limited to posts by whose creation time a later run can recognize them.
fn number_slugs(conn: &mut Connection, posts: &mut [Located<ImportedPost>], is_resumable: bool) -> QueryResult<()> {
    let is_numbered = |post: &ImportedPost| {
        post.external_slug.is_some() && (post.given_times.created_at || !is_resumable) && post.entry.base.is_none()
    };
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
