//! [`Database`]: every read and write goes through it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use tracing::Instrument;

use crate::db::connection::{Connection, Visibility};
use crate::db::deadline::bounded;
use crate::db::error::Error;
use crate::db::options::{Endpoints, PoolOptions, Purpose};
use crate::db::pool::Pool;
use crate::db::postgres::change_poller;
use crate::db::postgres::replica::Replica;
use crate::db::request_context::RequestContext;
use crate::db::revision::Revision;
use crate::db::sqlite::wal::Wal;
use crate::db::sqlite::writer::Writer;
use crate::db::stats::{EndpointStatus, Failures, PoolStats, WriterStats};
use crate::db::url::DatabaseUrl;
use crate::db::write::{Abort, AdvanceOnDrop, Atomicity};
use crate::telemetry::spans;

/// A handle to the database; clones share the same connections.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    /// Serves reads on SQLite, and everything on PostgreSQL.
    pool: Pool,
    /// SQLite's one writer; `None` on PostgreSQL.
    writer: Option<Writer>,
    /// Serves some of the reads without a key.
    replica: Option<Replica>,
    revision: Arc<Revision>,
    failures: Failures,
}

/// On SQLite, changes by other processes are looked for every 25 ms.
const SQLITE_TRUSTED_FOR: Duration = Duration::from_millis(75);

/// So long a database is waited for that is asked whether it is up.
const ANSWERING: Duration = Duration::from_secs(3);

