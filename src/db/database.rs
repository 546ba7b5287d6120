//! [`Database`]: the entry point for every read and write of requests and background tasks.
//!
//! It selects the pool, counts errors, and advances the revision and the replica's minimum LSN after commits. It
//! contains no SQL.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use tracing::Instrument;

use crate::db::change_signal::{self, ChangeSignal, ChangeWatch};
use crate::db::changed::Changed;
use crate::db::connection::Connection;
use crate::db::deadline::within_deadline;
use crate::db::error::Error;
use crate::db::inline_searches::InlineSearches;
use crate::db::long_reads::Requester;
use crate::db::options::{Endpoints, PoolOptions, Purpose};
use crate::db::pool::{CallKind, Pool};
use crate::db::postgres::change_poller;
use crate::db::postgres::change_poller::PollTargets;
use crate::db::postgres::replica::Replica;
use crate::db::request_context::RequestContext;
use crate::db::revision::Revision;
use crate::db::sqlite::wal::Wal;
use crate::db::sqlite::writer::Writer;
use crate::db::stats::ErrorCounts;
use crate::db::url::DatabaseUrl;
use crate::db::watermark::{Settled, Watermark};
use crate::db::write::{Abort, AdvanceOnDrop, Atomicity};
use crate::telemetry::spans;

/// A handle to the database. Clones share the same connections.
#[derive(Clone)]
pub struct Database(pub(super) Arc<DatabaseInner>);

pub(super) struct DatabaseInner {
    /// For reads on SQLite, for reads and writes on PostgreSQL.
    pub(super) pool: Pool,
    /// SQLite's writer thread; `None` on PostgreSQL.
    pub(super) writer: Option<Writer>,
    /// Serves public reads while it is healthy and up to date. `None` without a replica, and on SQLite.
    pub(super) replica: Option<Replica>,
    pub(super) revision: Arc<Revision>,
    pub(super) watermark: Arc<Watermark>,
    signal: ChangeSignal,
    /// Whether a poller renews the revision while the database responds.
    pub(super) is_polled: bool,
    pub(super) errors: ErrorCounts,
    pub(super) searches: InlineSearches,
}

/// How long a poll of SQLite's writer keeps the revision valid: three polling intervals of 25 ms.
const SQLITE_REVISION_TTL: Duration = Duration::from_millis(75);

