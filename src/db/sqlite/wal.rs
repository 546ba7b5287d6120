//! [`Wal`]: keeps SQLite's write-ahead log (WAL) short.
//!
//! SQLite copies the WAL into the database as far as its readers allow. It restarts the WAL only at a moment when all
//! of it has been copied and no connection reads from it. With overlapping long reads that moment never comes, and the
//! WAL grows until the disk is full. The writer thread therefore truncates it:
//!
//! 1. The writer calls [`Wal::truncate_if_long`] after each batch, and every 25 ms while it is idle.
//! 2. If the WAL is longer than 16 MiB, it requests the write side of the lock that long reads share. New long reads
//!    now queue behind it. Writes and short reads continue.
//! 3. When the running long reads have ended, it truncates the WAL, and waits up to 100 ms for short reads.
//! 4. If a long read has not ended after 5 s, or another process reads the database, it gives up and releases the
//!    queued reads. It retries after a pause of 1 s, doubled after each failure up to 8 s.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::OwnedRwLockWriteGuard;

use crate::db::connection::Connection;
use crate::db::error::Error;
use crate::db::long_reads::LongReadLock;
use crate::db::pooled_connection::ConnectionPool;
use crate::db::sqlite::files::sidecar_path;

const MIB: u64 = 1024 * 1024;
/// Without readers, SQLite restarts the WAL at about 10 MiB: `wal_autocheckpoint` is 2,500 pages.
const TRUNCATE_ABOVE: u64 = 16 * MIB;
/// A failure is logged from this length on, and again each time the length has doubled.
const WARN_ABOVE: u64 = 48 * MIB;

const LONG_READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a truncation waits for short reads. The writer commits nothing meanwhile.
const SHORT_READ_TIMEOUT: Duration = Duration::from_millis(100);
const MIN_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(8);

pub(crate) struct Wal {
    database: PathBuf,
    /// The path of the WAL. `None` until the database exists: SQLite resolves symbolic links before it appends `-wal`.
    path: Option<PathBuf>,
    long_reads: LongReadLock,
    drain: Option<ReadDrain>,
    backoff: Duration,
    retry_at: Instant,
    is_disk_full: bool,
    /// In bytes.
    last_length: Arc<AtomicU64>,
    warn_above: u64,
}

/// The wait until the running long reads of this process have ended.
struct ReadDrain {
    lock: Pin<Box<dyn Future<Output = OwnedRwLockWriteGuard<()>> + Send>>,
    deadline: Instant,
}

impl Wal {
    pub(crate) fn new(database: &Path, long_reads: LongReadLock) -> Self {
        Self {
            database: database.to_owned(),
            path: None,
            long_reads,
            drain: None,
            backoff: MIN_BACKOFF,
            retry_at: Instant::now(),
            is_disk_full: false,
            last_length: Arc::default(),
            warn_above: WARN_ABOVE,
        }
    }

    /// The WAL's length at the last check, in bytes. Metrics read it.
    pub(crate) fn last_length(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.last_length)
    }

    /// Makes [`Wal::truncate_if_long`] truncate a WAL of any length, to free disk space for writes.
    pub(crate) fn mark_disk_full(&mut self) {
        self.is_disk_full = true;
    }

    /// Advances the truncation by one step; see the module documentation. Takes up to 0.1 s. The caller must be outside
    /// of every transaction.
    pub(crate) fn truncate_if_long(&mut self, connections: &ConnectionPool) {
        let length = self.length();
        self.last_length.store(length, Ordering::Relaxed);
        if length <= if self.is_disk_full { 0 } else { TRUNCATE_ABOVE } {
            self.drain = None;
            return;
        }
        let now = Instant::now();
        if now < self.retry_at {
            return;
        }
        let drain = self.drain.get_or_insert_with(|| ReadDrain {
            lock: Box::pin(Arc::clone(&self.long_reads).write_owned()),
            deadline: now + LONG_READ_TIMEOUT,
        });
        let result = match drain.lock.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            // `_lock` is held while the WAL is truncated.
            Poll::Ready(_lock) => truncate(connections),
            Poll::Pending if now < drain.deadline => return,
            Poll::Pending => Err("a query of this service has been running for more than 5 s".into()),
        };
        self.drain = None;
        match result {
            Ok(()) => self.record_success(),
            Err(reason) => self.record_failure(length, &reason),
        }
    }

    fn record_success(&mut self) {
        if self.warn_above > WARN_ABOVE {
            tracing::info!("truncated the write-ahead log of SQLite");
        }
        (self.warn_above, self.backoff, self.is_disk_full) = (WARN_ABOVE, MIN_BACKOFF, false);
    }

    fn record_failure(&mut self, length: u64, reason: &str) {
        if length >= self.warn_above {
            let mebibytes = length / MIB;
            tracing::warn!(mebibytes, reason, "failed to truncate the write-ahead log of SQLite; will retry");
            self.warn_above = length.saturating_mul(2);
        }
        self.retry_at = Instant::now() + self.backoff;
        self.backoff = MAX_BACKOFF.min(self.backoff * 2);
    }

    /// The current length of the WAL, in bytes. 0 if there is no WAL.
    fn length(&mut self) -> u64 {
        if self.path.is_none() {
            self.path = self.database.canonicalize().ok().map(|database| sidecar_path(&database, "-wal"));
        }
        // `metadata` does not open the file. Closing it would release SQLite's locks; see `create_private`.
        self.path.as_ref().and_then(|path| path.metadata().ok()).map_or(0, |file| file.len())
    }
}

/// Truncates the WAL. Retries until the short reads that use the WAL have ended, for up to 100 ms. Reads that begin
/// later use the database file, because the first attempt has already copied the WAL.
fn truncate(connections: &ConnectionPool) -> Result<(), String> {
    let started = Instant::now();
    let mut pooled = connections.get().map_err(|error| error.to_string())?;
    loop {
        match pooled.run(Connection::truncate_wal) {
            Ok(true) => return Ok(()),
            Ok(false) if started.elapsed() < SHORT_READ_TIMEOUT => thread::park_timeout(Duration::from_millis(1)),
            Ok(false) | Err(Error::Busy(_)) => {
                return Err("another process is reading the database, such as a backup, an export, or a shell".into());
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}
