//! Database errors, classified by what the caller can do about them.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// Why a database call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection became free in time, or another process holds a lock.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The database cannot be reached, or the connection was lost during the query.
    #[error("cannot reach the database: {0}")]
    Unreachable(String),
    /// The database's disk is full. Writes fail; reads still work.
    #[error("the database's disk is full: {0}")]
    Full(String),
    /// The call exceeded the request's time budget or the server's statement timeout. A write may have been stored.
    #[error("the database did not respond in time")]
    Deadline,
    /// The query itself failed.
    #[error(transparent)]
    Query(DieselError),
}

impl Error {
    /// A copy for another write of the same batch. diesel's errors cannot be cloned, so [`Error::Query`] keeps the
    /// message only.
    pub(crate) fn duplicate(&self) -> Self {
        match self {
            Self::Busy(reason) => Self::Busy(reason.clone()),
            Self::Unreachable(reason) => Self::Unreachable(reason.clone()),
            Self::Full(reason) => Self::Full(reason.clone()),
            Self::Deadline => Self::Deadline,
            Self::Query(error) => {
                Self::Query(DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(error.to_string())))
            }
        }
    }
}

impl From<DieselError> for Error {
    /// Classifies by message where diesel has no [`DatabaseErrorKind`]: it exposes neither SQLite's result codes nor
    /// PostgreSQL's SQLSTATEs. PostgreSQL translates its messages by `lc_messages`; with a language other than English
    /// these errors are classified as [`Error::Query`].
    fn from(error: DieselError) -> Self {
        let (kind, information) = match error {
            // After `database or disk is full` SQLite rolls back by itself, so diesel's own rollback fails as well.
            DieselError::RollbackErrorOnCommit { commit_error, .. } => return Self::from(*commit_error),
            DieselError::DatabaseError(ref kind, ref information) => (kind, information),
            error => return Self::Query(error),
        };
        let message = information.message();
        let contains_any = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
        match kind {
            DatabaseErrorKind::ClosedConnection => Self::Unreachable(message.to_owned()),
            DatabaseErrorKind::SerializationFailure => Self::Busy(message.to_owned()),
            _ if contains_any(BUSY) => Self::Busy(message.to_owned()),
            _ if contains_any(FULL) => Self::Full(message.to_owned()),
            _ if contains_any(DEADLINE) => Self::Deadline,
            _ if contains_any(UNREACHABLE) => Self::Unreachable(message.to_owned()),
            _ => Self::Query(error),
        }
    }
}

/// PostgreSQL's 40P01 (`deadlock_detected`), and SQLite's `SQLITE_BUSY` and `SQLITE_LOCKED`.
const BUSY: &[&str] = &["deadlock detected", "database is locked", "database table is locked", "database is busy"];
/// SQLite's `SQLITE_FULL`, and PostgreSQL's 53100 (`disk_full`), which contains the operating system's text for ENOSPC.
const FULL: &[&str] = &["database or disk is full", "No space left on device"];
/// PostgreSQL's 57014 (`query_canceled`) and 55P03 (`lock_not_available`), when a timeout is the cause.
const DEADLINE: &[&str] = &["due to statement timeout", "due to lock timeout"];
/// SQLite's `SQLITE_IOERR`, `SQLITE_READONLY`, and `SQLITE_CANTOPEN`, libpq's messages for a lost connection, and PostgreSQL's 57P01 to 57P03 (shutdown, crash, and startup).
const UNREACHABLE: &[&str] = &[
    "server closed the connection", "terminating connection", "no connection to the server", "could not receive data",
    "could not send data", "the database system is", "disk I/O error", "attempt to write a readonly database",
    "unable to open database file",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_rollback_after_full_disk_is_reported_as_full() {
        let error = |message: &str| {
            Box::new(DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned())))
        };
        let error = DieselError::RollbackErrorOnCommit {
            commit_error: error("database or disk is full"),
            rollback_error: error("cannot rollback - no transaction is active"),
        };
        assert!(matches!(Error::from(error), Error::Full(_)));
    }
}
