//! How a write ends: what is rolled back after an error, and how a commit advances the revision.

use crate::db::changed::Changed;
use crate::db::connection::Connection;
use crate::db::postgres::replica::state::ReplicaState;
use crate::db::revision::Revision;

/// What is rolled back when a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomicity {
    /// The whole write.
    Body,
    /// Only the statement that failed. Earlier statements stay stored.
    Statement,
}

/// Why a transaction is rolled back.
pub(crate) enum Abort<R> {
    /// The body of the write decided to store nothing. The value is its reason.
    Rejected(R),
    /// The database returned an error.
    Failed(diesel::result::Error),
}

impl<R> From<diesel::result::Error> for Abort<R> {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error)
    }
}

/// Advances the revision when it is dropped. After a panic or a failed commit it does so too, because the server may
/// have stored the write, and what it has changed is unknown.
pub(crate) struct AdvanceOnDrop<'a> {
    revision: &'a Revision,
    replica: Option<&'a ReplicaState>,
    changed: Changed,
}

impl<'a> AdvanceOnDrop<'a> {
    pub(crate) fn new(revision: &'a Revision, replica: Option<&'a ReplicaState>) -> Self {
        Self { revision, replica, changed: Changed::Everything }
    }

    /// Advances the revision for a successful commit. Before that, raises the replica's minimum LSN to this commit, so
    /// that the replica stays usable once it has replayed it.
    pub(crate) fn record_commit(mut self, conn: &mut Connection, changed: Changed) {
        if let Some(replica) = self.replica.take() {
            replica.record_commit(conn);
        }
        self.changed = changed;
    }
}

impl Drop for AdvanceOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(replica) = self.replica {
            replica.record_possible_commit();
        }
        self.revision.advance(&self.changed);
    }
}
