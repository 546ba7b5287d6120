//! [`Pool`]: an r2d2 pool behind a bounded queue.
//!
//! 1. A call enters the queue. A full queue rejects it at once.
//! 2. It waits for a permit, of which there is one per connection. This wait costs no thread; a wait inside r2d2 would.
//!    A long read first waits for its share of the permits; see [`LongReads`].
//! 3. A blocking thread takes a connection from r2d2 and runs the call. The permit is held until the call ends, even if
//!    its caller has been canceled, so abandoned calls cannot occupy more threads than there are connections.
//! 4. A read whose caller has been canceled is canceled in the database, too. The watchdog does the same to every read
//!    after the request's deadline. It shuts down the connection of every call after twice that time.
//!
//! [`Pool::run_inline`] skips the queue and the thread when a connection is free.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::db::call::{Call, CancelOnDrop, CancelQueue};
use crate::db::connection::Connection;
use crate::db::deadline::{DEADLINE, within_deadline};
use crate::db::error::Error;
use crate::db::inline_pause::InlinePause;
use crate::db::long_reads::{ANONYMOUS_TIME, LongReadLock, LongReads, Requester};
use crate::db::options::{PoolOptions, Purpose};
use crate::db::pooled_connection::{ConnectionManager, ConnectionPool, connections};
use crate::db::postgres::cancel;
use crate::db::stats::{CallStats, PoolStats, QueueStats};
use crate::db::url::DatabaseUrl;
use crate::db::watchdog;

/// The maximum number of calls that wait for a connection.
pub(crate) const QUEUE_LIMIT: usize = 1024;
/// If an inline read takes longer than this, the disk may be slow.
const SLOW_INLINE_READ: Duration = Duration::from_millis(20);
/// A call whose connection does not respond loses it after this time.
const CLOSE_AFTER: Duration = DEADLINE.saturating_mul(2);

pub(crate) struct Pool {
    name: &'static str,
    connections: ConnectionPool,
    /// One permit per connection, except for one that only long reads use.
    permits: Arc<Semaphore>,
    /// One permit per call that runs or waits.
    queue: Arc<Semaphore>,
    /// How long a call may wait for a permit.
    wait: Duration,
    inline_pause: InlinePause,
    long_reads: LongReads,
    /// Whether a transaction pooler lends a server session to each transaction.
    is_pooled: bool,
    /// Cancels statements on PostgreSQL.
    cancel_queue: Option<CancelQueue>,
    stats: QueueStats,
    call_stats: Arc<CallStats>,
}

type InlineConnection<'a> = (r2d2::PooledConnection<ConnectionManager>, SemaphorePermit<'a>);

/// What happens to a call whose caller no longer waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// It is canceled.
    Read,
    /// It is never canceled. The client may have sent it without waiting for the response, and PostgreSQL must not
    /// cancel a commit that waits for a synchronous standby: the commit would become visible without being replicated.
    /// The server's statement timeout ends a write that does not get as far as its commit.
    Write,
}

