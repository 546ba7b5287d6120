//! [`Pool`]: an r2d2 pool behind a bounded queue.
//!
//! 1. A call enters the queue. A full queue rejects it at once.
//! 2. It waits for a permit, of which there is one per connection. This wait costs no thread; a wait inside r2d2 would.
//! 3. A blocking thread takes a connection from r2d2 and runs the call. The permit is held until the call ends, even if
//!    its caller has been canceled, so abandoned calls cannot occupy more threads than there are connections.
//!
//! [`Pool::run_inline`] skips the queue and the thread when a connection is free.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, RwLock, Semaphore};
use tokio::time::timeout;

use crate::db::connection::{ConnectError, Connection};
use crate::db::deadline::within_deadline;
use crate::db::error::Error;
use crate::db::options::{PoolOptions, Purpose};
use crate::db::stats::{PoolStats, QueueStats};
use crate::db::url::DatabaseUrl;

/// The maximum number of calls that wait for a connection.
pub(crate) const QUEUE_LIMIT: usize = 1024;
/// A connection that has been idle for longer is pinged before use.
const PING_AFTER: Duration = Duration::from_secs(1);

/// An inline read blocks the other requests of its thread. If one takes longer than this, the disk may be slow, and
/// reads run on blocking threads for [`INLINE_PAUSE`].
const SLOW_INLINE_READ: Duration = Duration::from_millis(20);
const INLINE_PAUSE: Duration = Duration::from_secs(1);

/// Long reads share the read lock. Truncating the write-ahead log takes the write lock.
pub(crate) type LongReads = Arc<RwLock<()>>;

pub(crate) type Connections = r2d2::Pool<ConnectionManager>;

/// An r2d2 pool that opens each connection on first use.
///
/// `connection_timeout` is set because r2d2's default is 30 s. The wait can exceed it if a ping hangs, so callers have
/// a timeout of their own.
pub(crate) fn connections(url: &DatabaseUrl, purpose: Purpose, options: PoolOptions) -> Connections {
    r2d2::Pool::builder()
        .max_size(options.size)
        .min_idle(Some(0))
        .connection_timeout(options.wait)
        .test_on_check_out(true)
        .error_handler(Box::new(r2d2::LoggingErrorHandler))
        .build_unchecked(ConnectionManager { url: url.clone(), purpose })
}

pub(crate) struct Pool {
    name: &'static str,
    connections: Connections,
    /// One permit per connection.
    permits: Arc<Semaphore>,
    /// One permit per call that runs or waits.
    queue: Arc<Semaphore>,
    /// How long a call may wait for a permit.
    wait: Duration,
    inline_pause: InlinePause,
    long_reads: LongReads,
    stats: QueueStats,
}

/// A period without inline reads, which begins after a slow one.
struct InlinePause {
    start: Instant,
    /// The end of the period, in milliseconds after `start`; 0: there has been none.
    until: AtomicU64,
}

