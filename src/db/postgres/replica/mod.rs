//! [`Replica`]: reads public data from a streaming replica.
//!
//! A read that finds the replica unusable or behind returns `None`, and the caller reads from the primary:
//!
//! 1. The replica must be healthy. The monitor checks it every 250 ms.
//! 2. The minimum LSN must be known; see [`min_lsn`]. It covers every change of the current revision, so a result of
//!    the replica may be cached under this revision.
//! 3. The connection that reads checks that its server has replayed the WAL up to the minimum LSN. It must be this
//!    connection, because one host name may lead to several replicas.
//!
//! A read does not wait until the replica has caught up: the wait would hold a thread and a connection, and the primary
//! can respond immediately.

mod health;
mod lag;
mod lsn;
mod min_lsn;
mod monitor;
pub(crate) mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::prelude::*;

use crate::db::connection::{Backend, Connection};
use crate::db::error::Error;
use crate::db::options::{PoolOptions, Purpose, ReplicaOptions};
use crate::db::pool::Pool;
use crate::db::postgres::replica::state::ReplicaState;
use crate::db::postgres::sqlstate::{self, Condition};
use crate::db::request_context::RequestContext;
use crate::db::stats::PoolStats;
use crate::db::url::DatabaseUrl;

pub(crate) struct Replica {
    pool: Pool,
    state: Arc<ReplicaState>,
    /// Whether each transaction may run on another server, behind a transaction pooler.
    is_pooled: bool,
    reads: AtomicU64,
}

impl Replica {
    /// Starts the monitor.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(options: &ReplicaOptions, pool: PoolOptions) -> std::io::Result<Self> {
        let state = Arc::new(ReplicaState::new(options.max_lag));
        monitor::start(options, &state)?;
        let is_pooled = matches!(&options.url, DatabaseUrl::Postgres(url) if url.transaction_pooling);
        Ok(Self {
            pool: Pool::new("replica", &options.url, None, Purpose::Read, pool)?,
            state,
            is_pooled,
            reads: AtomicU64::new(0),
        })
    }

    pub(crate) fn state(&self) -> &Arc<ReplicaState> {
        &self.state
    }

    pub(crate) fn pool_stats(&self) -> PoolStats {
        self.pool.stats()
    }

    /// The number of reads that the replica has served.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Whether the replica may serve reads.
    pub(crate) fn is_healthy(&self) -> bool {
        self.state.health.is_healthy()
    }

    /// Runs `body` on the replica, as a long read unless `is_indexed`. Returns `None` if the replica cannot serve the
    /// read, or becomes unhealthy meanwhile.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        is_indexed: bool,
        context: RequestContext,
        body: Arc<impl Fn(&mut Connection) -> QueryResult<T> + Send + Sync + 'static>,
    ) -> Result<Option<T>, Error> {
        if !self.is_healthy() {
            return Ok(None);
        }
        let Some(min_lsn) = self.state.min_lsn.get() else { return Ok(None) };
        let is_pooled = self.is_pooled;
        let read = move |conn: &mut Connection| read_from(conn, min_lsn, is_pooled, &*body);
        let read = self.pool.run_public(is_indexed, context.wrap(read));
        let result = tokio::select! {
            result = read => result,
            () = self.wait_until_unhealthy() => return Ok(None),
        };
        match result {
            Ok(Some(value)) => {
                self.reads.fetch_add(1, Ordering::Relaxed);
                Ok(Some(value))
            }
            Err(Error::Unreachable(reason)) => {
                tracing::debug!(reason, "failed to read from the replica; reading from the primary");
                self.state.health.invalidate();
                Ok(None)
            }
            // A server that hangs occupies all connections of the pool.
            Err(Error::Busy(_)) if !self.is_healthy() => Ok(None),
            result => result,
        }
    }

    /// Completes when the replica is unhealthy, so that a read does not wait for a server that hangs.
    async fn wait_until_unhealthy(&self) {
        while self.is_healthy() {
            tokio::time::sleep(monitor::INTERVAL).await;
        }
    }
}

/// Runs `body` if the server of `conn` has replayed the WAL up to `min_lsn`. Otherwise returns `None`, also if the
/// server reports an error that the primary may not have: a recovery conflict (40001, 40P01; PostgreSQL manual,
/// "Handling Query Conflicts"), a canceled statement, a lack of resources, or a schema that is older.
///
/// Behind a transaction pooler, the check and `body` share a transaction, so that they run on the same server. It is
/// READ COMMITTED: the snapshot of `body` must be taken after the check.
fn read_from<T>(
    conn: &mut Connection,
    min_lsn: i64,
    is_pooled: bool,
    body: &impl Fn(&mut Connection) -> QueryResult<T>,
) -> QueryResult<Option<T>> {
    let read = |conn: &mut Connection| {
        let is_current = if is_pooled { replayed_lsn(conn)? >= min_lsn } else { has_replayed(conn, min_lsn)? };
        if is_current { body(conn).map(Some) } else { Ok(None) }
    };
    let result = if is_pooled { conn.read_transaction(read) } else { read(conn) };
    match result {
        Err(error) if sqlstate::condition_of(&error).is_some_and(|condition| condition != Condition::SessionLost) => {
            tracing::debug!(%error, "the replica failed to execute a read; reading from the primary");
            // A recovery conflict may also have ended the session.
            conn.record_error(&error);
            Ok(None)
        }
        result => result,
    }
}

/// Whether the server has replayed the WAL up to `min_lsn`. The connection caches the replayed LSN: its server stays
/// the same, and the LSN of a server never decreases.
fn has_replayed(conn: &mut Connection, min_lsn: i64) -> QueryResult<bool> {
    if conn.replayed_lsn < min_lsn {
        conn.replayed_lsn = replayed_lsn(conn)?;
    }
    Ok(conn.replayed_lsn >= min_lsn)
}

/// The replayed LSN. 0 on a server that is no longer a standby: it does not follow the primary.
fn replayed_lsn(conn: &mut Connection) -> QueryResult<i64> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(0) };
    Ok(lsn::standby_replayed(conn)?.unwrap_or_default())
}
