//! How a write ends: what is rolled back when a part of it fails, and what happens to the caches when it commits.

use crate::db::connection::Connection;
use crate::db::postgres::replica::state::State;
use crate::db::revision::Revision;

/// What is undone where a part of a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomicity {
    Body,
    Statement,
}

/// Why a transaction is rolled back.
pub(crate) enum Abort<R> {
    /// The write found that nothing is to be stored.
    Refused(R),
    Failed(diesel::result::Error),
}

impl<R> From<diesel::result::Error> for Abort<R> {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error)
    }
}

/// Also where a write panics or its commit fails, it may have been stored.
pub(crate) struct AdvanceOnDrop<'a> {
    pub(crate) revision: &'a Revision,
    pub(crate) replica: Option<&'a State>,
}

impl AdvanceOnDrop<'_> {
    /// It is stored, and the replica need not be left out until somebody has looked.
    pub(crate) fn committed(mut self, conn: &mut Connection) {
        if let Some(replica) = self.replica.take() {
            replica.committed(conn);
        }
    }
}

impl Drop for AdvanceOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(replica) = self.replica {
            replica.may_have_committed();
        }
        self.revision.advance();
    }
}
