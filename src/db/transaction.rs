//! The transactions of a [`Connection`].

use diesel::QueryResult;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};

use crate::db::connection::{Backend, Connection, on};
use crate::db::postgres;

impl Connection {
    /// Runs `body` in a transaction: commits if it returns `Ok`, rolls back if it returns an error.
    ///
    /// On SQLite the transaction takes the write lock at its start (`BEGIN IMMEDIATE`). A deferred transaction that
    /// reads before it writes fails if another connection has written in between. A commit to files that were removed
    /// or replaced is an error.
    pub fn transaction<T, E: From<diesel::result::Error>>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let value = self.run_transaction("BEGIN", "BEGIN IMMEDIATE", body)?;
        self.verify_files()?;
        Ok(value)
    }

    /// Runs `body`, which only reads, in a transaction whose statements share one snapshot.
    pub fn snapshot<T, E: From<diesel::result::Error>>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run_transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN", body)
    }

    /// Runs `body`, which only reads, in a transaction, so that a transaction pooler sends all of its statements to one
    /// server. On PostgreSQL its statements do not share a snapshot. Begins no transaction inside of another one.
    pub(crate) fn read_transaction<T, E: From<diesel::result::Error>>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let depth = on!(self, conn => {
            AnsiTransactionManager::transaction_manager_status_mut(conn).transaction_depth()
        });
        match depth? {
            Some(_) => body(self),
            None => self.run_transaction("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", "BEGIN", body),
        }
    }

    /// [`Connection::read_transaction`] for a statement that may take long behind a transaction pooler: the server ends
    /// it after `timeout`, and other threads may cancel it. `end` runs after `body`, before the transaction ends.
    pub(crate) fn long_read_transaction<T>(
        &mut self,
        timeout: &'static str,
        body: impl FnOnce(&mut Self) -> QueryResult<T>,
        end: impl FnOnce(),
    ) -> QueryResult<T> {
        self.run_transaction(timeout, "BEGIN", |connection| {
            if let Backend::Postgres(conn) = &mut connection.backend {
                let session = postgres::session::transaction_session(conn)?;
                connection.interrupt.set_session(Some(session));
            }
            let result = body(connection);
            end();
            connection.interrupt.set_session(None);
            result
        })
    }

    fn run_transaction<T, E: From<diesel::result::Error>>(
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
                // If the rollback fails, diesel marks the connection as broken, and the pool drops it. The caller gets
                // the first error, which is the cause.
                let _ = on!(self, conn => AnsiTransactionManager::rollback_transaction(conn));
                Err(error)
            }
        }
    }

    /// Runs `body` in a savepoint of the open transaction. If `body` fails, only its own changes are rolled back, and
    /// its error is the inner result.
    ///
    /// # Errors
    /// The outer error means that the whole transaction is lost. If SQLite has rolled it back by itself, as it does
    /// when the disk is full, the outer error is the one that `body` returned.
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
                Err(_rollback_error) => Err(error),
            },
        }
    }

    /// Whether the transaction that was begun on SQLite is still open. After some errors, such as a full disk, SQLite
    /// rolls back by itself. diesel does not expose `sqlite3_get_autocommit`, so this tries `BEGIN`, which fails inside
    /// a transaction. Always true on PostgreSQL.
    pub(crate) fn is_in_transaction(&mut self) -> bool {
        let Backend::Sqlite(conn) = &mut self.backend else { return true };
        let is_open = conn.batch_execute("BEGIN").is_err();
        // Ends the transaction that the probe has begun. If this fails, the connection is in a transaction.
        is_open || conn.batch_execute("ROLLBACK").is_err()
    }
}
