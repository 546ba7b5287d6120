//! One connection to either database, and [`on!`], which writes a query once for both.

use diesel::connection::{AnsiTransactionManager, Connection as _, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use diesel::sqlite::SqliteConnection;

use crate::db::instrumentation::instrumentation;
use crate::db::options::Purpose;
use crate::db::sqlite::open::BUSY_TIMEOUT;
use crate::db::url::DatabaseUrl;
use crate::db::{postgres, sqlite};

/// A connection to the database that `DATABASE_URL` names.
pub struct Connection {
    pub backend: Backend,
    /// What a write through this connection has said of itself.
    visibility: Option<Visibility>,
    /// `PRAGMA data_version` as it was last seen.
    data_version: Option<i64>,
    /// Up to where a standby had replayed the log when it was last asked.
    pub(crate) replayed: i64,
}

/// diesel's connection to either database.
pub enum Backend {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Whether a write changed anything that is read without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    Private,
    Public,
}

impl Visibility {
    /// Public for a change to a published post.
    #[must_use]
    pub const fn of(published: bool) -> Self {
        if published { Self::Public } else { Self::Private }
    }
}

/// Expands `$body` once per database, so that one query is typed statically for both.
macro_rules! on {
    ($connection:expr, $conn:ident => $body:expr) => {
        match &mut $connection.backend {
            $crate::db::connection::Backend::Postgres($conn) => $body,
            $crate::db::connection::Backend::Sqlite($conn) => $body,
        }
    };
}
pub(crate) use on;

/// Why no connection could be made, in one line, without the password.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {url}: {reason}")]
pub struct ConnectError {
    url: DatabaseUrl,
    reason: String,
}

impl Connection {
    /// Opens a connection of its own, outside of every pool, whose statements may take as long as they need. A SQLite
    /// file that does not exist yet is created.
    ///
    /// # Errors
    /// The database cannot be reached, or refuses the user or the file.
    pub fn open(url: &DatabaseUrl) -> Result<Self, ConnectError> {
        Self::open_for(url, Purpose::Command)
    }

    pub(crate) fn open_for(url: &DatabaseUrl, purpose: Purpose) -> Result<Self, ConnectError> {
        let opened = match url {
            DatabaseUrl::Sqlite { path } if purpose == Purpose::Inspect => {
                sqlite::open::open_read_only(path).map(Backend::Sqlite)
            }
            DatabaseUrl::Sqlite { path } => sqlite::open::open(path, purpose).map(Backend::Sqlite),
            DatabaseUrl::Postgres(url) => postgres::open::open(url, purpose).map(Backend::Postgres),
        };
        let backend = opened.map_err(|reason| ConnectError { url: url.clone(), reason: one_line(&reason) })?;
        let mut connection = Self { backend, visibility: None, data_version: None, replayed: 0 };
        if purpose != Purpose::Command {
            connection.instrument();
        }
        Ok(connection)
    }

    /// Measures each statement of this connection, where the process wants to know.
    fn instrument(&mut self) {
        let system = match self.backend {
            Backend::Postgres(_) => "postgresql",
            Backend::Sqlite(_) => "sqlite",
        };
        if let Some(listener) = instrumentation(system) {
            on!(self, conn => conn.set_instrumentation(listener));
        }
    }

    /// Runs `body` in a transaction, committed where it answers `Ok`. On SQLite the write lock is taken at the start:
    /// a transaction that reads first and then writes would otherwise fail when another one writes in between.
    ///
    /// # Errors
    /// What `body` answered, or why the transaction could not begin or commit; nothing is stored then.
    pub fn transaction<T, E: From<diesel::result::Error>>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.within("BEGIN", "BEGIN IMMEDIATE", body)
    }

    /// Runs `body`, which only reads, on the database as it is at its first statement.
    ///
    /// # Errors
    /// What `body` answered, or why the transaction could not begin or end.
    pub fn snapshot<T, E: From<diesel::result::Error>>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.within("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN", body)
    }

    /// Runs `body`, which only reads, on one server, also behind a transaction pooler. Its statements do not share a
    /// snapshot.
    ///
    /// # Errors
    /// What `body` answered, or why the transaction could not begin or end.
    pub(crate) fn reading<T, E: From<diesel::result::Error>>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.within("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", "BEGIN", body)
    }

    fn within<T, E: From<diesel::result::Error>>(
        &mut self,
        postgres: &str,
        sqlite: &str,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        match &mut self.backend {
            Backend::Postgres(conn) => AnsiTransactionManager::begin_transaction_sql(conn, postgres)?,
            Backend::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, sqlite)?,
        }
        match body(self) {
            Ok(value) => {
                on!(self, conn => AnsiTransactionManager::commit_transaction(conn))?;
                Ok(value)
            }
            Err(error) => {
                // A failed rollback marks the connection as broken, and the pool drops it; the first error is the
                // one to tell.
                let _ = on!(self, conn => AnsiTransactionManager::rollback_transaction(conn));
                Err(error)
            }
        }
    }

    /// Runs `body` in a part of the transaction that has begun: where it fails, what it did is undone, and what was
    /// done before it stays.
    ///
    /// # Errors
    /// The transaction as a whole is lost. Where SQLite has ended it by itself, as it does when the disk is full, this
    /// is what `body` failed with.
    pub(crate) fn savepoint<T, E: From<diesel::result::Error>>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<Result<T, E>, E> {
        on!(self, conn => AnsiTransactionManager::begin_transaction(conn))?;
        match body(self) {
            Ok(value) => {
                on!(self, conn => AnsiTransactionManager::commit_transaction(conn))?;
                Ok(Ok(value))
            }
            Err(error) => match on!(self, conn => AnsiTransactionManager::rollback_transaction(conn)) {
                Ok(()) => Ok(Err(error)),
                Err(_lost) => Err(error),
            },
        }
    }

    /// Whether the transaction that was begun on SQLite is still open: after some errors, such as a full disk, SQLite has
    /// rolled it back by itself. Its answer to that is no SQL function, but a transaction within one is refused.
    pub(crate) fn is_in_transaction(&mut self) -> bool {
        let Backend::Sqlite(conn) = &mut self.backend else { return true };
        let was_open = conn.batch_execute("BEGIN").is_err();
        // Where this fails, so does whatever comes next on the connection.
        was_open || conn.batch_execute("ROLLBACK").is_err()
    }

    /// Says of the write that runs whether it changed anything that is read without a key. A write that says nothing
    /// counts as one that did, and of several changes in one write one that did is enough.
    pub fn mark_changed(&mut self, visibility: Visibility) {
        self.visibility = self.visibility.max(Some(visibility));
    }

    /// What was noted since the last call.
    pub(crate) fn take_visibility(&mut self) -> Visibility {
        self.visibility.take().unwrap_or(Visibility::Public)
    }

    /// Whether another connection has changed the file since the last call; also true of the first call. SQLite only.
    /// What this connection itself commits does not count (`PRAGMA data_version`).
    pub(crate) fn changed_elsewhere(&mut self) -> QueryResult<bool> {
        let Backend::Sqlite(conn) = &mut self.backend else { return Ok(false) };
        let version = diesel::dsl::sql::<BigInt>("PRAGMA data_version").get_result(conn)?;
        Ok(self.data_version.replace(version) != Some(version))
    }

    /// Copies SQLite's WAL into the database and makes it empty, waiting for nobody: `false` where somebody reads from it
    /// or writes (`PRAGMA wal_checkpoint`).
    pub(crate) fn empty_wal(&mut self) -> QueryResult<bool> {
        let Backend::Sqlite(conn) = &mut self.backend else { return Ok(true) };
        conn.batch_execute("PRAGMA busy_timeout = 0")?;
        let busy = diesel::dsl::sql::<Integer>("PRAGMA wal_checkpoint(TRUNCATE)").load::<i32>(conn);
        conn.batch_execute(BUSY_TIMEOUT)?;
        Ok(busy? == [0])
    }

    /// Whether a transaction was left open or in an unknown state.
    pub(crate) fn is_broken(&mut self) -> bool {
        on!(self, conn => AnsiTransactionManager::is_broken_transaction_manager(conn))
    }

    /// One round trip to the database.
    pub(crate) fn ping(&mut self) -> QueryResult<()> {
        on!(self, conn => conn.batch_execute("SELECT 1"))
    }
}

/// libpq answers a line per address it tried.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
