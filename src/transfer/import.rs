//! Storing what a file has: all of it or none, or batch after batch so that it can be gone on with.

use std::io::BufRead;
use std::time::Instant;

use diesel::prelude::*;

use crate::db::{Backend, Connection, Sequence};
use crate::keys::store as key_store;
use crate::keys::store::Restored;
use crate::posts::batch;
use crate::posts::batch::{BatchEntry, BatchOutcome};
use crate::posts::input::OnConflict;
use crate::transfer::findings::{Finding, Findings};
use crate::transfer::formats::{ghost, ndjson, wordpress};
use crate::transfer::imported_post::ImportedPost;
use crate::transfer::keys::ImportedKey;
use crate::transfer::source::{Format, Item, LeftOut, Meter, Metered, Record};
use crate::transfer::{BATCH, Error, Progress, resume};

/// Items of so many bytes are stored together even where they are fewer.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What to import, and how.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Options {
    pub format: Format,
    /// Leave out what cannot be imported, and store the rest.
    pub skip_invalid: bool,
    /// Commit batch after batch, and leave out what is stored already, so that an import that was interrupted goes on
    /// where it is run again.
    pub resumable: bool,
    /// Take API keys, too. A file from elsewhere could bring a key of its author's otherwise.
    pub keys: bool,
    /// Take the pages of WordPress and Ghost, too.
    pub pages: bool,
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Report {
    pub imported: u64,
    /// Posts of a resumable import that were stored already as the file has them, and API keys that were.
    pub found: u64,
    /// API keys that were stored.
    pub keys: u64,
    /// What was left out, where that was asked for.
    pub skipped: Findings,
    /// What became of items otherwise than their author may expect.
    pub notes: Findings,
    /// What posts here do not have.
    pub left_out: LeftOut,
}

/// Stores what `input` has. What cannot be imported is left out where the options say so; otherwise it is all reported,
/// and nothing is stored. A resumable import ends with the batch that has such an item, and what was stored before it
/// stays.
///
/// # Errors
/// Invalid items, or the database's, or the reader's.
pub fn import(
    conn: &mut Connection,
    input: impl BufRead,
    options: Options,
    progress: impl FnMut(Progress),
) -> Result<Report, Error> {
    if options.resumable {
        return read_and_store(conn, input, options, progress);
    }
    conn.transaction(|conn| {
        lock(conn)?;
        read_and_store(conn, input, options, progress)
    })
}

fn read_and_store(
    conn: &mut Connection,
    input: impl BufRead,
    options: Options,
    progress: impl FnMut(Progress),
) -> Result<Report, Error> {
    let (input, meter) = Metered::new(input);
    let mut importer = Importer {
        conn,
        options,
        report: Report::default(),
        batch: Vec::new(),
        batched: 0,
        meter: meter.clone(),
        progress,
    };
    let sink = &mut |item| importer.take(item);
    let left_out = match options.format {
        Format::Ndjson => ndjson::read_lines(input, &meter, sink).map(|()| LeftOut::default()),
        Format::WordPress => wordpress::read_items(input, &meter, options.pages, sink),
        Format::Ghost => ghost::read_posts(input, &meter, options.pages, sink),
    }?;
    importer.store()?;
    importer.report.left_out = left_out;
    importer.finish()
}

/// Nobody else takes an id or a slug between the look-up and the insert, as SQLite's lock has it anyway.
fn lock(conn: &mut Connection) -> QueryResult<()> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
    diesel::sql_query("LOCK TABLE posts IN SHARE ROW EXCLUSIVE MODE").execute(conn).map(drop)
}

struct Importer<'a, P> {
    conn: &'a mut Connection,
    options: Options,
    report: Report,
    batch: Vec<Numbered<Record>>,
    batched: usize,
    meter: Meter,
    progress: P,
}

/// With where it stood in the file.
struct Numbered<T> {
    unit: &'static str,
    number: u64,
    what: T,
}

impl<T> Numbered<T> {
    fn finding(&self, says: impl Into<String>) -> Finding {
        Finding { unit: self.unit, number: self.number, says: says.into() }
    }
}

