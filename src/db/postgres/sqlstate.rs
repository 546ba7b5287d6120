//! SQLSTATEs: what PostgreSQL's error codes mean for the caller (PostgreSQL manual, appendix A).
//!
//! A message never identifies an error of PostgreSQL, because the server translates it (`lc_messages`).

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// What a SQLSTATE means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// A lock, another transaction, or a limit of the server prevents the statement for now.
    Busy,
    /// The statement was canceled: by `statement_timeout`, or by `pg_cancel_backend`.
    Canceled,
    DiskFull,
    /// The session is read-only: its server is a standby, or `default_transaction_read_only` is on.
    ReadOnly,
    /// The server has ended the session, or the session is in another state than the service has left it in, as after a
    /// pooler has switched servers. Another session does not have this problem.
    SessionLost,
    /// The statement itself is at fault, or the database.
    Other,
}

/// The SQLSTATE of an error. `None` on SQLite, and for an error that libpq or diesel has detected.
///
/// diesel exposes the SQLSTATE as the name of the column: see `crates/pq-sys/README.md`.
pub(crate) fn sqlstate(error: &DieselError) -> Option<&str> {
    match error {
        DieselError::DatabaseError(_, information) => information.column_name(),
        DieselError::RollbackErrorOnCommit { commit_error, .. } => sqlstate(commit_error),
        _ => None,
    }
}

/// What an error means, if it has a SQLSTATE.
pub(crate) fn condition_of(error: &DieselError) -> Option<Condition> {
    match error {
        // diesel's name for 25006. The service raises this error itself when it checks a connection.
        DieselError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => Some(Condition::ReadOnly),
        _ => sqlstate(error).map(condition),
    }
}

/// Classifies a SQLSTATE, by its class (the first two characters) if all codes of the class mean the same.
pub(crate) fn condition(sqlstate: &str) -> Condition {
    match sqlstate {
        "25006" => Condition::ReadOnly,
        "53100" => Condition::DiskFull,
        "57014" => Condition::Canceled,
        // object_in_use, lock_not_available, and snapshot_too_old.
        "55006" | "55P03" | "72000" => Condition::Busy,
        // statement_completion_unknown, the timeouts that end a session, a transaction that has failed earlier, and a
        // prepared statement or a cursor that is missing, that exists already, or whose result type has changed
        // (feature_not_supported).
        "40003" | "25P03" | "25P04" | "25P02" | "26000" | "34000" | "42P05" | "0A000" => Condition::SessionLost,
        _ => match sqlstate.get(..2) {
            // Rolled back because of other transactions, or out of memory, connections, or other resources.
            Some("40" | "53") => Condition::Busy,
            // Connection exceptions, operator intervention such as a shutdown, and I/O errors of the server.
            Some("08" | "57" | "58") => Condition::SessionLost,
            _ => Condition::Other,
        },
    }
}

/// Whether the connection on which the error occurred must not be used again.
pub(crate) fn ends_session(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _)
        | DieselError::BrokenTransactionManager => true,
        // Class XX are internal errors, after which the state of the session is uncertain.
        _ => {
            matches!(condition_of(error), Some(Condition::ReadOnly | Condition::SessionLost))
                || sqlstate(error).is_some_and(|code| code.starts_with("XX"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, condition};

    #[test]
    fn every_class_has_its_condition() {
        for (codes, expected) in [
            ("40001 40P01 40000 53000 53200 53300 53400 55P03 55006 72000", Condition::Busy),
            ("57014", Condition::Canceled),
            ("53100", Condition::DiskFull),
            ("25006", Condition::ReadOnly),
            (
                "08000 08006 08P01 57P01 57P02 57P03 57P04 57P05 58030 40003 25P02 25P03 25P04 26000 34000 42P05 0A000",
                Condition::SessionLost,
            ),
            ("22021 23505 23514 42501 42P01 54000 28P01 3D000 XX000 P0001 0 ééé", Condition::Other),
        ] {
            for code in codes.split(' ') {
                assert_eq!(condition(code), expected, "{code}");
            }
        }
    }
}