impl InlinePause {
    fn is_over(&self, now: Instant) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until == 0 || now.duration_since(self.start) > Duration::from_millis(until)
    }

    fn begin(&self) {
        let until = self.start.elapsed() + INLINE_PAUSE;
        self.until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Pool {
    /// `name` is the pool's label in metrics.
    pub(crate) fn new(name: &'static str, url: &DatabaseUrl, purpose: Purpose, options: PoolOptions) -> Self {
        let connections = connections(url, purpose, options);
        let size = usize::try_from(options.size).unwrap_or(usize::MAX);
        Self {
            name,
            connections,
            permits: Arc::new(Semaphore::new(size)),
            queue: Arc::new(Semaphore::new(size.saturating_add(QUEUE_LIMIT))),
            wait: options.wait,
            inline_pause: InlinePause { start: Instant::now(), until: AtomicU64::new(0) },
            long_reads: Arc::new(RwLock::new(())),
            stats: QueueStats::new(),
        }
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let (size, state) = (self.connections.max_size(), self.connections.state());
        let free = u32::try_from(self.permits.available_permits()).unwrap_or(u32::MAX);
        self.stats.snapshot(self.name, size.into(), state.connections.into(), size.saturating_sub(free).into())
    }

    /// The lock whose read side each [`Pool::run_long`] holds while it runs.
    pub(crate) fn long_reads(&self) -> LongReads {
        Arc::clone(&self.long_reads)
    }

    /// Like [`Pool::run`], for a `body` that may take long. It waits while another task holds or awaits the write side
    /// of [`Pool::long_reads`], and occupies no connection during this wait.
    pub(crate) async fn run_long<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        within_deadline(async {
            let (slot, timer) = (self.enter_queue()?, self.stats.start_wait());
            let (lock, permit) = loop {
                // Wait for the lock without a permit, so that other calls can use the connection.
                drop(self.long_reads.read().await);
                let permit = self.acquire_permit().await?;
                if let Ok(lock) = Arc::clone(&self.long_reads).try_read_owned() {
                    break (lock, permit);
                }
            };
            timer.finish();
            self.run_blocking((slot, permit, lock), body).await
        })
        .await
    }

    /// Runs `body` on the caller's thread. Falls back to [`Pool::run`] if no open connection is free, or if inline
    /// reads are paused.
    pub(crate) async fn run_inline<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let now = Instant::now();
        let permit = if self.inline_pause.is_over(now) { self.permits.try_acquire().ok() } else { None };
        // `try_get` opens no connection, which would block this thread.
        let open = permit.and_then(|permit| Some((self.connections.try_get()?, permit)));
        let Some((mut pooled, _permit)) = open else { return self.run(body).await };
        self.stats.record_wait(Duration::ZERO);
        let result = pooled.run(body);
        if now.elapsed() > SLOW_INLINE_READ {
            self.inline_pause.begin();
        }
        result
    }

    /// Runs `body` with a connection on a blocking thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        within_deadline(async {
            let (slot, timer) = (self.enter_queue()?, self.stats.start_wait());
            let permit = self.acquire_permit().await?;
            timer.finish();
            self.run_blocking((slot, permit), body).await
        })
        .await
    }

    fn enter_queue(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.queue).try_acquire_owned().map_err(|_| {
            self.stats.record_rejected_full();
            Error::Busy("queue full".into())
        })
    }

    async fn acquire_permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        timeout(self.wait, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| {
                self.stats.record_rejected_timeout();
                Error::Busy("timed out waiting for a connection".into())
            })?
            .map_err(|error: AcquireError| Error::Busy(error.to_string()))
    }

    /// Runs `body` with a connection on a blocking thread. Drops `guards` when `body` has ended, even if the caller has
    /// been canceled before.
    async fn run_blocking<T: Send + 'static>(
        &self,
        guards: impl Send + 'static,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let connections = self.connections.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _guards = guards;
            let mut pooled = connections.get().map_err(|error| Error::Unreachable(error.to_string()))?;
            pooled.run(body)
        });
        match task.await {
            Ok(result) => result,
            Err(join_error) => match join_error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_cancelled) => Err(Error::Unreachable("the service is stopping".into())),
            },
        }
    }
}

/// Opens and checks connections for r2d2.
pub(crate) struct ConnectionManager {
    url: DatabaseUrl,
    purpose: Purpose,
}

/// A connection of the pool, with the time at which it last worked.
pub(crate) struct PooledConnection {
    connection: Connection,
    /// `None` after a lost connection or a panic: the next use pings first.
    verified_at: Option<Instant>,
}

impl PooledConnection {
    pub(crate) fn run<T>(&mut self, body: impl FnOnce(&mut Connection) -> QueryResult<T>) -> Result<T, Error> {
        self.connection.ensure_files_intact()?;
        self.verified_at = None;
        let result = body(&mut self.connection).map_err(Error::from);
        if !matches!(result, Err(Error::Unreachable(_))) {
            self.verified_at = Some(Instant::now());
        }
        result
    }
}

impl r2d2::ManageConnection for ConnectionManager {
    type Connection = PooledConnection;
    type Error = ManagerError;

    fn connect(&self) -> Result<PooledConnection, ManagerError> {
        let connection = Connection::open_for(&self.url, self.purpose)?;
        Ok(PooledConnection { connection, verified_at: Some(Instant::now()) })
    }

    /// A ping costs a round trip to PostgreSQL, so a connection that worked within the last second is not pinged.
    fn is_valid(&self, pooled: &mut PooledConnection) -> Result<(), ManagerError> {
        if pooled.verified_at.is_some_and(|verified_at| verified_at.elapsed() < PING_AFTER) {
            return Ok(());
        }
        pooled.connection.ping()?;
        pooled.verified_at = Some(Instant::now());
        Ok(())
    }

    fn has_broken(&self, pooled: &mut PooledConnection) -> bool {
        pooled.connection.is_broken()
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ManagerError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Ping(#[from] diesel::result::Error),
}
