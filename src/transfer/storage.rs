//! [`Storage`]: stores the parsed records of a batch.

use std::collections::HashSet;

use diesel::prelude::*;

use crate::db::{Connection, on};
use crate::keys::store as key_store;
use crate::keys::store::Restored;
use crate::posts::batch;
use crate::posts::batch::{BatchEntry, BatchOutcome, StoredBatch};
use crate::posts::changes::bulk;
use crate::posts::deferred_triggers::DeferredTriggers;
use crate::posts::input::OnConflict;
use crate::posts::json_column::JsonText;
use crate::posts::model::NewPost;
use crate::schema::posts;
use crate::transfer::alias_store::store_aliases;
use crate::transfer::error::Error;
use crate::transfer::import_options::Options;
use crate::transfer::imported_post::{ExternalSlug, ImportedPost};
use crate::transfer::keys::ImportedKey;
use crate::transfer::located::Located;
use crate::transfer::replace::Replacer;
use crate::transfer::report::Report;
use crate::transfer::resume;
use crate::transfer::source::ImportRecord;

/// Stores records, with the options of an import.
pub(crate) struct Storage {
    is_resumable: bool,
    replacer: Option<Replacer>,
    triggers: TriggerMode,
}

/// How the work of the triggers on new posts is done.
enum TriggerMode {
    /// By the triggers.
    Immediate,
    /// By statements for many posts, as soon as there is a new post.
    Deferrable,
    Deferred(DeferredTriggers),
}

impl Storage {
    pub(crate) fn new(options: &Options) -> Self {
        // A resumable import lets others write after each batch, and would disable the triggers as often. A replacing
        // one changes posts, whose derived rows the triggers for changes must find.
        let is_deferrable = !options.resumable && !options.replace;
        let triggers = if is_deferrable { TriggerMode::Deferrable } else { TriggerMode::Immediate };
        Self { is_resumable: options.resumable, replacer: options.replace.then(Replacer::default), triggers }
    }

    /// Must run in a transaction; all calls in the same one, unless the import is resumable.
    pub(crate) fn store(
        &mut self,
        conn: &mut Connection,
        batch: Vec<Located<ImportRecord>>,
        report: &mut Report,
    ) -> Result<(), Error> {
        bulk::mark(conn, |conn| self.store_unmarked(conn, batch, report))
    }

    /// Does the rest of the work of the triggers. Must run in the same transaction.
    pub(crate) fn finish(self, conn: &mut Connection) -> QueryResult<()> {
        if let TriggerMode::Deferred(triggers) = self.triggers { triggers.end(conn) } else { Ok(()) }
    }

    fn store_unmarked(
        &mut self,
        conn: &mut Connection,
        batch: Vec<Located<ImportRecord>>,
        report: &mut Report,
    ) -> Result<(), Error> {
        let (mut posts, mut others) = (Vec::new(), Vec::new());
        for located in batch {
            match located.with_value(()) {
                (location, ImportRecord::Post(post)) => posts.push(location.with_value(*post).0),
                (location, other) => others.push(location.with_value(other).0),
            }
        }
        if let Some(replacer) = &mut self.replacer {
            replacer.replace_stored(conn, &mut posts, report)?;
        }
        let (is_resumable, has_replacer) = (self.is_resumable, self.replacer.is_some());
        report.already_stored += remove_stored(conn, &mut posts, |post| {
            // The others were looked up by their slugs.
            let is_candidate = !has_replacer || post.entry.base.is_some();
            is_candidate && (is_resumable || post.external_slug.is_some())
        })?;
        self.store_posts(conn, posts, report)?;
        others.into_iter().try_for_each(|other| store_other(conn, &other, report))
    }

    fn store_posts(
        &mut self,
        conn: &mut Connection,
        mut posts: Vec<Located<ImportedPost>>,
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
        let outcomes = self.insert(conn, entries)?;
        let mut aliases = Vec::new();
        for (mut post, (outcome, slug)) in submitted.into_iter().zip(outcomes) {
            let reason = match (outcome, post.value.id) {
                (BatchOutcome::SlugTaken, _) => format!("/slug: {slug} is already in use"),
                (BatchOutcome::IdTaken, Some(id)) => format!("/id: {id} is already in use"),
                _ => {
                    report.imported += 1;
                    if let Some(replacer) = &mut self.replacer {
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

    fn insert(&mut self, conn: &mut Connection, entries: Vec<BatchEntry>) -> QueryResult<Vec<(BatchOutcome, String)>> {
        if let TriggerMode::Deferrable = self.triggers {
            let deferred = DeferredTriggers::begin(conn)?;
            self.triggers = deferred.map_or(TriggerMode::Immediate, TriggerMode::Deferred);
        }
        let labels = entries.iter().map(|entry| label_count(&entry.row)).sum();
        let StoredBatch { outcomes, inserted } = batch::store(conn, entries, OnConflict::Error)?;
        if let TriggerMode::Deferred(triggers) = &mut self.triggers {
            triggers.add(conn, &inserted, labels)?;
        }
        Ok(outcomes)
    }
}

/// The number of quoted names, or more if a name contains quotation marks.
fn label_count(row: &NewPost) -> usize {
    let quotes = |json: &JsonText| json.as_str().bytes().filter(|byte| *byte == b'"').count();
    quotes(&row.tags) / 2 + quotes(&row.authors) / 2
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
