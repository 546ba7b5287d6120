//! Import of posts: in one transaction, or batch by batch if the import is resumable.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::time::Instant;

use diesel::prelude::*;
use jiff::tz::TimeZone;

use crate::db::{Backend, Connection, Sequence};
use crate::keys::store as key_store;
use crate::transfer::diagnostics::Diagnostic;
use crate::transfer::error::Error;
use crate::transfer::formats::ghost::{GhostSurvey, SiteUrl};
use crate::transfer::formats::wordpress::{WordPressSelection, WordPressSurvey};
use crate::transfer::formats::{ghost, markdown, ndjson, wordpress};
use crate::transfer::input::{ImportInput, Unmarked, skip_byte_order_mark};
use crate::transfer::limits::{BATCH_SIZE, MAX_BATCH_BYTES};
use crate::transfer::located::Located;
use crate::transfer::metered_reader::{Meter, MeteredReader};
use crate::transfer::progress::TransferProgress;
use crate::transfer::replace::Replacer;
use crate::transfer::report::{Mapping, Report};
use crate::transfer::source::{Format, ImportRecord, Sink, SourceItem};
use crate::transfer::store::store_records;

/// How to import.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Options {
    pub format: Format,
    /// Skip invalid items and store the rest.
    pub skip_invalid: bool,
    /// Commit each batch and skip posts that are already stored, so that an interrupted import continues when it is
    /// repeated.
    pub resumable: bool,
    /// Replace the stored posts that have the slugs of imported ones.
    pub replace: bool,
    /// Run the import and roll it back.
    pub dry_run: bool,
    /// Also import API keys. Off by default, because the author of a malicious file would know the keys in it.
    pub keys: bool,
    /// Also import the pages in a WordPress or Ghost file, as posts.
    pub pages: bool,
    /// The time zone of dates in Markdown files that have none. UTC by default.
    pub time_zone: Option<TimeZone>,
    /// Leave out the categories of a WordPress file, which otherwise become tags.
    pub no_categories: bool,
    /// The URL of the site that a Ghost file comes from.
    pub site_url: SiteUrl,
}

/// Stores the items of `input`.
///
/// Without `skip_invalid`, an invalid item fails the import and nothing is stored. The error lists all invalid items. A
/// resumable import fails at the end of the batch that has an invalid item, and the earlier batches remain stored.
///
/// # Errors
/// The file cannot be read or parsed, it has invalid items, or a query failed.
pub fn import<'a>(
    conn: &mut Connection,
    input: impl Into<ImportInput<'a>>,
    options: Options,
    on_progress: impl FnMut(TransferProgress),
) -> Result<Report, Error> {
    let input = OpenInput::open(input.into(), options.format)?;
    if options.dry_run {
        return dry_run(conn, |conn| parse_and_store(conn, input, &options, on_progress));
    }
    if options.resumable {
        return parse_and_store(conn, input, &options, on_progress);
    }
    conn.transaction(|conn| {
        lock_posts(conn)?;
        parse_and_store(conn, input, &options, on_progress)
    })
}

/// Runs an import and rolls it back. PostgreSQL does not roll back sequences, so this puts them back before.
fn dry_run(
    conn: &mut Connection,
    import: impl FnOnce(&mut Connection) -> Result<Report, Error>,
) -> Result<Report, Error> {
    let mut outcome = None;
    let rolled_back: Result<(), Error> = conn.transaction(|conn| {
        lock_posts(conn)?;
        key_store::lock(conn)?;
        let last_ids = Sequence::ALL.map(|sequence| (sequence, sequence.last_id(conn)));
        let result = import(conn);
        let is_usable = !matches!(result, Err(Error::Database(_)));
        outcome = Some(result);
        if is_usable {
            last_ids.into_iter().try_for_each(|(sequence, id)| sequence.reset_to(conn, id?))?;
        }
        Err(diesel::result::Error::RollbackTransaction.into())
    });
    match (outcome, rolled_back) {
        (Some(outcome), Err(Error::Database(diesel::result::Error::RollbackTransaction))) => outcome,
        (_, Err(error)) => Err(error),
        (_, Ok(())) => Ok(Report::default()),
    }
}

fn parse_and_store(
    conn: &mut Connection,
    input: OpenInput<'_>,
    options: &Options,
    on_progress: impl FnMut(TransferProgress),
) -> Result<Report, Error> {
    let meter = Meter::new();
    let mut importer = Importer {
        conn,
        options,
        report: Report::default(),
        batch: Vec::new(),
        batch_bytes: 0,
        replacer: options.replace.then(Replacer::default),
        meter: meter.clone(),
        on_progress,
    };
    let mapping = input.parse(options, &meter, &mut |item| importer.add(item))?;
    importer.store_batch()?;
    importer.report.mapping = mapping;
    importer.finish()
}

/// The input, opened in the way that its format requires.
enum OpenInput<'a> {
    Ndjson(Box<dyn BufRead + 'a>),
    WordPress(WordPressSurvey, File),
    Ghost(GhostSurvey, File),
    Markdown(Vec<PathBuf>),
}