impl Database {
    /// Makes the pools, and starts the thread that writes to SQLite or polls PostgreSQL. Connections are opened when
    /// they are first needed.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn new(url: &DatabaseUrl, options: PoolOptions) -> std::io::Result<Self> {
        Self::with_endpoints(url, &Endpoints::default(), options)
    }

    /// Like [`Database::new`], with other ways to a PostgreSQL database beside `url`.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn with_endpoints(url: &DatabaseUrl, endpoints: &Endpoints, options: PoolOptions) -> std::io::Result<Self> {
        Ok(Self(Arc::new(match url {
            DatabaseUrl::Sqlite { path } => {
                let revision = Arc::new(Revision::new(SQLITE_TRUSTED_FOR));
                let pool = Pool::new("read", url, Purpose::Read, options);
                let wal = Wal::new(path, pool.long_reads());
                let writer = Some(Writer::start(url, options, wal, Arc::clone(&revision))?);
                Inner { pool, writer, replica: None, revision, failures: Failures::default() }
            }
            DatabaseUrl::Postgres(postgres) => {
                let revision = Arc::new(Revision::new(change_poller::TRUSTED_FOR));
                let replica = endpoints.replica.as_ref().map(|replica| Replica::start(replica, options)).transpose()?;
                // Where all share one session, looking so often would hold the others up; nothing is kept there.
                if !postgres.shares_session {
                    let known = replica.as_ref().map(|replica| Arc::clone(replica.state()));
                    change_poller::start(endpoints.direct.as_ref().unwrap_or(url), &revision, known)?;
                }
                let pool = Pool::new("primary", url, Purpose::Write, options);
                Inner { pool, writer: None, replica, revision, failures: Failures::default() }
            }
        })))
    }

    /// A number that changes with everything that is read without a key: before a write of this instance is answered,
    /// and within 100 ms of one from elsewhere. What is read after the number was asked for may be kept for as long as
    /// the number stays the same. `None` while changes from elsewhere cannot be noticed: then nothing may be kept.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.0.revision.current()
    }

    /// Reads that the replica has served. `None` where there is none.
    #[must_use]
    pub fn replica_reads(&self) -> Option<u64> {
        self.0.replica.as_ref().map(Replica::reads)
    }

    /// Whether the replica takes part: it answers, follows the primary and is not too far behind. `None` where there is
    /// none.
    #[must_use]
    pub fn is_replica_healthy(&self) -> Option<bool> {
        self.0.replica.as_ref().map(Replica::is_in)
    }

    /// How often SQLite's writer has committed; writes that wait together share a commit. `None` on PostgreSQL.
    #[must_use]
    pub fn commits(&self) -> Option<u64> {
        self.0.writer.as_ref().map(Writer::commits)
    }

    /// Writes that wait for SQLite's writer. `None` on PostgreSQL.
    #[must_use]
    pub fn queued_writes(&self) -> Option<u64> {
        self.0.writer.as_ref().map(Writer::length)
    }

    /// Every pool as it is now.
    #[must_use]
    pub fn pool_stats(&self) -> Vec<PoolStats> {
        let beside = [self.0.writer.as_ref().map(Writer::pool), self.0.replica.as_ref().map(Replica::pool)];
        [self.0.pool.reading()].into_iter().chain(beside.into_iter().flatten()).collect()
    }

    /// What SQLite's writer has committed. `None` on PostgreSQL.
    #[must_use]
    pub fn writer_stats(&self) -> Option<WriterStats> {
        self.0.writer.as_ref().map(Writer::reading)
    }

    /// How often the database gave no answer, by why: the kinds of [`Error`].
    #[must_use]
    pub fn error_counts(&self) -> Vec<(&'static str, u64)> {
        self.0.failures.read()
    }

    /// Asks every database, and answers within 3 seconds. One that is only busy is up, as long as
    /// changes by others are looked for on it; a replica is where it takes part.
    pub async fn endpoint_status(&self) -> Vec<EndpointStatus> {
        let is_up = match tokio::time::timeout(ANSWERING, self.ping()).await {
            Ok(Ok(())) => true,
            // All connections are taken, by work or by a database that hangs. Who looks for changes has one of its own.
            Ok(Err(Error::Busy(_))) | Err(_) => self.0.revision.current().is_some(),
            Ok(Err(_)) => false,
        };
        let replica = self.is_replica_healthy().map(|is_up| EndpointStatus { name: "replica", is_up });
        [EndpointStatus { name: "primary", is_up }].into_iter().chain(replica).collect()
    }

    /// Runs `body`, which only reads and may take long. Its statements do not share a snapshot. On SQLite it may first
    /// have to wait until the write-ahead log is short again.
    ///
    /// # Errors
    /// [`Error`]: no connection in time, or what `body` answered.
    pub async fn read<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let span = spans::database("read");
        let body = RequestContext::in_span(&span).wrap(body);
        self.noted(self.0.pool.run_long(body).instrument(span).await)
    }

    /// Like [`Database::read`], for a `body` that reads few rows and finds each by an index. On SQLite, where such a
    /// read takes less time than handing it to another thread, it runs on the caller's own.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn read_inline<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let span = spans::database("read few");
        let (pool, body) = (&self.0.pool, RequestContext::in_span(&span).wrap(body));
        let read = async { if self.0.writer.is_some() { pool.run_inline(body).await } else { pool.run(body).await } };
        self.noted(read.instrument(span).await)
    }

    /// Like [`Database::read_inline`] where `is_indexed`, otherwise like [`Database::read`], for what anyone may see: it may come
    /// from the replica. What it answers is no older than what [`Database::revision`] tells of at the call, wherever it
    /// comes from. `body` may run twice.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn read_public<T: Send + 'static>(
        &self,
        is_indexed: bool,
        body: impl Fn(&mut Connection) -> QueryResult<T> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        match &self.0.replica {
            // Without a revision, changes from elsewhere may be unnoticed, and only the primary has them.
            Some(replica) if self.revision().is_some() => {
                let span = spans::database("read public");
                let (origin, body) = (RequestContext::in_span(&span), Arc::new(body));
                let read = async {
                    match replica.read(origin.clone(), Arc::clone(&body)).await? {
                        Some(read) => Ok(read),
                        None => self.0.pool.run(origin.wrap(move |conn: &mut Connection| body(conn))).await,
                    }
                };
                self.noted(bounded(read).instrument(span).await)
            }
            _ if is_indexed => self.read_inline(body).await,
            _ => self.read(body).await,
        }
    }

    /// Runs `body` in a transaction that commits where it answers `Ok`. What is answered `Ok` is on disk.
    ///
    /// # Errors
    /// [`Error`]: no connection in time, or what `body` or the commit answered; nothing is stored then. Only after
    /// [`Error::Deadline`] and [`Error::Unreachable`] may the write have been stored all the same.
    pub async fn write<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let body = |conn: &mut Connection| body(conn).map_err(Abort::<Infallible>::Failed);
        self.change(Atomicity::Body, body).await.map(|Ok(value)| value)
    }

    /// Like [`Database::write`], for a `body` that may find that nothing is to be stored after all: where it answers
    /// `Ok(Err(…))` the transaction is rolled back.
    ///
    /// # Errors
    /// As [`Database::write`].
    pub async fn try_write<T: Send + 'static, R: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<Result<T, R>> + Send + 'static,
    ) -> Result<Result<T, R>, Error> {
        let body = |conn: &mut Connection| match body(conn) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(refusal)) => Err(Abort::Refused(refusal)),
            Err(error) => Err(Abort::Failed(error)),
        };
        self.change(Atomicity::Body, body).await
    }

    /// Like [`Database::write`], for a `body` in which each statement is right by itself: PostgreSQL then commits
    /// them one by one and saves the round trips of `BEGIN` and `COMMIT`, SQLite saves a savepoint.
    ///
    /// On SQLite they are in a transaction all the same, with the other writes that waited. A single `INSERT …
    /// RETURNING` outside of one is read by diesel up to its row and not to its end, which keeps a read lock and lets
    /// the WAL grow without bound.
    ///
    /// # Errors
    /// As [`Database::write`], but statements before the failed one may stay stored.
    pub async fn write_each<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let body = |conn: &mut Connection| body(conn).map_err(Abort::<Infallible>::Failed);
        self.change(Atomicity::Statement, body).await.map(|Ok(value)| value)
    }

    async fn change<T: Send + 'static, R: Send + 'static>(
        &self,
        atomicity: Atomicity,
        body: impl FnOnce(&mut Connection) -> Result<T, Abort<R>> + Send + 'static,
    ) -> Result<Result<T, R>, Error> {
        let span = spans::database("write");
        let body = RequestContext::in_span(&span).wrap(body);
        if let Some(writer) = &self.0.writer {
            return self.noted(writer.run(atomicity, body).instrument(span).await);
        }
        let revision = Arc::clone(&self.0.revision);
        let replica = self.0.replica.as_ref().map(|replica| Arc::clone(replica.state()));
        let run = move |conn: &mut Connection| {
            let advance = AdvanceOnDrop { revision: &revision, replica: replica.as_deref() };
            conn.take_visibility();
            let done = match atomicity {
                Atomicity::Body => conn.transaction(body),
                Atomicity::Statement => body(conn),
            };
            let noted = conn.take_visibility();
            if matches!(done, Err(Abort::Refused(_))) || (done.is_ok() && noted == Visibility::Private) {
                std::mem::forget(advance);
            } else if done.is_ok() {
                advance.committed(conn);
            }
            match done {
                Ok(value) => Ok(Ok(value)),
                Err(Abort::Refused(refusal)) => Ok(Err(refusal)),
                Err(Abort::Failed(error)) => Err(error),
            }
        };
        self.noted(self.0.pool.run(run).instrument(span).await)
    }

    fn noted<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome.inspect_err(|error| self.0.failures.note(error))
    }

    /// One round trip to the database.
    ///
    /// # Errors
    /// [`Error`]: it does not answer.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read_inline(Connection::ping).await
    }
}
