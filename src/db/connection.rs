//! [`Connection`]: one connection to either database, and [`on!`], which expands a query for both.
//!
//! This module implements health checks and SQLite's PRAGMAs; `transaction` implements transactions. Neither depends on
//! pools, queues, or tables.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, CacheSize, Connection as _, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::DatabaseErrorKind;
use diesel::sql_types::{BigInt, Integer};
use diesel::sqlite::SqliteConnection;

use crate::db::cached::CachedForms;
use crate::db::changed::Changed;
use crate::db::instrumentation::QueryListener;
use crate::db::interrupt::Interrupt;
use crate::db::options::Purpose;
use crate::db::postgres::sqlstate::{self, Condition};
use crate::db::sqlite::files::OpenFiles;
use crate::db::sqlite::open::BUSY_TIMEOUT;
use crate::db::url::DatabaseUrl;
use crate::db::{postgres, sqlite};

/// A connection to SQLite or PostgreSQL.
pub struct Connection {
    /// The files of SQLite. Dropped before `backend` closes, because SQLite may then remove some of the files.
    files: Option<Arc<OpenFiles>>,
    pub backend: Backend,
    /// What the current write has changed so far, by its marks. `None` if it has marked nothing.
    changed: Option<Changed>,
    /// The last value of `PRAGMA data_version`.
    data_version: Option<i64>,
    /// The last known replay LSN of the standby that this connection leads to; 0 on every other server.
    pub(crate) replayed_lsn: i64,
    purpose: Purpose,
    /// Whether all clients of the server share one session. A prepared statement, even an unnamed one, can then replace
    /// that of another client between its preparation and its execution.
    has_shared_session: bool,
    /// Whether the session stores prepared statements with their plans.
    stores_plans: bool,
    /// The forms of statements with many forms that are prepared.
    pub(crate) cached_forms: CachedForms,
    opened_at: Instant,
    /// Whether an error has shown that this connection must not be used again.
    is_lost: bool,
    /// Lets other threads cancel a statement, and close the connection.
    pub(crate) interrupt: Arc<Interrupt>,
}

/// While the server is read-only, each connection is replaced at most this often, because a new one is no better.
const READ_ONLY_RECHECK: Duration = Duration::from_secs(1);

/// diesel's connection to either database.
pub enum Backend {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Whether a write changed data that anonymous clients can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    Private,
    Public,
}

impl Visibility {
    /// [`Visibility::Public`] for a change to a published post, otherwise [`Visibility::Private`].
    #[must_use]
    pub const fn of(published: bool) -> Self {
        if published { Self::Public } else { Self::Private }
    }
}

/// Expands `$body` once per backend, so that diesel checks one query against both at compile time.
macro_rules! on {
    ($connection:expr, $conn:ident => $body:expr) => {
        match &mut $connection.backend {
            $crate::db::connection::Backend::Postgres($conn) => $body,
            $crate::db::connection::Backend::Sqlite($conn) => $body,
        }
    };
}
pub(crate) use on;

/// Why a connection could not be opened, in one line and without the password.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {url}: {reason}")]
pub struct ConnectError {
    url: DatabaseUrl,
    reason: String,
}

impl Connection {
    /// Opens a connection outside of every pool, without a statement timeout. A missing SQLite file is created.
    pub fn open(url: &DatabaseUrl) -> Result<Self, ConnectError> {
        Self::open_for(url, Purpose::Command)
    }

