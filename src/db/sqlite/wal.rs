//! Keeps SQLite's write-ahead log (WAL) short.
//!
//! SQLite copies the log into the database as far as its readers allow, and begins it anew at a moment when all of it has
//! been copied and nobody reads from it. Where long reads overlap, that moment never comes, and the log grows until the
//! disk is full. So where it has become long, new long reads wait until those that run have ended; then the writer, the
//! only one to write, empties it. Short reads, and writes, go on meanwhile.

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
use crate::db::pool::{Connections, LongReads};

/// Without readers SQLite begins it anew at some 4 MiB.
const LONG: u64 = 16 * MIB;
/// An operator is told of more, and again where it has doubled.
const WORRYING: u64 = 48 * MIB;
const MIB: u64 = 1024 * 1024;

/// Long reads that last longer are not waited for any more, so that the others can go on.
const READS_TIME: Duration = Duration::from_secs(5);
/// Short reads end in so much time. Nothing is committed meanwhile.
const SHORT_READS_TIME: Duration = Duration::from_millis(100);
/// After a try in vain it waits, and longer after each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(8);

pub(crate) struct Wal {
    database: PathBuf,
    /// Known when the database is there: SQLite follows links before it appends `-wal`.
    path: Option<PathBuf>,
    long_reads: LongReads,
    waiting: Option<Waiting>,
    pause: Duration,
    not_before: Instant,
    is_disk_full: bool,
    /// As it was last seen, in bytes.
    shown_length: Arc<AtomicU64>,
    /// The next length to tell of.
    worrying: u64,
}

/// The wait until no long read of this service runs; new ones queue behind it.
struct Waiting {
    alone: Pin<Box<dyn Future<Output = OwnedRwLockWriteGuard<()>> + Send>>,
    until: Instant,
}

impl Wal {
    pub(crate) fn new(database: &Path, long_reads: LongReads) -> Self {
        Self {
            database: database.to_owned(),
            path: None,
            long_reads,
            waiting: None,
            pause: FIRST_PAUSE,
            not_before: Instant::now(),
            is_disk_full: false,
            shown_length: Arc::default(),
            worrying: WORRYING,
        }
    }

    /// Its length as it was last seen, in bytes.
    pub(crate) fn shown_length(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.shown_length)
    }

    /// Whoever wrote when the disk was full may have been kept by a long log from the room that is in it: the next
    /// [`Wal::keep_short`] empties it however short it is.
    pub(crate) fn note_full_disk(&mut self) {
        self.is_disk_full = true;
    }

    /// A step towards a short log where it is long; takes 0.1 s at most. To be called again and again, outside of
    /// every transaction.
    pub(crate) fn keep_short(&mut self, connections: &Connections) {
        let length = self.length();
        self.shown_length.store(length, Ordering::Relaxed);
        if length <= if self.is_disk_full { 0 } else { LONG } {
            self.waiting = None;
            return;
        }
        let now = Instant::now();
        if now < self.not_before {
            return;
        }
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            alone: Box::pin(Arc::clone(&self.long_reads).write_owned()),
            until: now + READS_TIME,
        });
        let done = match waiting.alone.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(_alone) => empty(connections),
            Poll::Pending if now < waiting.until => return,
            Poll::Pending => Err("a query of this service has been running for over 5 seconds".into()),
        };
        self.waiting = None;
        match done {
            Ok(()) => self.succeeded(),
            Err(reason) => self.failed(length, &reason),
        }
    }

    fn succeeded(&mut self) {
        if self.worrying > WORRYING {
            tracing::info!("the write-ahead log has been emptied");
        }
        (self.worrying, self.pause, self.is_disk_full) = (WORRYING, FIRST_PAUSE, false);
    }

    fn failed(&mut self, length: u64, reason: &str) {
        if length >= self.worrying {
            let mebibytes = length / MIB;
            tracing::warn!(
                mebibytes,
                reason,
                "SQLite's write-ahead log cannot be emptied and grows with every write until it can"
            );
            self.worrying = length.saturating_mul(2);
        }
        self.not_before = Instant::now() + self.pause;
        self.pause = LAST_PAUSE.min(self.pause * 2);
    }

    /// 0 where there is none.
    fn length(&mut self) -> u64 {
        if self.path.is_none() {
            self.path = self.database.canonicalize().ok().map(|database| {
                let mut path = database.into_os_string();
                path.push("-wal");
                path.into()
            });
        }
        // Asking does not open the file, which would cost SQLite's locks.
        self.path.as_ref().and_then(|path| path.metadata().ok()).map_or(0, |file| file.len())
    }
}

/// Tries until the short reads have ended that began before the try: later ones read from the database itself.
fn empty(connections: &Connections) -> Result<(), String> {
    let began = Instant::now();
    let mut pooled = connections.get().map_err(|error| error.to_string())?;
    loop {
        match pooled.run(Connection::empty_wal) {
            Ok(true) => return Ok(()),
            Ok(false) if began.elapsed() < SHORT_READS_TIME => thread::park_timeout(Duration::from_millis(1)),
            Ok(false) | Err(Error::Busy(_)) => {
                return Err("another program reads the database: a backup, an export or an open shell, perhaps".into());
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}
