//! [`Batcher`]: collects the items of an import into batches.

use std::sync::mpsc::SyncSender;

use crate::transfer::diagnostics::{Diagnostic, Diagnostics};
use crate::transfer::error::Error;
use crate::transfer::import_options::Options;
use crate::transfer::limits::{BATCH_SIZE, MAX_BATCH_BYTES};
use crate::transfer::located::Located;
use crate::transfer::source::{ImportRecord, SourceItem};

/// Items that are stored together.
#[derive(Default)]
pub(crate) struct ImportBatch {
    pub(crate) records: Vec<Located<ImportRecord>>,
    /// The invalid items between them.
    pub(crate) skipped: Diagnostics,
    /// The approximate size in memory, in bytes.
    size: usize,
}

/// Collects items into batches, and sends them to the thread that stores them.
pub(crate) struct Batcher<'a> {
    options: &'a Options,
    batch: ImportBatch,
    batches: SyncSender<ImportBatch>,
}

impl<'a> Batcher<'a> {
    pub(crate) fn new(options: &'a Options, batches: SyncSender<ImportBatch>) -> Self {
        Self { options, batch: ImportBatch::default(), batches }
    }

    /// # Errors
    /// The thread that stores the batches has ended, because of an error of its own.
    pub(crate) fn add(&mut self, item: SourceItem) -> Result<(), Error> {
        let SourceItem { position, size, record, notes } = item;
        match record.and_then(|record| self.check(record)) {
            Ok(value) => self.batch.records.push(Located { position, value, notes }),
            Err(message) => self.batch.skipped.push(Diagnostic { position, message }),
        }
        self.batch.size += size;
        let is_full = self.batch.records.len() == usize::from(BATCH_SIZE) || self.batch.size > MAX_BATCH_BYTES;
        if is_full { self.send() } else { Ok(()) }
    }

    /// Sends the collected items.
    ///
    /// # Errors
    /// As for [`Batcher::add`].
    pub(crate) fn send(&mut self) -> Result<(), Error> {
        let batch = std::mem::take(&mut self.batch);
        self.batches.send(batch).map_err(|_| Error::Io(std::io::ErrorKind::BrokenPipe.into()))
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
}
