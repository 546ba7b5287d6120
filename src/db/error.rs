//! Database errors, classified by what the caller can do about them.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::db::postgres::sqlstate::{self, Condition};

/// Why a database call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection became free in time, or another process holds a lock.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The database cannot be reached, or the connection or its session was lost during the query.
    #[error("cannot reach the database: {0}")]
    Unreachable(String),
    /// The database rejects writes. Nothing was stored; reads still work.
    #[error("the database is read-only: {0}")]
    ReadOnly(String),
    /// The database's disk is full. Writes fail; reads still work.
    #[error("the database's disk is full: {0}")]
    Full(String),
    /// The call exceeded the request's time budget or the server's statement timeout, or an operator has canceled its
    /// statement. A write may have been stored.
    #[error("the database did not respond in time")]
    Deadline,
    /// A read of a caller without a key ran longer than such a read may.
    #[error("the query took too long for a caller without a key")]
    TooExpensive,
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
            Self::ReadOnly(reason) => Self::ReadOnly(reason.clone()),
            Self::Full(reason) => Self::Full(reason.clone()),
            Self::Deadline => Self::Deadline,
            Self::TooExpensive => Self::TooExpensive,
            Self::Query(error) => {
                Self::Query(DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(error.to_string())))
            }
        }
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        let (kind, information) = match error {
            // After `database or disk is full` SQLite rolls back by itself, so diesel's own rollback fails as well.
            DieselError::RollbackErrorOnCommit { commit_error, .. } => return Self::from(*commit_error),
            DieselError::BrokenTransactionManager => return Self::Unreachable(error.to_string()),
            DieselError::DatabaseError(ref kind, ref information) => (kind, information),
            error => return Self::Query(error),
        };
        let message = information.message();
        let condition = sqlstate::condition_of(&error).unwrap_or_else(|| sqlite_condition(message));
        match (condition, kind) {
            // The kind is that of libpq's status, so it also covers errors without a SQLSTATE.
            (_, DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand)
            | (Condition::SessionLost, _) => Self::Unreachable(message.to_owned()),
            (Condition::Busy, _) => Self::Busy(message.to_owned()),
            (Condition::Canceled, _) => Self::Deadline,
            (Condition::DiskFull, _) => Self::Full(message.to_owned()),
            (Condition::ReadOnly, _) => Self::ReadOnly(message.to_owned()),
            (Condition::Other, _) => Self::Query(error),
        }
    }
}

/// Classifies an error of SQLite by its message. diesel does not expose the result code, but the messages are constants
/// of the bundled library, which has no translations.
fn sqlite_condition(message: &str) -> Condition {
    let is_any_of = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    if is_any_of(&["database is locked", "database table is locked", "database is busy"]) {
        Condition::Busy
    } else if is_any_of(&["database or disk is full"]) {
        Condition::DiskFull
    } else if is_any_of(&["attempt to write a readonly database"]) {
        Condition::ReadOnly
    } else if is_any_of(&["disk I/O error", "unable to open database file"]) {
        Condition::SessionLost
    } else {
        Condition::Other
    }
}

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

    #[test]
    fn errors_without_a_sqlstate_are_classified_by_kind() {
        for kind in [DatabaseErrorKind::ClosedConnection, DatabaseErrorKind::UnableToSendCommand] {
            let error = DieselError::DatabaseError(kind, Box::new("Verbindung verloren".to_owned()));
            assert!(matches!(Error::from(error), Error::Unreachable(_)));
        }
        assert!(matches!(Error::from(DieselError::BrokenTransactionManager), Error::Unreachable(_)));
    }
}