    pub(crate) fn open_for(url: &DatabaseUrl, purpose: Purpose) -> Result<Self, ConnectError> {
        let interrupt = Arc::new(Interrupt::default());
        let result = match url {
            DatabaseUrl::Sqlite { path } if purpose == Purpose::Inspect => {
                sqlite::open::open_read_only(path).map(|conn| (Backend::Sqlite(conn), None))
            }
            DatabaseUrl::Sqlite { path } => {
                sqlite::open::open(path, purpose).map(|(conn, files)| (Backend::Sqlite(conn), Some(files)))
            }
            DatabaseUrl::Postgres(url) => {
                postgres::open::open(url, purpose, &interrupt).map(|conn| (Backend::Postgres(conn), None))
            }
        };
        let (backend, files) = result.map_err(|reason| ConnectError { url: url.clone(), reason: one_line(&reason) })?;
        let mut connection = Self {
            files,
            backend,
            changed: None,
            data_version: None,
            replayed_lsn: 0,
            purpose,
            has_shared_session: matches!(url, DatabaseUrl::Postgres(url) if url.has_single_session),
            stores_plans: matches!(url, DatabaseUrl::Postgres(url) if !url.transaction_pooling),
            cached_forms: CachedForms::default(),
            opened_at: Instant::now(),
            is_lost: false,
            interrupt,
        };
        if let Backend::Sqlite(conn) = &mut connection.backend {
            let registered = sqlite::cancel::register(conn, &connection.interrupt);
            registered.map_err(|error| ConnectError { url: url.clone(), reason: error.to_string() })?;
        }
        if purpose != Purpose::Command {
            connection.instrument();
        }
        Ok(connection)
    }

    /// Observes each statement if slow queries are logged or spans are exported.
    fn instrument(&mut self) {
        let system = match self.backend {
            Backend::Postgres(_) => "postgresql",
            Backend::Sqlite(_) => "sqlite",
        };
        if let Some(listener) = QueryListener::if_enabled(system) {
            on!(self, conn => conn.set_instrumentation(listener));
        }
    }

    /// Marks that the current write changes private data only, or any public data. The marks of a write add up. A write
    /// without a mark counts as one that may change all public data.
    pub fn mark_changed(&mut self, visibility: Visibility) {
        self.add_changed(match visibility {
            Visibility::Private => Changed::Nothing,
            Visibility::Public => Changed::Everything,
        });
    }

    /// Marks that the current write changes these posts, and that they are or may have been public if `visibility` is.
    pub fn mark_posts_changed(&mut self, visibility: Visibility, ids: Vec<i64>) {
        let is_private = visibility == Visibility::Private || ids.is_empty();
        self.add_changed(if is_private { Changed::Nothing } else { Changed::posts(ids) });
    }

    fn add_changed(&mut self, changed: Changed) {
        self.changed.get_or_insert(Changed::Nothing).add(changed);
    }

    /// Returns the marks since the last call, combined, and resets them.
    pub(crate) fn take_changed(&mut self) -> Changed {
        self.changed.take().unwrap_or(Changed::Everything)
    }

    /// Whether another connection has committed to the SQLite file since the last call, by `PRAGMA data_version`. True
    /// on the first call. Commits of this connection do not count. Always false on PostgreSQL.
    pub(crate) fn has_external_changes(&mut self) -> QueryResult<bool> {
        let Backend::Sqlite(conn) = &mut self.backend else { return Ok(false) };
        let version = diesel::dsl::sql::<BigInt>("PRAGMA data_version").get_result(conn)?;
        Ok(self.data_version.replace(version) != Some(version))
    }

    /// Copies SQLite's WAL into the database and truncates it to zero bytes (`PRAGMA wal_checkpoint(TRUNCATE)`). Does
    /// not wait: returns `false` if another connection reads from the WAL or writes.
    pub(crate) fn truncate_wal(&mut self) -> QueryResult<bool> {
        let Backend::Sqlite(conn) = &mut self.backend else { return Ok(true) };
        conn.batch_execute("PRAGMA busy_timeout = 0")?;
        // The first column of the only row is 1 if a lock prevented the checkpoint.
        let is_busy = diesel::dsl::sql::<Integer>("PRAGMA wal_checkpoint(TRUNCATE)").load::<i32>(conn);
        conn.batch_execute(BUSY_TIMEOUT)?;
        Ok(is_busy? == [0])
    }

    /// Checks that SQLite's files are those that were opened. Does nothing on PostgreSQL.
    ///
    /// # Errors
    /// A file was removed or replaced.
    pub(crate) fn verify_files(&self) -> QueryResult<()> {
        self.files.as_ref().map_or(Ok(()), OpenFiles::verify).map_err(closed)
    }

    /// # Errors
    /// An earlier check has found that SQLite's files were removed or replaced.
    pub(crate) fn ensure_files_intact(&self) -> QueryResult<()> {
        self.files.as_ref().map_or(Ok(()), |files| files.ensure_intact()).map_err(closed)
    }

