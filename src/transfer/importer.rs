//! [`Importer`]: stores the batches of an import.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::db::{Backend, Connection};
use crate::posts::batch;
use crate::transfer::batcher::ImportBatch;
use crate::transfer::error::Error;
use crate::transfer::import_options::Options;
use crate::transfer::located::Located;
use crate::transfer::report::{Mapping, Report};
use crate::transfer::source::ImportRecord;
use crate::transfer::storage::Storage;

/// An import of at least this many posts can change word frequencies enough to affect query plans.
const ANALYZE_THRESHOLD: u64 = 1000;

/// Prepares a transaction of an import on PostgreSQL. On SQLite, the transaction already holds the write lock.
///
/// Blocks other writers, so that none uses an id or a slug between the lookup and the insert. A batch of the API takes
/// the lock of batches before that of the table, so an import does the same: otherwise both could wait for each other.
pub(crate) fn prepare_transaction(conn: &mut Connection) -> QueryResult<()> {
    batch::lock_batches(conn)?;
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
    conn.batch_execute("LOCK TABLE posts IN SHARE ROW EXCLUSIVE MODE; SET LOCAL work_mem = '16MB'")
}

/// Waits at least this long: another wait of this thread can leave a token that ends the next one at once.
fn pause(duration: Duration) {
    let end = Instant::now() + duration;
    while let Some(rest) = end.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) {
        std::thread::park_timeout(rest);
    }
}

/// Stores batches.
pub(crate) struct Importer<'a> {
    conn: &'a mut Connection,
    options: &'a Options,
    storage: Storage,
    report: Report,
}

impl<'a> Importer<'a> {
    pub(crate) fn new(conn: &'a mut Connection, options: &'a Options) -> Self {
        Self { conn, options, storage: Storage::new(options), report: Report::default() }
    }

    /// Stores all batches, and sets `processed` to the number of posts after each.
    pub(crate) fn store_all(mut self, batches: &Receiver<ImportBatch>, processed: &AtomicU64) -> Result<Self, Error> {
        for batch in batches {
            self.store(batch)?;
            processed.store(self.report.processed(), Ordering::Relaxed);
        }
        Ok(self)
    }

    /// Stores a batch. A resumable import commits it.
    fn store(&mut self, batch: ImportBatch) -> Result<(), Error> {
        self.report.skipped.append(batch.skipped);
        if !self.options.resumable || self.options.dry_run {
            return self.storage.store(self.conn, batch.records, &mut self.report);
        }
        let start = Instant::now();
        self.commit(batch.records)?;
        if let Backend::Sqlite(_) = self.conn.backend {
            // Other writers poll for SQLite's lock. Without a pause, the next batch would take the lock before they
            // poll again.
            pause(start.elapsed() / 4);
        }
        Ok(())
    }

    fn commit(&mut self, records: Vec<Located<ImportRecord>>) -> Result<(), Error> {
        let skip_invalid = self.options.skip_invalid;
        let skipped = std::mem::take(&mut self.report.skipped);
        let storage = &mut self.storage;
        let result = self.conn.transaction(|conn| {
            prepare_transaction(conn)?;
            let mut stored = Report { skipped, ..Report::default() };
            storage.store(conn, records, &mut stored)?;
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

    /// Ends the import. `mapping` is what the parser of the format reports.
    pub(crate) fn finish(self, mapping: Mapping) -> Result<Report, Error> {
        let Self { conn, options, storage, mut report } = self;
        if report.skipped.count() > 0 && !options.skip_invalid {
            let Report { skipped, .. } = report;
            return Err(Error::Invalid { diagnostics: skipped, report: Box::default() });
        }
        storage.finish(conn)?;
        if let Backend::Postgres(conn) = &mut conn.backend
            && !options.dry_run
            && report.imported >= ANALYZE_THRESHOLD
        {
            // Updates the planner statistics. Otherwise, PostgreSQL would plan searches with outdated statistics until
            // autovacuum updates them.
            diesel::sql_query("ANALYZE posts, post_aliases, post_changes").execute(conn)?;
        }
        report.mapping = mapping;
        Ok(report)
    }
}