impl Pool {
    /// `name` is the pool's label in metrics. `direct` is the URL of the same server without the pooler, if it is set.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(crate) fn new(
        name: &'static str,
        url: &DatabaseUrl,
        direct: Option<&DatabaseUrl>,
        purpose: Purpose,
        options: PoolOptions,
    ) -> std::io::Result<Self> {
        let (is_pooled, is_single_session, cores) = match url {
            // On a server with a single session, a transaction would delay every other client.
            DatabaseUrl::Postgres(url) => {
                (url.transaction_pooling && !url.has_single_session, url.has_single_session, None)
            }
            DatabaseUrl::Sqlite { .. } => (false, false, std::thread::available_parallelism().ok()),
        };
        let long_reads = LongReads::new(options.size, cores, is_single_session);
        let cancel_queue = cancel::url(url, direct).map(cancel::start).transpose()?;
        let total = options.size.saturating_add(long_reads.has_own_connection().into());
        let size = usize::try_from(options.size).unwrap_or(usize::MAX);
        Ok(Self {
            name,
            connections: connections(url, purpose, PoolOptions { size: total, ..options }),
            permits: Arc::new(Semaphore::new(size)),
            queue: Arc::new(Semaphore::new(size.saturating_add(QUEUE_LIMIT))),
            wait: options.wait,
            inline_pause: InlinePause::after(SLOW_INLINE_READ),
            long_reads,
            is_pooled,
            cancel_queue,
            stats: QueueStats::new(),
            call_stats: Arc::default(),
        })
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let (size, state) = (self.connections.max_size(), self.connections.state());
        let free = u32::try_from(self.permits.available_permits()).unwrap_or(u32::MAX);
        let shared = size - u32::from(self.long_reads.has_own_connection());
        let in_use = shared.saturating_sub(free) + self.long_reads.own_connections_in_use();
        PoolStats {
            calls: self.call_stats.snapshot(),
            ..self.stats.snapshot(self.name, size.into(), state.connections.into(), in_use.into())
        }
    }

    /// The lock whose read side each [`Pool::run_long`] holds while it runs.
    pub(crate) fn long_read_lock(&self) -> LongReadLock {
        Arc::clone(&self.long_reads.lock)
    }

    /// Like [`Pool::run`], for a read that may take long. It gets a share of the connections only, and may not run
    /// longer than 2 seconds for an anonymous requester. It waits while another task holds or awaits the write side of
    /// [`Pool::long_read_lock`], and occupies no connection during this wait.
    pub(crate) async fn run_long<T: Send + 'static>(
        &self,
        requester: Requester,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        within_deadline(async {
            let place =
                self.long_reads.enter_queue(requester).inspect_err(|_| self.call_stats.record_rejected_full())?;
            let (slot, timer) = (self.enter_queue()?, self.stats.start_wait());
            let share = timeout(self.wait, self.long_reads.acquire(requester)).await.map_err(|_| {
                self.call_stats.record_rejected_timeout();
                Error::Busy("timed out waiting for a connection for long reads".into())
            })??;
            let (lock, permit) = loop {
                // Wait for the lock without a permit, so that other calls can use the connection.
                drop(self.long_reads.lock.read().await);
                let permit =
                    if self.long_reads.has_own_connection() { None } else { Some(self.acquire_permit().await?) };
                if let Ok(lock) = Arc::clone(&self.long_reads.lock).try_read_owned() {
                    break (lock, permit);
                }
            };
            timer.finish();
            self.run_long_blocking((place, slot, share, permit, lock), requester, body).await
        })
        .await
    }

    async fn run_long_blocking<T: Send + 'static>(
        &self,
        guards: impl Send + 'static,
        requester: Requester,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let is_pooled = self.is_pooled;
        let call = self.begin_call();
        let running = Arc::clone(&call);
        let body = move |conn: &mut Connection| {
            if !is_pooled {
                return body(conn);
            }
            conn.long_read_transaction(requester.transaction_start(), body, || running.end_body())
        };
        let run = self.run_blocking(guards, call, CallKind::Read, body);
        match requester {
            Requester::Trusted => run.await,
            Requester::Anonymous => match timeout(ANONYMOUS_TIME, run).await {
                // The server's own timeout may be the first to expire.
                Err(_) | Ok(Err(Error::Deadline)) => Err(Error::TooExpensive),
                Ok(result) => result,
            },
        }
    }

    /// A read of an anonymous requester: [`Pool::run`] if it `is_indexed`, else [`Pool::run_long`].
    pub(crate) async fn run_public<T: Send + 'static>(
        &self,
        is_indexed: bool,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        if is_indexed {
            return self.run(CallKind::Read, body).await;
        }
        // Boxed, because most reads do not need its large state.
        Box::pin(self.run_long(Requester::Anonymous, body)).await
    }

    /// Runs `body` on the caller's thread. Falls back to [`Pool::run`] if no open connection is free, or if inline
    /// reads are paused.
    pub(crate) async fn run_inline<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let now = Instant::now();
        let Some((mut pooled, _permit)) = self.inline_connection(now) else {
            return self.run(CallKind::Read, body).await;
        };
        let result = pooled.run(body);
        self.inline_pause.record_read(now.elapsed());
        result
    }

    /// A free connection that is open, and its permit. `None` also if inline reads are paused.
    pub(crate) fn inline_connection(&self, now: Instant) -> Option<InlineConnection<'_>> {
        let permit = if self.inline_pause.is_over(now) { self.permits.try_acquire().ok() } else { None };
        // `try_get` opens no connection, which would block this thread.
        let open = permit.and_then(|permit| Some((self.connections.try_get()?, permit)));
        if open.is_some() {
            self.stats.record_wait(Duration::ZERO);
        }
        open
    }

    /// Runs `body` with a connection on a blocking thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        kind: CallKind,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        within_deadline(async {
            let (slot, timer) = (self.enter_queue()?, self.stats.start_wait());
            let permit = self.acquire_permit().await?;
            timer.finish();
            self.run_blocking((slot, permit), self.begin_call(), kind, body).await
        })
        .await
    }

    fn begin_call(&self) -> Arc<Call> {
        Call::new(self.cancel_queue.clone(), Arc::clone(&self.call_stats))
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
        call: Arc<Call>,
        kind: CallKind,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let connections = self.connections.clone();
        let cancel = (kind == CallKind::Read).then(|| CancelOnDrop::new(&call));
        let task = tokio::task::spawn_blocking(move || {
            let _guards = guards;
            let mut pooled = connections.get().map_err(|error| Error::Unreachable(error.to_string()))?;
            // Dropped before the connection returns to the pool.
            let _watch = watchdog::watch(&call, (kind == CallKind::Read).then_some(DEADLINE), CLOSE_AFTER);
            pooled.run_call(&call, body)
        });
        let result = task.await;
        if let Some(cancel) = cancel {
            cancel.disarm();
        }
        match result {
            Ok(result) => result,
            Err(join_error) => match join_error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_cancelled) => Err(Error::Unreachable("the service is stopping".into())),
            },
        }
    }
}