impl<'a> OpenInput<'a> {
    /// Opens the input before the transaction starts, because the first reading of a file can take long.
    fn open(input: ImportInput<'a>, format: Format) -> Result<Self, Error> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson(input.into_reader()?),
            Format::WordPress => {
                let meter = Meter::new();
                let (survey, file) = input.survey(|input| WordPressSurvey::read(metered(input, &meter)?, &meter))?;
                Self::WordPress(survey, file)
            }
            Format::Ghost => {
                let (survey, file) = input.survey(|input| GhostSurvey::read(skip_byte_order_mark(input)?))?;
                Self::Ghost(survey, file)
            }
            Format::Markdown => Self::Markdown(input.into_paths()?),
        })
    }

    fn parse(self, options: &Options, meter: &Meter, sink: Sink<'_>) -> Result<Mapping, Error> {
        match self {
            Self::Ndjson(input) => {
                ndjson::parse(metered(input, meter)?, options.skip_invalid, sink).map(|()| Mapping::default())
            }
            Self::WordPress(mut survey, file) => {
                let selection = WordPressSelection { pages: options.pages, categories: !options.no_categories };
                wordpress::parse(metered(BufReader::new(file), meter)?, meter, &mut survey, selection, sink)
            }
            Self::Markdown(paths) => markdown::parse(&paths, options.time_zone.as_ref(), meter, sink),
            Self::Ghost(mut survey, file) => {
                let input = metered(BufReader::new(file), meter)?;
                ghost::parse(input, &mut survey, options.pages, &options.site_url, sink)
            }
        }
    }
}

fn metered<R: BufRead>(input: R, meter: &Meter) -> Result<Unmarked<MeteredReader<R>>, Error> {
    skip_byte_order_mark(MeteredReader::new(input, meter.clone()))
}

/// Blocks other writers on PostgreSQL, so that none uses an id or a slug between the lookup and the insert. On SQLite,
/// the transaction already holds the write lock.
fn lock_posts(conn: &mut Connection) -> QueryResult<()> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
    diesel::sql_query("LOCK TABLE posts IN SHARE ROW EXCLUSIVE MODE").execute(conn).map(drop)
}

/// Collects valid records into batches and stores them.
struct Importer<'a, P> {
    conn: &'a mut Connection,
    options: &'a Options,
    report: Report,
    batch: Vec<Located<ImportRecord>>,
    batch_bytes: usize,
    replacer: Option<Replacer>,
    meter: Meter,
    on_progress: P,
}

impl<P: FnMut(TransferProgress)> Importer<'_, P> {
    fn add(&mut self, item: SourceItem) -> Result<(), Error> {
        let SourceItem { position, size, record, notes } = item;
        match record.and_then(|record| self.check(record)) {
            Ok(value) => self.batch.push(Located { position, value, notes }),
            Err(message) => self.report.skipped.push(Diagnostic { position, message }),
        }
        self.batch_bytes += size;
        if self.batch.len() == usize::from(BATCH_SIZE) || self.batch_bytes > MAX_BATCH_BYTES {
            self.store_batch()?;
        }
        (self.on_progress)(TransferProgress {
            bytes: self.meter.bytes_read(),
            posts: self.report.processed(),
            total: None,
        });
        Ok(())
    }

    /// Rejects records that the options do not allow.
    fn check(&self, record: ImportRecord) -> Result<ImportRecord, String> {
        match &record {
            ImportRecord::Key(_) if !self.options.keys => Err("is an API key; import it with --keys".into()),
            ImportRecord::Post(post) if self.options.resumable && !post.is_identifiable() => {
                Err("has no id, slug, or created_at; --resumable needs one of them to recognize a stored post".into())
            }
            _ => Ok(record),
        }
    }

    /// Stores the collected records and empties the batch. A resumable import commits the batch.
    fn store_batch(&mut self) -> Result<(), Error> {
        self.batch_bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if !self.options.resumable || self.options.dry_run {
            let (is_resumable, replacer) = (self.options.resumable, self.replacer.as_mut());
            return store_records(self.conn, batch, is_resumable, replacer, &mut self.report);
        }
        let start = Instant::now();
        self.commit_batch(batch)?;
        if let Backend::Sqlite(_) = self.conn.backend {
            // Other writers poll for SQLite's lock. Without a pause, the next batch would take the lock before they
            // poll again.
            std::thread::park_timeout(start.elapsed() / 4);
        }
        Ok(())
    }

    fn commit_batch(&mut self, batch: Vec<Located<ImportRecord>>) -> Result<(), Error> {
        let skip_invalid = self.options.skip_invalid;
        let skipped = std::mem::take(&mut self.report.skipped);
        let replacer = self.replacer.as_mut();
        let result = self.conn.transaction(|conn| {
            lock_posts(conn)?;
            let mut stored = Report { skipped, ..Report::default() };
            store_records(conn, batch, true, replacer, &mut stored)?;
            if stored.skipped.count() > 0 && !skip_invalid {
                // Rolls back the whole batch.
                return Err(Error::Invalid { diagnostics: stored.skipped, report: Box::default() });
            }
            Ok(stored)
        });
        let stored = result.map_err(|error| match error {
            Error::Invalid { diagnostics, .. } => {
                Error::Invalid { diagnostics, report: Box::new(std::mem::take(&mut self.report)) }
            }
            other => other,
        })?;
        self.report.append(stored);
        Ok(())
    }

    fn finish(self) -> Result<Report, Error> {
        let Self { conn, options, report, .. } = self;
        if report.skipped.count() > 0 && !options.skip_invalid {
            let Report { skipped, .. } = report;
            return Err(Error::Invalid { diagnostics: skipped, report: Box::default() });
        }
        if let Backend::Postgres(conn) = &mut conn.backend
            && report.imported >= ANALYZE_THRESHOLD
            && !options.dry_run
        {
            // Updates the planner statistics. Otherwise, PostgreSQL would plan searches with outdated statistics until
            // autovacuum updates them.
            diesel::sql_query("ANALYZE posts, post_aliases, post_changes").execute(conn)?;
        }
        Ok(report)
    }
}

/// An import of at least this many posts can change word frequencies enough to affect query plans.
const ANALYZE_THRESHOLD: u64 = 1000;