    /// Whether a transaction was left open, its state is unknown, an error has ended the session, or another thread has
    /// closed the connection.
    pub(crate) fn is_broken(&mut self) -> bool {
        self.is_lost
            || self.interrupt.is_unusable()
            || on!(self, conn => AnsiTransactionManager::is_broken_transaction_manager(conn))
    }

    /// Marks the connection as broken if `error` means that another connection may work where this one does not.
    pub(crate) fn record_error(&mut self, error: &diesel::result::Error) {
        self.is_lost |= sqlstate::ends_session(error) && !self.is_lastingly_read_only(error);
    }

    /// Whether `error` means that the database is read-only, and a new connection would probably be read-only as well:
    /// this one is new, or the file system of SQLite is read-only.
    fn is_lastingly_read_only(&self, error: &diesel::result::Error) -> bool {
        let is_read_only = sqlstate::condition_of(error) == Some(Condition::ReadOnly);
        let is_sqlite = matches!(self.backend, Backend::Sqlite(_));
        is_read_only && (is_sqlite || self.opened_at.elapsed() < READ_ONLY_RECHECK)
    }

    /// Checks that the database can be read, and that the files of SQLite can be written.
    pub(crate) fn check_readiness(&mut self) -> QueryResult<()> {
        self.verify_files()?;
        self.files.as_ref().map_or(Ok(()), |files| files.ensure_writable()).map_err(read_only)?;
        self.ping()
    }

    /// One round trip to the database.
    ///
    /// # Errors
    /// Also fails if the connection is for writes on PostgreSQL and its session is read-only.
    pub(crate) fn ping(&mut self) -> QueryResult<()> {
        match &mut self.backend {
            Backend::Postgres(conn) if self.purpose == Purpose::Write && !self.has_shared_session => {
                postgres::open::ping_writable(conn)
            }
            Backend::Postgres(conn) => conn.batch_execute("SELECT 1"),
            Backend::Sqlite(conn) => conn.batch_execute("SELECT 1"),
        }
    }

    /// Makes PostgreSQL plan each prepared statement again at its next execution, with the present sizes of the
    /// tables. Deallocates all statements if their number has reached its limit, so that the forms in use get prepared.
    /// One round trip. Does nothing on SQLite, whose plans do not depend on the sizes.
    ///
    /// # Errors
    /// The connection is lost, or the statements were canceled, and diesel's cache may name deallocated statements: do not
    /// use the connection again. A server that does not know the statements keeps its plans.
    pub(crate) fn renew_plans(&mut self) -> QueryResult<()> {
        let Backend::Postgres(conn) = &mut self.backend else { return Ok(()) };
        if !self.stores_plans {
            return Ok(());
        }
        let is_full = self.cached_forms.is_full();
        match conn.batch_execute(if is_full { "DISCARD PLANS; DEALLOCATE ALL" } else { "DISCARD PLANS" }) {
            Err(error) if sqlstate::condition_of(&error) == Some(Condition::Other) => {
                tracing::debug!(%error, "the server cannot discard plans");
                self.stores_plans = false;
                Ok(())
            }
            Ok(()) if is_full => {
                self.cached_forms = CachedForms::default();
                // Replaces diesel's cache by an empty one.
                conn.set_prepared_statement_cache_size(CacheSize::Disabled);
                conn.set_prepared_statement_cache_size(CacheSize::Unbounded);
                Ok(())
            }
            result => result,
        }
    }

    /// Like [`Connection::ping`], but succeeds if the session is read-only and a new one would probably be as well.
    pub(crate) fn ping_idle(&mut self) -> QueryResult<()> {
        self.ping().or_else(|error| if self.is_lastingly_read_only(&error) { Ok(()) } else { Err(error) })
    }
}

/// The error of a connection that cannot be used any more.
fn closed(reason: String) -> diesel::result::Error {
    diesel::result::Error::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(reason))
}

fn read_only(reason: String) -> diesel::result::Error {
    diesel::result::Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, Box::new(reason))
}

/// Joins the lines of an error: libpq reports one per address that it tried.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
