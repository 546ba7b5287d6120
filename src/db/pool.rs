//! An r2d2 pool with a bounded queue in front of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, RwLock, Semaphore};
use tokio::time::timeout;

use crate::db::connection::{ConnectError, Connection};
use crate::db::deadline::bounded;
use crate::db::error::Error;
use crate::db::options::{PoolOptions, Purpose};
use crate::db::stats::{Line, PoolStats};
use crate::db::url::DatabaseUrl;

/// Requests that may wait for a connection at once; one more is refused without waiting.
pub(crate) const QUEUE: usize = 1024;
/// A connection unused for longer is asked whether it still lives before it serves.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A read on a thread that serves requests keeps the others there waiting: where one took this long, the next ones run
/// elsewhere for a while.
const SLOW: Duration = Duration::from_millis(20);
const SLOW_SPELL: Duration = Duration::from_secs(1);

/// Long reads hold a read lock; truncating the write-ahead log takes the write lock.
pub(crate) type LongReads = Arc<RwLock<()>>;

pub(crate) type Connections = r2d2::Pool<Manager>;

/// Opens connections when they are first needed.
pub(crate) fn connections(url: &DatabaseUrl, purpose: Purpose, options: PoolOptions) -> Connections {
    r2d2::Pool::builder()
        .max_size(options.size)
        .min_idle(Some(0))
        .connection_timeout(options.wait)
        .test_on_check_out(true)
        .error_handler(Box::new(r2d2::LoggingErrorHandler))
        .build_unchecked(Manager { url: url.clone(), purpose })
}

pub(crate) struct Pool {
    name: &'static str,
    connections: Connections,
    /// A permit per connection. Waiting for one costs no thread, which waiting inside r2d2 would.
    permits: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    wait: Duration,
    slow: SlowSpell,
    long_reads: LongReads,
    line: Line,
}

/// A time in which no read runs on a thread that serves requests, because one was slow: the disk may be.
struct SlowSpell {
    start: Instant,
    /// Milliseconds from `start`.
    until: AtomicU64,
}

impl SlowSpell {
    fn is_over(&self, now: Instant) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until == 0 || now.duration_since(self.start) > Duration::from_millis(until)
    }

    fn begin(&self) {
        let until = self.start.elapsed() + SLOW_SPELL;
        self.until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Pool {
    /// `name` is what operators know it by.
    pub(crate) fn new(name: &'static str, url: &DatabaseUrl, purpose: Purpose, options: PoolOptions) -> Self {
        let connections = connections(url, purpose, options);
        let size = usize::try_from(options.size).unwrap_or(usize::MAX);
        Self {
            name,
            connections,
            permits: Arc::new(Semaphore::new(size)),
            queue: Arc::new(Semaphore::new(size.saturating_add(QUEUE))),
            wait: options.wait,
            slow: SlowSpell { start: Instant::now(), until: AtomicU64::new(0) },
            long_reads: Arc::new(RwLock::new(())),
            line: Line::new(),
        }
    }

    /// As it is now.
    pub(crate) fn reading(&self) -> PoolStats {
        let (size, state) = (self.connections.max_size(), self.connections.state());
        let free = u32::try_from(self.permits.available_permits()).unwrap_or(u32::MAX);
        self.line.read(self.name, size.into(), state.connections.into(), size.saturating_sub(free).into())
    }

    /// What each [`Pool::run_long`] shares while it runs.
    pub(crate) fn long_reads(&self) -> LongReads {
        Arc::clone(&self.long_reads)
    }

    /// Like [`Pool::run`], for a `body` that may take long: it does not begin while somebody has, or waits for, a time
    /// without such ones, and holds no connection meanwhile.
    pub(crate) async fn run_long<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        bounded(async {
            let (place, waiting) = (self.place()?, self.line.enter());
            let (share, permit) = loop {
                drop(self.long_reads.read().await);
                let permit = self.permit().await?;
                if let Ok(share) = Arc::clone(&self.long_reads).try_read_owned() {
                    break (share, permit);
                }
            };
            waiting.end();
            self.run_with((place, permit, share), body).await
        })
        .await
    }

    /// Runs `body` on the caller's thread, unless no connection is open and free, or such reads have lately been slow.
    pub(crate) async fn run_inline<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let now = Instant::now();
        let permit = if self.slow.is_over(now) { self.permits.try_acquire().ok() } else { None };
        // Opening a connection takes a thread that may wait.
        let open = permit.and_then(|permit| Some((self.connections.try_get()?, permit)));
        let Some((mut pooled, _permit)) = open else { return self.run(body).await };
        self.line.served(Duration::ZERO);
        let result = pooled.run(body);
        if now.elapsed() > SLOW {
            self.slow.begin();
        }
        result
    }

    /// Runs `body` with a connection on a blocking thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        bounded(async {
            let (place, waiting) = (self.place()?, self.line.enter());
            let permit = self.permit().await?;
            waiting.end();
            self.run_with((place, permit), body).await
        })
        .await
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.queue).try_acquire_owned().map_err(|_| {
            self.line.refused_full();
            Error::Busy("queue full".into())
        })
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        timeout(self.wait, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| {
                self.line.refused_late();
                Error::Busy("no connection in time".into())
            })?
            .map_err(|error: AcquireError| Error::Busy(error.to_string()))
    }

    /// `held` is kept until the query ends, also when nobody waits for it any more: abandoned queries must not add up.
    async fn run_with<T: Send + 'static>(
        &self,
        held: impl Send + 'static,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let connections = self.connections.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _held = held;
            let mut pooled = connections.get().map_err(|error| Error::Unreachable(error.to_string()))?;
            pooled.run(body)
        });
        match work.await {
            Ok(result) => result,
            Err(join_error) => match join_error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_cancelled) => Err(Error::Unreachable("the service is stopping".into())),
            },
        }
    }
}

pub(crate) struct Manager {
    url: DatabaseUrl,
    purpose: Purpose,
}

/// A connection in the pool, with when it last proved that it lives.
pub(crate) struct Pooled {
    connection: Connection,
    proven: Option<Instant>,
}

impl Pooled {
    pub(crate) fn run<T>(&mut self, body: impl FnOnce(&mut Connection) -> QueryResult<T>) -> Result<T, Error> {
        // Stays unset if `body` panics.
        self.proven = None;
        let result = body(&mut self.connection).map_err(Error::from);
        if !matches!(result, Err(Error::Unreachable(_))) {
            self.proven = Some(Instant::now());
        }
        result
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = ManagerError;

    fn connect(&self) -> Result<Pooled, ManagerError> {
        let connection = Connection::open_for(&self.url, self.purpose)?;
        Ok(Pooled { connection, proven: Some(Instant::now()) })
    }

    /// Asking costs a round trip to PostgreSQL, so a connection that has just served is trusted; one that failed is
    /// not.
    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), ManagerError> {
        if pooled.proven.is_some_and(|proven| proven.elapsed() < TRUSTED_FOR) {
            return Ok(());
        }
        pooled.connection.ping()?;
        pooled.proven = Some(Instant::now());
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
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
