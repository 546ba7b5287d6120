//! A streaming replica that serves those who read without a key.
//!
//! It answers only where it has replayed the log of the primary up to a place behind every change that this instance
//! knows of: its own, which it has answered, and those of others, which the poller has noticed. So its answers are no
//! older than those of the cache may be, and may be kept there. Whoever finds it behind, or finds no place, is served by
//! the primary. That is asked on the very connection that reads: behind one name there may be several replicas.

mod health;
mod lag;
mod lsn;
mod min_lsn;
mod monitor;
pub(crate) mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::prelude::*;
use diesel::result::Error as DieselError;

use crate::db::connection::{Backend, Connection};
use crate::db::error::Error;
use crate::db::options::{PoolOptions, Purpose, ReplicaOptions};
use crate::db::pool::Pool;
use crate::db::postgres::replica::state::State;
use crate::db::request_context::RequestContext;
use crate::db::stats::PoolStats;
use crate::db::url::DatabaseUrl;

pub(crate) struct Replica {
    pool: Pool,
    state: Arc<State>,
    /// Behind a transaction pooler each transaction may be another replica's.
    is_pooled: bool,
    reads: AtomicU64,
}

impl Replica {
    /// Starts the thread that looks at it.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(options: &ReplicaOptions, pool: PoolOptions) -> std::io::Result<Self> {
        let state = Arc::new(State::new(options.max_lag));
        monitor::start(options, &state)?;
        let is_pooled = matches!(&options.url, DatabaseUrl::Postgres(url) if url.transaction_pooling);
        Ok(Self {
            pool: Pool::new("replica", &options.url, Purpose::Read, pool),
            state,
            is_pooled,
            reads: AtomicU64::new(0),
        })
    }

    pub(crate) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Its connections as they are now.
    pub(crate) fn pool(&self) -> PoolStats {
        self.pool.reading()
    }

    /// How many reads it has served.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Whether it takes part.
    pub(crate) fn is_in(&self) -> bool {
        self.state.health.is_in()
    }

    /// `None` where it cannot tell, or not in time: then the primary is to be asked.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        origin: RequestContext,
        body: Arc<impl Fn(&mut Connection) -> QueryResult<T> + Send + Sync + 'static>,
    ) -> Result<Option<T>, Error> {
        if !self.is_in() {
            return Ok(None);
        }
        let Some(floor) = self.state.floor.position() else { return Ok(None) };
        let is_pooled = self.is_pooled;
        let read = move |conn: &mut Connection| read_from(conn, floor, is_pooled, &*body);
        let read = self.pool.run(origin.wrap(read));
        let read = tokio::select! {
            read = read => read,
            () = self.left_out() => return Ok(None),
        };
        match read {
            Ok(Some(read)) => {
                self.reads.fetch_add(1, Ordering::Relaxed);
                Ok(Some(read))
            }
            Err(Error::Unreachable(reason)) => {
                tracing::debug!(reason, "a read of the replica has failed; the primary is asked");
                self.state.health.doubt();
                Ok(None)
            }
            // All of its connections hang.
            Err(Error::Busy(_)) if !self.is_in() => Ok(None),
            read => read,
        }
    }

    /// A server that hangs is noticed by the thread that looks at it.
    async fn left_out(&self) {
        while self.is_in() {
            tokio::time::sleep(monitor::INTERVAL).await;
        }
    }
}

/// Reads on `conn` where its server has replayed the log up to `floor`; otherwise `None`, as where what it replays just
/// then is in the way of the read (PostgreSQL 27.4.2).
fn read_from<T>(
    conn: &mut Connection,
    floor: i64,
    is_pooled: bool,
    body: &impl Fn(&mut Connection) -> QueryResult<T>,
) -> QueryResult<Option<T>> {
    let read = |conn: &mut Connection| {
        let is_there = if is_pooled { replayed(conn)? >= floor } else { has_replayed(conn, floor)? };
        if is_there { body(conn).map(Some) } else { Ok(None) }
    };
    let done = if is_pooled { conn.reading(read) } else { read(conn) };
    match done {
        Err(DieselError::DatabaseError(_, told)) if told.message().contains("conflict with recovery") => Ok(None),
        done => done,
    }
}

/// The server behind a connection stays the same, and does not go back.
fn has_replayed(conn: &mut Connection, floor: i64) -> QueryResult<bool> {
    if conn.replayed < floor {
        conn.replayed = replayed(conn)?;
    }
    Ok(conn.replayed >= floor)
}

fn replayed(conn: &mut Connection) -> QueryResult<i64> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(0) };
    // A server that is no standby any more follows nobody.
    Ok(lsn::of_standby(conn)?.unwrap_or_default())
}