impl Database {
    /// Creates the pools, and starts the writer thread of SQLite or the change poller of PostgreSQL. Opens no
    /// connection: each is opened on first use. SQLite ignores `endpoints`.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn new(url: &DatabaseUrl, endpoints: &Endpoints, options: PoolOptions) -> std::io::Result<Self> {
        let signal = ChangeSignal::new();
        Ok(Self(Arc::new(match url {
            DatabaseUrl::Sqlite { path } => {
                let revision = Arc::new(Revision::new(SQLITE_REVISION_TTL, Some(signal.clone())));
                let pool = Pool::new("read", url, None, Purpose::Read, options)?;
                let wal = Wal::new(path, pool.long_read_lock());
                let writer = Some(Writer::start(url, options, wal, Arc::clone(&revision))?);
                let (watermark, errors) = (Arc::new(Watermark::unlimited()), ErrorCounts::default());
                let searches = InlineSearches::new(Some(path.clone()));
                let (replica, is_polled) = (None, true);
                DatabaseInner { pool, writer, replica, revision, watermark, signal, is_polled, errors, searches }
            }
            DatabaseUrl::Postgres(postgres) => {
                // On a server with a single session, polling would delay every other client. Without a poller the
                // revision stays unknown, so nothing is cached. Transactions of one session commit in order.
                let is_polled = !postgres.has_single_session;
                let own_signal = if is_polled { None } else { Some(signal.clone()) };
                let revision = Arc::new(Revision::new(change_poller::REVISION_TTL, own_signal));
                let replica = endpoints.replica.as_ref().map(|replica| Replica::start(replica, options)).transpose()?;
                let watermark = Arc::new(if is_polled { Watermark::polled() } else { Watermark::unlimited() });
                if is_polled {
                    let state = replica.as_ref().map(|replica| Arc::clone(replica.state()));
                    let (watermark, signal) = (Arc::clone(&watermark), signal.clone());
                    let targets = PollTargets { revision: Arc::downgrade(&revision), watermark, signal };
                    change_poller::start(endpoints.direct.as_ref().unwrap_or(url), targets, state)?;
                } else {
                    change_signal::start_ticker(signal.clone(), Arc::downgrade(&revision))?;
                }
                let pool = Pool::new("primary", url, endpoints.direct.as_ref(), Purpose::Write, options)?;
                let errors = ErrorCounts::default();
                let (writer, searches) = (None, InlineSearches::new(None));
                DatabaseInner { pool, writer, replica, revision, watermark, signal, is_polled, errors, searches }
            }
        })))
    }
    /// A number that changes whenever public data may have changed: before the response to a write of this instance,
    /// and within 100 ms of a commit by another process.
    ///
    /// Data that was read after this call may be cached while the number stays the same. `None` while changes by other
    /// processes cannot be detected: then nothing may be cached.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.0.revision.current()
    }

    /// The position up to which the log of changes is complete. `None` while it is unknown.
    #[must_use]
    pub fn settled(&self) -> Option<Settled> {
        self.0.watermark.current()
    }

    /// Watches for new rows of the log that readers can see: on PostgreSQL those up to [`Database::settled`]. Changes
    /// by other processes are detected within about 100 ms, and on a PostgreSQL server with a single session within a
    /// second. There may be notifications without a new row.
    #[must_use]
    pub fn watch_changes(&self) -> ChangeWatch {
        self.0.signal.watch()
    }

    /// Whether what was read after `settled` is still known to come from the same server.
    #[must_use]
    pub fn is_still_settled(&self, settled: Settled) -> bool {
        self.0.watermark.is_valid(settled)
    }

    /// Runs `body`, which only reads and may take long, on a blocking thread. Its statements do not share a snapshot.
    /// Such reads leave at least one connection to other calls, and are canceled if the future is dropped. On SQLite
    /// they may first wait until the writer has truncated the write-ahead log.
    pub async fn read<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        Box::pin(self.read_long(Requester::Trusted, body)).await
    }

    async fn read_long<T: Send + 'static>(
        &self,
        requester: Requester,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let span = spans::database("read");
        let body = RequestContext::in_span(&span).wrap(body);
        self.count_error(self.0.pool.run_long(requester, body).instrument(span).await)
    }

    /// Like [`Database::read`], for a `body` that reads a few rows by index. On SQLite it runs on the caller's thread:
    /// such a read takes less time than switching to another thread. If no connection is free, or inline reads have
    /// recently been slow, it runs on a blocking thread.
    pub async fn read_inline<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let span = spans::database("read inline");
        let (pool, body) = (&self.0.pool, RequestContext::in_span(&span).wrap(body));
        let read = async {
            if self.0.writer.is_some() { pool.run_inline(body).await } else { pool.run(CallKind::Read, body).await }
        };
        self.count_error(read.instrument(span).await)
    }

    /// Reads public data, from the replica if it has replayed every known change, otherwise from the primary. The
    /// result includes every change that [`Database::revision`] covers at the time of the call. `body` may run twice.
    ///
    /// Without a replica this is [`Database::read_inline`] if `is_indexed`. Otherwise it is [`Database::read`] with at
    /// most a quarter of the connections for all such reads, and 2 seconds for each: then it is
    /// [`Error::TooExpensive`].
    pub async fn read_public<T: Send + 'static>(
        &self,
        is_indexed: bool,
        body: impl Fn(&mut Connection) -> QueryResult<T> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        match &self.0.replica {
            // Without a revision there may be changes that this instance has not detected. Only the primary is certain
            // to have them.
            Some(replica) if self.revision().is_some() => {
                let span = spans::database("read public");
                let (context, body) = (RequestContext::in_span(&span), Arc::new(body));
                let read = async {
                    if let Some(read) = replica.read(is_indexed, context.clone(), Arc::clone(&body)).await? {
                        return Ok(read);
                    }
                    let body = context.wrap(move |conn: &mut Connection| body(conn));
                    self.0.pool.run_public(is_indexed, body).await
                };
                self.count_error(within_deadline(read).instrument(span).await)
            }
            _ if is_indexed => self.read_inline(body).await,
            _ => Box::pin(self.read_long(Requester::Anonymous, body)).await,
        }
    }

    /// Runs `body` in a transaction, and commits if it returns `Ok`. A result of `Ok` is durable.
    ///
    /// # Errors
    /// After an error nothing is stored, with two exceptions: after [`Error::Deadline`] and [`Error::Unreachable`] the
    /// write may have been stored.
    pub async fn write<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let body = |conn: &mut Connection| body(conn).map_err(Abort::<Infallible>::Failed);
        self.run_write(Atomicity::Body, body).await.map(|Ok(value)| value)
    }

    /// Like [`Database::write`], for a `body` that may decide to store nothing: if it returns `Ok(Err(…))`, the
    /// transaction is rolled back.
    ///
    /// # Errors
    /// As [`Database::write`].
    pub async fn try_write<T: Send + 'static, R: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<Result<T, R>> + Send + 'static,
    ) -> Result<Result<T, R>, Error> {
        let body = |conn: &mut Connection| match body(conn) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(rejection)) => Err(Abort::Rejected(rejection)),
            Err(error) => Err(Abort::Failed(error)),
        };
        self.run_write(Atomicity::Body, body).await
    }

    /// Like [`Database::write`], for a `body` whose statements need no common transaction. PostgreSQL commits each one
    /// separately, which saves the round trips of `BEGIN` and `COMMIT`. SQLite saves a savepoint.
    ///
    /// On SQLite the statements still run in the transaction of their batch, never in autocommit mode. diesel steps a
    /// single `INSERT … RETURNING` to its first row and not to its end. In autocommit mode the statement would keep a
    /// read lock, and the WAL would grow without bound.
    ///
    /// # Errors
    /// As [`Database::write`], but statements before the failed one may stay stored.
    pub async fn write_each<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let body = |conn: &mut Connection| body(conn).map_err(Abort::<Infallible>::Failed);
        self.run_write(Atomicity::Statement, body).await.map(|Ok(value)| value)
    }

    async fn run_write<T: Send + 'static, R: Send + 'static>(
        &self,
        atomicity: Atomicity,
        body: impl FnOnce(&mut Connection) -> Result<T, Abort<R>> + Send + 'static,
    ) -> Result<Result<T, R>, Error> {
        let span = spans::database("write");
        let body = RequestContext::in_span(&span).wrap(body);
        if let Some(writer) = &self.0.writer {
            return self.count_error(writer.run(atomicity, body).instrument(span).await);
        }
        let revision = Arc::clone(&self.0.revision);
        let replica = self.0.replica.as_ref().map(|replica| Arc::clone(replica.state()));
        let run = move |conn: &mut Connection| {
            let advance = AdvanceOnDrop::new(&revision, replica.as_deref());
            // Discards marks that a panicked write may have left on this connection.
            conn.take_changed();
            let result = match atomicity {
                Atomicity::Body => conn.transaction(body),
                Atomicity::Statement => body(conn),
            };
            let changed = conn.take_changed();
            if matches!(result, Err(Abort::Rejected(_))) || (result.is_ok() && changed == Changed::Nothing) {
                // Nothing public has changed, so the revision stays.
                std::mem::forget(advance);
            } else if result.is_ok() {
                advance.record_commit(conn, changed);
            }
            match result {
                Ok(value) => Ok(Ok(value)),
                Err(Abort::Rejected(rejection)) => Ok(Err(rejection)),
                Err(Abort::Failed(error)) => Err(error),
            }
        };
        self.count_error(self.0.pool.run(CallKind::Write, run).instrument(span).await)
    }

    pub(super) fn count_error<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        // A query is not to blame for its time if the database does not respond to polls either.
        let is_hanging = || self.0.is_polled && self.revision().is_none();
        result
            .map_err(|error| if matches!(error, Error::TooExpensive) && is_hanging() { Error::Deadline } else { error })
            .inspect_err(|error| self.0.errors.record(error))
    }
}
