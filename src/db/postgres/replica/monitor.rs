//! The replica monitor: a thread that checks every 250 ms whether the replica responds, is a standby of the primary,
//! and how far it is behind.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use diesel::PgConnection;

use crate::db::connection::{Backend, Connection};
use crate::db::error::Error;
use crate::db::options::{Purpose, ReplicaOptions};
use crate::db::postgres::identity::identity;
use crate::db::postgres::replica::lsn;
use crate::db::postgres::replica::state::ReplicaState;
use crate::db::url::DatabaseUrl;
use crate::db::watchdog;

pub(crate) const INTERVAL: Duration = Duration::from_millis(250);
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);
/// A connection on which a check takes longer is shut down and replaced.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts the thread. It ends when the state is dropped.
pub(crate) fn start(options: &ReplicaOptions, state: &Arc<ReplicaState>) -> std::io::Result<()> {
    let (url, max_lag, state) = (options.url.clone(), options.max_lag, Arc::downgrade(state));
    thread::Builder::new().name("replica-monitor".into()).spawn(move || run(&url, max_lag, &state)).map(drop)
}

fn run(url: &DatabaseUrl, max_lag: Duration, state: &Weak<ReplicaState>) {
    while let Some(current) = state.upgrade() {
        current.health.begin_check(Instant::now());
        let result = check_until_error(url, max_lag, state, current);
        let Some(current) = state.upgrade() else { return };
        current.health.end_check();
        if let Err(reason) = result {
            current.health.mark_unhealthy(&reason);
        }
        drop(current);
        thread::park_timeout(RECONNECT_PAUSE);
    }
}

/// Checks the replica on one connection. Returns `Ok` when the state has been dropped.
fn check_until_error(
    url: &DatabaseUrl,
    max_lag: Duration,
    state: &Weak<ReplicaState>,
    first: Arc<ReplicaState>,
) -> Result<(), String> {
    let mut connection = Connection::open_for(url, Purpose::Read).map_err(|error| error.to_string())?;
    let interrupt = Arc::clone(&connection.interrupt);
    let Backend::Postgres(conn) = &mut connection.backend else { return Ok(()) };
    let mut replica_identity = None;
    let mut next = Some(first);
    while let Some(current) = next.take() {
        let started = Instant::now();
        current.health.begin_check(started);
        let guard = watchdog::watch_connection(&interrupt, CHECK_TIMEOUT);
        let lag = check(conn, &current, &mut replica_identity)?;
        drop(guard);
        current.health.end_check();
        // An unhealthy replica becomes healthy again only below half the limit, so that it does not alternate between
        // the two states.
        let limit = if current.health.is_logged_unhealthy() { max_lag / 2 } else { max_lag };
        match lag {
            None => {}
            Some(lag) if lag > limit => {
                current.health.mark_unhealthy(&format!("its lag is {} s", lag.as_secs()));
            }
            Some(_) => current.health.mark_healthy(started),
        }
        drop(current);
        thread::park_timeout(INTERVAL);
        next = state.upgrade();
    }
    Ok(())
}

/// Returns the lag, or `None` until the poller has read the primary's LSN. The error is the reason why the replica
/// cannot serve reads.
fn check(
    conn: &mut PgConnection,
    state: &ReplicaState,
    replica_identity: &mut Option<String>,
) -> Result<Option<Duration>, String> {
    let message = |error: diesel::result::Error| Error::from(error).to_string();
    let replayed = lsn::standby_replayed(conn).map_err(message)?.ok_or("it is not a standby")?;
    if replica_identity.is_none() {
        *replica_identity = Some(identity(conn).map_err(message)?);
    }
    let mut primary = state.primary();
    if primary.identity.is_some() && primary.identity != *replica_identity {
        return Err("it is a standby of another server, or the URL names another database".to_owned());
    }
    Ok(primary.lag.measure(replayed))
}
