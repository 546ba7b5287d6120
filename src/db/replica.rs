//! A streaming replica that serves those who read without a key.
//!
//! It answers only where it has replayed the log of the primary up to a place behind every change that this instance
//! knows of: its own, which it has answered, and those of others, which the poller has noticed. So its answers are no
//! older than those of the cache may be, and may be kept there. Whoever finds it behind, or finds no place, is served by
//! the primary. That is asked on the very connection that reads: behind one name there may be several replicas.

mod floor;
mod health;
mod lag;
mod position;
mod watcher;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::result::Error as DieselError;

use super::connection::{Backend, Connection, Purpose};
use super::identity::identity;
use super::pool::Pool;
use super::{DatabaseUrl, Error, Origin, PoolOptions, PoolReading};
use floor::Floor;
use health::Health;
use lag::Lag;

/// Where the replica is, and what is asked of it.
#[derive(Debug, Clone)]
pub struct ReplicaOptions {
    pub url: DatabaseUrl,
    /// It is left out where it is behind for longer.
    pub max_lag: Duration,
}

pub(super) struct Replica {
    pool: Pool,
    state: Arc<State>,
    /// Behind a transaction pooler each transaction may be another replica's.
    is_pooled: bool,
    reads: AtomicU64,
}

/// What is known of the replica and of what it must have replayed; the threads that look share it.
pub(super) struct State {
    floor: Floor,
    health: Health,
    primary: Mutex<Primary>,
}

struct Primary {
    /// `None` before it was asked.
    identity: Option<String>,
    lag: Lag,
}

impl Replica {
    /// Starts the thread that looks at it.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(options: &ReplicaOptions, pool: PoolOptions) -> std::io::Result<Self> {
        let primary = Primary { identity: None, lag: Lag::new(options.max_lag) };
        let state = Arc::new(State { floor: Floor::new(), health: Health::new(), primary: Mutex::new(primary) });
        watcher::start(options, &state)?;
        let is_pooled = matches!(&options.url, DatabaseUrl::Postgres(url) if url.transaction_pooling);
        Ok(Self {
            pool: Pool::new("replica", &options.url, Purpose::Read, pool),
            state,
            is_pooled,
            reads: AtomicU64::new(0),
        })
    }

    pub(super) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Its connections as they are now.
    pub(super) fn pool(&self) -> PoolReading {
        self.pool.reading()
    }

    /// How many reads it has served.
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Whether it takes part.
    pub(super) fn is_in(&self) -> bool {
        self.state.health.is_in()
    }

    /// `None` where it cannot tell, or not in time: then the primary is to be asked.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        origin: Origin,
        body: Arc<impl Fn(&mut Connection) -> QueryResult<T> + Send + Sync + 'static>,
    ) -> Result<Option<T>, Error> {
        if !self.is_in() {
            return Ok(None);
        }
        let Some(floor) = self.state.floor.position() else { return Ok(None) };
        let is_pooled = self.is_pooled;
        let read = move |conn: &mut Connection| read_from(conn, floor, is_pooled, &*body);
        let read = self.pool.run(origin.carry(read));
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
            tokio::time::sleep(watcher::INTERVAL).await;
        }
    }
}

impl State {
    /// The poller has connected to the primary, which may be another server than before.
    pub(super) fn primary_connected(&self, conn: &mut PgConnection) -> QueryResult<()> {
        self.floor.reset();
        let identity = identity(conn)?;
        self.primary().identity = Some(identity);
        Ok(())
    }

    /// The primary cannot have replicas that are of use here.
    pub(super) fn give_up(&self, reason: &str) {
        self.health.leave_out(reason);
    }

    /// The poller looks at the primary, and has found that something was committed, or not; to be called before the
    /// revision moves on.
    pub(super) fn primary_looked(&self, conn: &mut PgConnection, now: Instant, is_changed: bool) -> QueryResult<()> {
        self.health.notice_silence();
        if is_changed {
            self.floor.owe();
        }
        let debt = self.floor.debt();
        if debt.is_none() && !self.primary().lag.is_due(now) {
            return Ok(());
        }
        let position = position::of_primary(conn)?;
        if let Some(debt) = debt {
            self.floor.pay(debt, position);
        }
        self.primary().lag.primary_was_at(now, position);
        Ok(())
    }

    /// This instance has committed a change on `conn`; to be called before the revision moves on.
    pub(super) fn committed(&self, conn: &mut Connection) {
        let Backend::Postgres(conn) = &mut conn.backend else { return };
        match position::of_primary(conn) {
            Ok(position) => self.floor.raise(position),
            // Who uses the connection next is told; the change is stored.
            Err(error) => {
                tracing::debug!(%error, "the place of a change is not known");
                self.may_have_committed();
            }
        }
    }

    /// This instance may have committed a change; to be called before the revision moves on.
    pub(super) fn may_have_committed(&self) {
        self.floor.owe();
    }

    fn primary(&self) -> MutexGuard<'_, Primary> {
        self.primary.lock().unwrap_or_else(PoisonError::into_inner)
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
    Ok(position::of_standby(conn)?.unwrap_or_default())
}
