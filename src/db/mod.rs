//! The way to the database: [`Database::read`] and [`Database::write`].
//!
//! Both run a closure with a connection on a thread that may block, bounded in time and in queue. SQLite has a pool of
//! readers and exactly one writer; PostgreSQL has one pool for both.

mod connection;
mod error;
pub mod migrations;
mod pool;
mod timestamp;
mod url;

use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;

pub(crate) use connection::on;
pub use connection::{ConnectError, Connection};
pub use error::Error;
use pool::Pool;
pub use timestamp::{InvalidTimestamp, Timestamp, Timestamptz};
pub use url::{DatabaseUrl, InvalidUrl, PostgresUrl};

use connection::Purpose;

/// The largest id, 2^53 - 1: JavaScript reads integers exactly up to here. The migrations check it, too.
pub const MAX_ID: i64 = (1 << 53) - 1;

/// A handle to the database; clones share the same connections.
#[derive(Clone)]
pub struct Database(Arc<Pools>);

enum Pools {
    Sqlite { readers: Pool, writer: Pool },
    Postgres(Pool),
}

/// How many connections, and how long a request waits for one.
#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    /// Connections that serve reads on SQLite, and everything on PostgreSQL.
    pub size: u32,
    /// A request that waited this long for a connection is answered 503.
    pub wait: Duration,
}

/// Why a transaction of [`Database::try_write`] is rolled back.
enum Abort<R> {
    Refused(R),
    Failed(diesel::result::Error),
}

impl<R> From<diesel::result::Error> for Abort<R> {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error)
    }
}

impl Database {
    /// Makes the pools; connections are opened when they are first needed.
    #[must_use]
    pub fn new(url: &DatabaseUrl, options: PoolOptions) -> Self {
        Self(Arc::new(match url {
            DatabaseUrl::Sqlite { .. } => Pools::Sqlite {
                readers: Pool::new(url, Purpose::Read, options),
                writer: Pool::new(url, Purpose::Write, PoolOptions { size: 1, ..options }),
            },
            DatabaseUrl::Postgres(_) => Pools::Postgres(Pool::new(url, Purpose::Write, options)),
        }))
    }

    /// Runs `body`, which only reads. Its statements do not share a snapshot.
    ///
    /// # Errors
    /// [`Error`]: no connection in time, or what `body` answered.
    pub async fn read<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let pool = match &*self.0 {
            Pools::Sqlite { readers, .. } => readers,
            Pools::Postgres(pool) => pool,
        };
        pool.run(body).await
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
        self.writer().run(|conn| conn.transaction(body)).await
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
        let run = |conn: &mut Connection| {
            let done = conn.transaction(|conn| match body(conn)? {
                Ok(value) => Ok(value),
                Err(refusal) => Err(Abort::Refused(refusal)),
            });
            match done {
                Ok(value) => Ok(Ok(value)),
                Err(Abort::Refused(refusal)) => Ok(Err(refusal)),
                Err(Abort::Failed(error)) => Err(error),
            }
        };
        self.writer().run(run).await
    }

    /// Like [`Database::write`], for a `body` in which each statement is right by itself: PostgreSQL then commits
    /// them one by one and saves the round trips of `BEGIN` and `COMMIT`.
    ///
    /// On SQLite it is a transaction all the same. A single `INSERT … RETURNING` outside of one is read by diesel up
    /// to its row and not to its end, which keeps a read lock and lets the WAL grow without bound.
    ///
    /// # Errors
    /// As [`Database::write`], but statements before the failed one stay stored on PostgreSQL.
    pub async fn write_each<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let run = |conn: &mut Connection| match conn {
            Connection::Postgres(_) => body(conn),
            Connection::Sqlite(_) => conn.transaction(body),
        };
        self.writer().run(run).await
    }

    /// One round trip to the database.
    ///
    /// # Errors
    /// [`Error`]: it does not answer.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read(Connection::ping).await
    }

    fn writer(&self) -> &Pool {
        match &*self.0 {
            Pools::Sqlite { writer, .. } => writer,
            Pools::Postgres(pool) => pool,
        }
    }
}
