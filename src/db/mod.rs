//! The way to the database: [`Database::read`] and [`Database::write`].
//!
//! Both run a closure with a connection on a thread that may block, bounded in time and in queue. SQLite has a pool of
//! readers and exactly one writer; PostgreSQL has one pool for both. [`Database::revision`] tells caches whether what
//! they hold is still what is stored.

mod connection;
mod deadline;
mod error;
mod fixed_sql;
pub mod migrations;
mod poller;
mod pool;
mod prisma;
mod revision;
mod timestamp;
mod url;
mod wal;
mod writer;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;

pub(crate) use connection::on;
pub use connection::{Backend, ConnectError, Connection};
pub use deadline::within_deadline;
pub use error::Error;
pub(crate) use fixed_sql::{FixedSql, Value};
use pool::Pool;
use revision::Revision;
pub use timestamp::{InvalidTimestamp, Timestamp, Timestamptz};
pub use url::{DatabaseUrl, InvalidUrl, PostgresUrl};

use connection::{Publicity, Purpose};
use wal::Wal;
use writer::Writer;

/// The largest id, 2^53 - 1: JavaScript reads integers exactly up to here. The migrations check it, too.
pub const MAX_ID: i64 = (1 << 53) - 1;

/// A handle to the database; clones share the same connections.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    /// Serves reads on SQLite, and everything on PostgreSQL.
    pool: Pool,
    /// SQLite's one writer; `None` on PostgreSQL.
    writer: Option<Writer>,
    revision: Arc<Revision>,
}

/// On SQLite, changes by other processes are looked for every 25 ms.
const SQLITE_TRUSTED_FOR: Duration = Duration::from_millis(75);

/// How many connections, and how long a request waits for one.
#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    /// Connections that serve reads on SQLite, and everything on PostgreSQL.
    pub size: u32,
    /// A request that waited this long for a connection is answered 503.
    pub wait: Duration,
}

impl Database {
    /// Makes the pools, and starts the thread that writes to SQLite or polls PostgreSQL. Connections are opened when
    /// they are first needed.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn new(url: &DatabaseUrl, options: PoolOptions) -> std::io::Result<Self> {
        Ok(Self(Arc::new(match url {
            DatabaseUrl::Sqlite { path } => {
                let revision = Arc::new(Revision::new(SQLITE_TRUSTED_FOR));
                let pool = Pool::new(url, Purpose::Read, options);
                let wal = Wal::new(path, pool.long_reads());
                let writer = Some(Writer::start(url, options, wal, Arc::clone(&revision))?);
                Inner { pool, writer, revision }
            }
            DatabaseUrl::Postgres(postgres) => {
                let revision = Arc::new(Revision::new(poller::TRUSTED_FOR));
                // Where all share one session, looking so often would hold the others up; nothing is kept there.
                if !postgres.shares_session {
                    poller::start(url, &revision)?;
                }
                Inner { pool: Pool::new(url, Purpose::Write, options), writer: None, revision }
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

    /// How often SQLite's writer has committed; writes that wait together share a commit. `None` on PostgreSQL.
    #[must_use]
    pub fn commits(&self) -> Option<u64> {
        self.0.writer.as_ref().map(Writer::commits)
    }

    /// Writes that wait for SQLite's writer. `None` on PostgreSQL.
    #[must_use]
    pub fn waiting_writes(&self) -> Option<u64> {
        self.0.writer.as_ref().map(Writer::length)
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
        self.0.pool.run_long(body).await
    }

    /// Like [`Database::read`], for a `body` that reads few rows and finds each by an index. On SQLite, where such a
    /// read takes less time than handing it to another thread, it runs on the caller's own.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn read_few<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        if self.0.writer.is_some() { self.0.pool.run_here(body).await } else { self.0.pool.run(body).await }
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
        if let Some(writer) = &self.0.writer {
            return writer.run(atomicity, body).await;
        }
        let revision = Arc::clone(&self.0.revision);
        let run = move |conn: &mut Connection| {
            let advance = AdvanceOnDrop(&revision);
            conn.take_noted();
            let done = match atomicity {
                Atomicity::Body => conn.transaction(body),
                Atomicity::Statement => body(conn),
            };
            let noted = conn.take_noted();
            if matches!(done, Err(Abort::Refused(_))) || (done.is_ok() && noted == Publicity::Hidden) {
                std::mem::forget(advance);
            }
            match done {
                Ok(value) => Ok(Ok(value)),
                Err(Abort::Refused(refusal)) => Ok(Err(refusal)),
                Err(Abort::Failed(error)) => Err(error),
            }
        };
        self.0.pool.run(run).await
    }

    /// One round trip to the database.
    ///
    /// # Errors
    /// [`Error`]: it does not answer.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read_few(Connection::ping).await
    }
}

/// What is undone where a part of a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Atomicity {
    Body,
    Statement,
}

/// Why a transaction is rolled back.
enum Abort<R> {
    /// The write found that nothing is to be stored.
    Refused(R),
    Failed(diesel::result::Error),
}

impl<R> From<diesel::result::Error> for Abort<R> {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error)
    }
}

/// Also where a write panics or its commit fails, it may have been stored.
struct AdvanceOnDrop<'a>(&'a Revision);

impl Drop for AdvanceOnDrop<'_> {
    fn drop(&mut self) {
        self.0.advance();
    }
}
