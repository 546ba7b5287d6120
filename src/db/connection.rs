//! One connection to either database, and [`on!`], which writes a query once for both.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, Connection as _, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use diesel::sqlite::SqliteConnection;

use super::inspect;
use super::queries;
use super::url::{DatabaseUrl, PostgresUrl};

/// A connection to the database that `DATABASE_URL` names.
pub struct Connection {
    pub backend: Backend,
    /// What a write through this connection has said of itself.
    noted: Option<Publicity>,
    /// `PRAGMA data_version` as it was last seen.
    data_version: Option<i64>,
    /// Up to where a standby had replayed the log when it was last asked.
    pub(super) replayed: i64,
}

/// diesel's connection to either database.
pub enum Backend {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Whether a write changed anything that is read without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Publicity {
    Hidden,
    Public,
}

/// Expands `$body` once per database, so that one query is typed statically for both.
macro_rules! on {
    ($connection:expr, $conn:ident => $body:expr) => {
        match &mut $connection.backend {
            $crate::db::Backend::Postgres($conn) => $body,
            $crate::db::Backend::Sqlite($conn) => $body,
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

/// What a connection is for. On SQLite, one that only reads refuses to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Write,
    /// Migrations, imports and the like, which may take as long as they need.
    Command,
    /// Changes nothing, makes no file and leaves none.
    Inspect,
}

/// A statement that runs longer is ended by the server, so that it cannot hold its connection for ever; so is a
/// transaction whose service has stopped or vanished, so that it cannot hold its locks.
const TIMEOUTS: &str = "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'";

/// How long opening SQLite's file is tried while another process has it.
const OPENING: Duration = Duration::from_secs(5);
/// How long SQLite waits for a lock that another process holds, in milliseconds.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

impl Connection {
    /// Opens a connection of its own, outside of every pool, whose statements may take as long as they need. A SQLite
    /// file that does not exist yet is created.
    ///
    /// # Errors
    /// The database cannot be reached, or refuses the user or the file.
    pub fn open(url: &DatabaseUrl) -> Result<Self, ConnectError> {
        Self::open_for(url, Purpose::Command)
    }

    pub(super) fn open_for(url: &DatabaseUrl, purpose: Purpose) -> Result<Self, ConnectError> {
        let opened = match url {
            DatabaseUrl::Sqlite { path } if purpose == Purpose::Inspect => {
                inspect::open_sqlite(path).map(Backend::Sqlite)
            }
            DatabaseUrl::Sqlite { path } => open_sqlite(path, purpose).map(Backend::Sqlite),
            DatabaseUrl::Postgres(postgres) => open_postgres(postgres, purpose).map(Backend::Postgres),
        };
        let backend = opened.map_err(|reason| ConnectError { url: url.clone(), reason: one_line(&reason) })?;
        let mut connection = Self { backend, noted: None, data_version: None, replayed: 0 };
        if purpose != Purpose::Command {
            queries::listen(&mut connection);
        }
        Ok(connection)
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
    pub(super) fn reading<T, E: From<diesel::result::Error>>(
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
    pub(super) fn savepoint<T, E: From<diesel::result::Error>>(
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
    pub(super) fn is_in_transaction(&mut self) -> bool {
        let Backend::Sqlite(conn) = &mut self.backend else { return true };
        let was_open = conn.batch_execute("BEGIN").is_err();
        // Where this fails, so does whatever comes next on the connection.
        was_open || conn.batch_execute("ROLLBACK").is_err()
    }

    /// Says of the write that runs whether it changed anything that is read without a key. A write that says nothing
    /// counts as one that did, and of several changes in one write one that did is enough.
    pub fn note_change(&mut self, is_public: bool) {
        let publicity = if is_public { Publicity::Public } else { Publicity::Hidden };
        self.noted = self.noted.max(Some(publicity));
    }

    /// What was noted since the last call.
    pub(super) fn take_noted(&mut self) -> Publicity {
        self.noted.take().unwrap_or(Publicity::Public)
    }

    /// Whether another connection has changed the file since the last call; also true of the first call. SQLite only.
    /// What this connection itself commits does not count (`PRAGMA data_version`).
    pub(super) fn changed_elsewhere(&mut self) -> QueryResult<bool> {
        let Backend::Sqlite(conn) = &mut self.backend else { return Ok(false) };
        let version = diesel::dsl::sql::<BigInt>("PRAGMA data_version").get_result(conn)?;
        Ok(self.data_version.replace(version) != Some(version))
    }

    /// Copies SQLite's WAL into the database and makes it empty, waiting for nobody: `false` where somebody reads from it
    /// or writes (`PRAGMA wal_checkpoint`).
    pub(super) fn empty_wal(&mut self) -> QueryResult<bool> {
        let Backend::Sqlite(conn) = &mut self.backend else { return Ok(true) };
        conn.batch_execute("PRAGMA busy_timeout = 0")?;
        let busy = diesel::dsl::sql::<Integer>("PRAGMA wal_checkpoint(TRUNCATE)").load::<i32>(conn);
        conn.batch_execute(BUSY_TIMEOUT)?;
        Ok(busy? == [0])
    }

    /// Whether a transaction was left open or in an unknown state.
    pub(super) fn is_broken(&mut self) -> bool {
        on!(self, conn => AnsiTransactionManager::is_broken_transaction_manager(conn))
    }

    /// One round trip to the database.
    pub(super) fn ping(&mut self) -> QueryResult<()> {
        on!(self, conn => conn.batch_execute("SELECT 1"))
    }
}

fn open_sqlite(path: &Path, purpose: Purpose) -> Result<SqliteConnection, String> {
    create_private(path).map_err(|error| error.to_string())?;
    // Handed over as a path: diesel reads `file:…` as a URI with parameters.
    let path = path.to_str().ok_or("the path is not UTF-8")?;
    let path = if path.starts_with("file:") { format!("./{path}") } else { path.to_owned() };
    let mut conn = SqliteConnection::establish(&path).map_err(|error| error.to_string())?;
    // One at a time and in this order: until busy_timeout is set, the next one fails while another process writes.
    for pragma in [
        BUSY_TIMEOUT, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON",
        "PRAGMA journal_size_limit = 67108864",
    ] {
        set(&mut conn, pragma).map_err(|error| error.to_string())?;
    }
    if purpose == Purpose::Read {
        // In WAL mode a reader waits for nobody but a program that has the whole file to itself; it may be waiting on a
        // thread that has other requests to serve.
        for pragma in ["PRAGMA query_only = ON", "PRAGMA busy_timeout = 100"] {
            conn.batch_execute(pragma).map_err(|error| error.to_string())?;
        }
    }
    Ok(conn)
}

/// While another process turns the file to WAL mode, SQLite answers at once that it is locked, whatever `busy_timeout`
/// says: two that waited for each other's lock there would wait for ever.
fn set(conn: &mut SqliteConnection, pragma: &str) -> QueryResult<()> {
    let began = Instant::now();
    loop {
        match conn.batch_execute(pragma) {
            Err(error) if error.to_string().contains("locked") && began.elapsed() < OPENING => {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

/// Drafts and key hashes are nobody else's business: the file is made readable by its owner only. SQLite gives its
/// WAL the same mode.
///
/// A file that is there is not opened: closing it would give up the locks that this process's other connections have
/// on it (POSIX `fcntl`), and another program that closes the database would then take their WAL away.
fn create_private(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        opened => opened.map(drop),
    }
}

fn open_postgres(url: &PostgresUrl, purpose: Purpose) -> Result<PgConnection, String> {
    let told = |error: &dyn std::fmt::Display| url.redact(&error.to_string());
    let mut conn = PgConnection::establish(url.connection_string()).map_err(|error| told(&error))?;
    if url.transaction_pooling {
        conn.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
        return Ok(conn);
    }
    if purpose != Purpose::Command {
        conn.batch_execute(TIMEOUTS).map_err(|error| told(&error))?;
    }
    if let Some(schema) = &url.schema {
        let path = format!("SET search_path TO {}", quote_identifier(schema));
        conn.batch_execute(&path).map_err(|error| told(&error))?;
    }
    Ok(conn)
}

/// A quoted SQL identifier (PostgreSQL 4.1.1): a quote inside it is doubled.
pub(super) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// libpq answers a line per address it tried.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
