//! Why the database gave no answer.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// What went wrong, as far as the caller can act on it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Every connection is in use and the wait for one was in vain, or another process holds SQLite's write lock.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The database cannot be reached, or went away during the query.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The disk under the database is full: nothing can be stored, and what is stored can be read.
    #[error("the database has no room: {0}")]
    Full(String),
    /// The query took longer than a request may take. A write may have been stored all the same.
    #[error("the database did not answer in time")]
    Deadline,
    /// The query itself failed.
    #[error(transparent)]
    Query(DieselError),
}

impl Error {
    /// The same error once more, for another one whom it concerns: diesel's cannot be cloned.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Busy(why) => Self::Busy(why.clone()),
            Self::Unreachable(why) => Self::Unreachable(why.clone()),
            Self::Full(why) => Self::Full(why.clone()),
            Self::Deadline => Self::Deadline,
            Self::Query(error) => {
                Self::Query(DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(error.to_string())))
            }
        }
    }
}

impl From<DieselError> for Error {
    /// SQLite and libpq tell these conditions by their message only.
    fn from(error: DieselError) -> Self {
        let (kind, information) = match error {
            // SQLite ends the transaction by itself where the disk is full; why it did is what counts.
            DieselError::RollbackErrorOnCommit { commit_error, .. } => return Self::from(*commit_error),
            DieselError::DatabaseError(ref kind, ref information) => (kind, information),
            error => return Self::Query(error),
        };
        let message = information.message();
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        match kind {
            DatabaseErrorKind::ClosedConnection => Self::Unreachable(message.to_owned()),
            DatabaseErrorKind::SerializationFailure => Self::Busy(message.to_owned()),
            // PostgreSQL ended this transaction so that another one could go on.
            _ if says(&["deadlock detected"]) => Self::Busy(message.to_owned()),
            _ if says(&["database is locked", "database table is locked", "database is busy"]) => {
                Self::Busy(message.to_owned())
            }
            // SQLITE_FULL; PostgreSQL's 53100, which it raises with the operating system's words for ENOSPC.
            _ if says(&["database or disk is full", "No space left on device"]) => Self::Full(message.to_owned()),
            _ if says(&["due to statement timeout", "due to lock timeout"]) => Self::Deadline,
            _ if says(&[
                "server closed the connection", "terminating connection", "no connection to the server",
                "could not receive data", "could not send data", "the database system is",
            ]) =>
            {
                Self::Unreachable(message.to_owned())
            }
            _ => Self::Query(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_found_the_disk_full_is_told_as_that_although_nothing_was_left_to_roll_back() {
        let told = |message: &str| {
            Box::new(DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned())))
        };
        let error = DieselError::RollbackErrorOnCommit {
            commit_error: told("database or disk is full"),
            rollback_error: told("cannot rollback - no transaction is active"),
        };
        assert!(matches!(Error::from(error), Error::Full(_)));
    }
}
