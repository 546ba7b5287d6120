//! [`ReplicaState`]: what writers, the change poller, and the replica monitor share about the replica.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;

use crate::db::connection::{Backend, Connection};
use crate::db::postgres::identity::identity;
use crate::db::postgres::replica::health::ReplicaHealth;
use crate::db::postgres::replica::lag::Lag;
use crate::db::postgres::replica::lsn;
use crate::db::postgres::replica::min_lsn::MinLsn;

pub(crate) struct ReplicaState {
    pub(crate) min_lsn: MinLsn,
    pub(crate) health: ReplicaHealth,
    primary: Mutex<Primary>,
}

/// The primary's identity and LSN samples, which the change poller records.
pub(crate) struct Primary {
    /// `None` until the poller has connected.
    pub(crate) identity: Option<String>,
    pub(crate) lag: Lag,
}

impl ReplicaState {
    pub(super) fn new(max_lag: Duration) -> Self {
        let primary = Primary { identity: None, lag: Lag::new(max_lag) };
        Self { min_lsn: MinLsn::new(), health: ReplicaHealth::new(), primary: Mutex::new(primary) }
    }

    /// Records that the poller has connected to the primary, which may be another server than before.
    pub(crate) fn record_primary_connection(&self, conn: &mut PgConnection) -> QueryResult<()> {
        self.min_lsn.reset();
        let identity = identity(conn)?;
        self.primary().identity = Some(identity);
        Ok(())
    }

    /// Resolves pending changes and samples the primary's LSN. The poller calls it with each poll, before it advances
    /// the revision.
    pub(crate) fn record_primary_poll(
        &self,
        conn: &mut PgConnection,
        now: Instant,
        is_changed: bool,
    ) -> QueryResult<()> {
        self.health.detect_timeout();
        if is_changed {
            self.min_lsn.mark_pending();
        }
        let pending = self.min_lsn.pending();
        if pending.is_none() && !self.primary().lag.is_due(now) {
            return Ok(());
        }
        let lsn = lsn::primary_end(conn)?;
        if let Some(token) = pending {
            self.min_lsn.resolve(token, lsn);
        }
        self.primary().lag.record_primary(now, lsn);
        Ok(())
    }

    /// Raises the minimum LSN after a commit on `connection`. The caller advances the revision afterwards.
    pub(crate) fn record_commit(&self, connection: &mut Connection) {
        let Backend::Postgres(conn) = &mut connection.backend else { return };
        match lsn::primary_end(conn) {
            Ok(lsn) => self.min_lsn.raise(lsn),
            // The change is stored.
            Err(error) => {
                tracing::debug!(%error, "failed to read the LSN of a commit; the next poll will read it");
                connection.record_error(&error);
                self.record_possible_commit();
            }
        }
    }

    /// Marks a change as pending when the outcome of its commit is unknown. The caller advances the revision
    /// afterwards.
    pub(crate) fn record_possible_commit(&self) {
        self.min_lsn.mark_pending();
    }

    pub(super) fn primary(&self) -> MutexGuard<'_, Primary> {
        self.primary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