impl<P: FnMut(Progress)> Importer<'_, P> {
    fn take(&mut self, item: Item) -> Result<(), Error> {
        let Item { unit, number, size, record, notes } = item;
        let place = Numbered { unit, number, what: () };
        match record.and_then(|record| self.admit(record)) {
            Ok(record) => {
                for note in notes {
                    self.report.notes.note(place.finding(note));
                }
                self.batch.push(Numbered { unit, number, what: record });
            }
            Err(reason) => self.report.skipped.note(place.finding(reason)),
        }
        self.batched += size;
        if self.batch.len() == usize::from(BATCH) || self.batched > BATCH_BYTES {
            self.store()?;
        }
        (self.progress)(Progress {
            bytes: self.meter.read(),
            posts: self.report.imported + self.report.found,
            of: None,
        });
        Ok(())
    }

    fn admit(&self, record: Record) -> Result<Record, String> {
        match &record {
            Record::Key(_) if !self.options.keys => Err("is an API key: --keys imports them, too".into()),
            Record::Post(post) if self.options.resumable && !post.is_recognizable() => {
                Err("has neither id nor slug nor created_at, by which --resumable would know it again".into())
            }
            _ => Ok(record),
        }
    }

    /// Stores what is free to be stored, notes the rest, and empties the batch.
    fn store(&mut self) -> Result<(), Error> {
        self.batched = 0;
        let batch = std::mem::take(&mut self.batch);
        let Options { resumable, skip_invalid, .. } = self.options;
        if !resumable {
            return store_batch(self.conn, batch, false, &mut self.report);
        }
        let (began, skipped) = (Instant::now(), std::mem::take(&mut self.report.skipped));
        let done = self.conn.transaction(|conn| {
            lock(conn)?;
            let mut done = Report { skipped, ..Report::default() };
            store_batch(conn, batch, true, &mut done)?;
            if done.skipped.count() > 0 && !skip_invalid {
                // Undoes what of this batch was stored.
                return Err(Error::Invalid { findings: done.skipped, report: Box::default() });
            }
            Ok(done)
        });
        let done = done.map_err(|error| match error {
            Error::Invalid { findings, .. } => {
                Error::Invalid { findings, report: Box::new(std::mem::take(&mut self.report)) }
            }
            other => other,
        })?;
        self.report.imported += done.imported;
        self.report.found += done.found;
        self.report.keys += done.keys;
        self.report.skipped.append(done.skipped);
        if let Backend::Sqlite(_) = self.conn.backend {
            // Who waits for SQLite's lock asks for it now and then, and would find it taken again each time.
            std::thread::park_timeout(began.elapsed() / 4);
        }
        Ok(())
    }

    fn finish(self) -> Result<Report, Error> {
        let Self { conn, options, report, .. } = self;
        if report.skipped.count() > 0 && !options.skip_invalid {
            let Report { skipped, .. } = report;
            return Err(Error::Invalid { findings: skipped, report: Box::default() });
        }
        if let Backend::Postgres(conn) = &mut conn.backend
            && report.imported >= MANY
        {
            // Otherwise searches are planned for what was there before, until PostgreSQL looks by itself.
            diesel::sql_query("ANALYZE posts").execute(conn)?;
        }
        Ok(report)
    }
}

/// So many posts may change how often words occur.
const MANY: u64 = 1000;

fn store_batch(
    conn: &mut Connection,
    batch: Vec<Numbered<Record>>,
    is_resumable: bool,
    report: &mut Report,
) -> Result<(), Error> {
    let (mut posts, mut others) = (Vec::new(), Vec::new());
    for Numbered { unit, number, what } in batch {
        match what {
            Record::Post(post) => posts.push(Numbered { unit, number, what: *post }),
            other => others.push(Numbered { unit, number, what: other }),
        }
    }
    if is_resumable {
        let given: Vec<&ImportedPost> = posts.iter().map(|post| &post.what).collect();
        let found = resume::found(conn, &given)?;
        report.found += found.len() as u64;
        let mut place = 0..;
        posts.retain(|_| place.next().is_none_or(|place| !found.contains(&place)));
    }
    store_posts(conn, posts, report)?;
    others.into_iter().try_for_each(|other| store_other(conn, &other, report))
}

fn store_posts(conn: &mut Connection, posts: Vec<Numbered<ImportedPost>>, report: &mut Report) -> Result<(), Error> {
    if posts.is_empty() {
        return Ok(());
    }
    let (places, entries): (Vec<_>, Vec<BatchEntry>) = posts
        .into_iter()
        .map(|Numbered { unit, number, what }| (Numbered { unit, number, what: what.entry.id }, what.entry))
        .unzip();
    let outcomes = batch::store(conn, entries, OnConflict::Error)?;
    for (place, (outcome, slug)) in places.into_iter().zip(outcomes) {
        let reason = match (outcome, place.what) {
            (BatchOutcome::SlugTaken, _) => format!("/slug {slug} is taken"),
            (BatchOutcome::IdTaken, Some(id)) => format!("/id {id} is taken"),
            _ => {
                report.imported += 1;
                continue;
            }
        };
        report.skipped.note(place.finding(reason));
    }
    Ok(())
}

fn store_other(conn: &mut Connection, other: &Numbered<Record>, report: &mut Report) -> Result<(), Error> {
    match &other.what {
        Record::Key(ImportedKey(key)) => match key_store::restore(conn, key)? {
            Restored::Stored => report.keys += 1,
            Restored::Found => report.found += 1,
            Restored::Taken => {
                report.skipped.note(other.finding(format!("/api_key/id {} is taken by another key", key.id)));
            }
        },
        Record::LastIds(ids) => {
            Sequence::Posts.advance_to(conn, ids.posts)?;
            Sequence::ApiKeys.advance_to(conn, ids.api_keys)?;
        }
        Record::Post(_) => {}
    }
    Ok(())
}
