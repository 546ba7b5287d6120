//! What the threads that watch the primary and the replica share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;

use crate::db::connection::{Backend, Connection};
use crate::db::postgres::identity::identity;
use crate::db::postgres::replica::health::Health;
use crate::db::postgres::replica::lag::Lag;
use crate::db::postgres::replica::lsn;
use crate::db::postgres::replica::min_lsn::Floor;

/// What is known of the replica and of what it must have replayed; the threads that look share it.
pub(crate) struct State {
    pub(crate) floor: Floor,
    pub(crate) health: Health,
    pub(crate) primary: Mutex<Primary>,
}

pub(crate) struct Primary {
    /// `None` before it was asked.
    pub(crate) identity: Option<String>,
    pub(crate) lag: Lag,
}

impl State {
    pub(super) fn new(max_lag: Duration) -> Self {
        let primary = Primary { identity: None, lag: Lag::new(max_lag) };
        Self { floor: Floor::new(), health: Health::new(), primary: Mutex::new(primary) }
    }

    /// The poller has connected to the primary, which may be another server than before.
    pub(crate) fn primary_connected(&self, conn: &mut PgConnection) -> QueryResult<()> {
        self.floor.reset();
        let identity = identity(conn)?;
        self.primary().identity = Some(identity);
        Ok(())
    }

    /// The primary cannot have replicas that are of use here.
    pub(crate) fn give_up(&self, reason: &str) {
        self.health.leave_out(reason);
    }

    /// The poller looks at the primary, and has found that something was committed, or not; to be called before the
    /// revision moves on.
    pub(crate) fn primary_looked(&self, conn: &mut PgConnection, now: Instant, is_changed: bool) -> QueryResult<()> {
        self.health.notice_silence();
        if is_changed {
            self.floor.owe();
        }
        let debt = self.floor.debt();
        if debt.is_none() && !self.primary().lag.is_due(now) {
            return Ok(());
        }
        let position = lsn::of_primary(conn)?;
        if let Some(debt) = debt {
            self.floor.pay(debt, position);
        }
        self.primary().lag.primary_was_at(now, position);
        Ok(())
    }

    /// This instance has committed a change on `conn`; to be called before the revision moves on.
    pub(crate) fn committed(&self, conn: &mut Connection) {
        let Backend::Postgres(conn) = &mut conn.backend else { return };
        match lsn::of_primary(conn) {
            Ok(position) => self.floor.raise(position),
            // Who uses the connection next is told; the change is stored.
            Err(error) => {
                tracing::debug!(%error, "the place of a change is not known");
                self.may_have_committed();
            }
        }
    }

    /// This instance may have committed a change; to be called before the revision moves on.
    pub(crate) fn may_have_committed(&self) {
        self.floor.owe();
    }

    pub(super) fn primary(&self) -> MutexGuard<'_, Primary> {
        self.primary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
