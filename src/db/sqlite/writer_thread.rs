//! The writer thread of SQLite: group commit, and detection of external changes.
//!
//! A commit waits for the disk, and costs the same for one write as for a hundred. The thread therefore commits all
//! queued writes together:
//!
//! 1. It takes the first write from the queue and begins a transaction. It does not wait for more writes.
//! 2. It checks `PRAGMA data_version` for commits by other processes. Inside the transaction there can be none.
//! 3. It runs the write in a savepoint, so that a write that fails or panics is rolled back alone.
//! 4. It takes the next write and repeats step 3, until the queue is empty, the batch has 128 writes, or 10 ms have
//!    passed: the first caller waits for the last write.
//! 5. It commits, checks that the database was not removed or replaced, advances the revision, and only then replies to
//!    the callers. A client that has its response therefore never reads older data from a cache. A failed commit
//!    advances the revision too, because it may have been stored.
//!
//! While the queue is empty, the thread checks for external changes and the files every 25 ms. After each batch and
//! each check it shortens the write-ahead log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::result::Error as DieselError;

use crate::db::changed::Changed;
use crate::db::connection::Connection;
use crate::db::error::Error;
use crate::db::pooled_connection::ConnectionPool;
use crate::db::revision::Revision;
use crate::db::sqlite::queued_write::Job;
use crate::db::sqlite::wal::Wal;
use crate::db::stats::{CommitStats, QueueStats};

const MAX_BATCH: usize = 128;
/// How long the statements of a batch may take together. The last one may exceed it.
const MAX_BATCH_TIME: Duration = Duration::from_millis(10);
const CHANGE_POLL_INTERVAL: Duration = Duration::from_millis(25);

pub(crate) struct WriterThread {
    pub(crate) connections: ConnectionPool,
    pub(crate) queue: Receiver<Box<dyn Job>>,
    pub(crate) wal: Wal,
    pub(crate) revision: Arc<Revision>,
    pub(crate) activity: Arc<WriterActivity>,
}

/// The state of the writer thread, for metrics.
pub(crate) struct WriterActivity {
    pub(crate) queue: QueueStats,
    /// The number of writes in the queue.
    pub(crate) queued: AtomicU64,
    pub(crate) commits: CommitStats,
    pub(crate) is_writing: AtomicBool,
}

impl WriterActivity {
    pub(crate) fn new() -> Self {
        Self {
            queue: QueueStats::new(),
            queued: AtomicU64::new(0),
            commits: CommitStats::new(),
            is_writing: AtomicBool::new(false),
        }
    }
}

struct WriteBatch {
    /// The write that has been claimed and not yet executed.
    next: Option<Box<dyn Job>>,
    executed: Vec<Box<dyn Job>>,
    changed: Changed,
}

impl WriterThread {
    /// Runs until the `Writer` is dropped.
    pub(crate) fn run(mut self) {
        loop {
            match self.queue.recv_timeout(CHANGE_POLL_INTERVAL) {
                Ok(first) => {
                    self.activity.is_writing.store(true, Ordering::Relaxed);
                    self.commit_batch(first);
                    self.activity.is_writing.store(false, Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => self.poll_changes(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.wal.truncate_if_long(&self.connections);
        }
    }

    fn commit_batch(&mut self, first: Box<dyn Job>) {
        if !self.claim(&*first) {
            return;
        }
        let mut pooled = match self.connections.get() {
            Ok(pooled) => pooled,
            Err(error) => return first.reply(Some(&Error::Unreachable(error.to_string()))),
        };
        let mut batch = WriteBatch { next: Some(first), executed: Vec::new(), changed: Changed::Nothing };
        let started = Instant::now();
        let result = pooled.run(|conn| conn.transaction(|conn| self.execute_batch(conn, &mut batch)));
        if matches!(result, Err(Error::Full(_))) {
            self.wal.mark_disk_full();
        }
        if result.is_ok() {
            self.activity.commits.record(batch.executed.len(), started);
        }
        // A failed commit may have been stored.
        let changed = if result.is_ok() { batch.changed } else { Changed::Everything };
        if changed != Changed::Nothing {
            self.revision.advance(&changed);
        }
        // `next` remains if the transaction could not begin.
        for job in batch.executed.into_iter().chain(batch.next) {
            job.reply(result.as_ref().err());
        }
    }

    fn execute_batch(&self, conn: &mut Connection, batch: &mut WriteBatch) -> Result<(), DieselError> {
        let started = Instant::now();
        self.check_changes(conn, started)?;
        while let Some(mut job) = batch.next.take() {
            let changed = job.execute(conn);
            batch.executed.push(job);
            batch.changed.add(changed?);
            if batch.executed.len() < MAX_BATCH && started.elapsed() < MAX_BATCH_TIME {
                batch.next = std::iter::from_fn(|| self.queue.try_recv().ok()).find(|job| self.claim(&**job));
            }
        }
        Ok(())
    }

    /// Claims a write that was taken from the queue. Returns `false` if it must not be executed.
    fn claim(&self, job: &dyn Job) -> bool {
        self.activity.queued.fetch_sub(1, Ordering::Relaxed);
        let is_claimed = job.claim();
        if is_claimed {
            self.activity.queue.record_wait(job.queued_at().elapsed());
        }
        is_claimed
    }

    /// Advances the revision for everything if another process has committed: what it has changed is unknown. `started`
    /// is when the check began.
    fn check_changes(&self, conn: &mut Connection, started: Instant) -> QueryResult<()> {
        if conn.has_external_changes()? {
            self.revision.advance(&Changed::Everything);
        }
        self.revision.record_poll(started);
        Ok(())
    }

    fn poll_changes(&self) {
        let now = Instant::now();
        let result = self.connections.get().map_err(|error| error.to_string()).and_then(|mut pooled| {
            let check = |conn: &mut Connection| conn.verify_files().and_then(|()| self.check_changes(conn, now));
            pooled.run(check).map_err(|error| error.to_string())
        });
        if let Err(error) = result {
            tracing::debug!(error, "failed to poll SQLite for external changes; will retry");
        }
    }
}
