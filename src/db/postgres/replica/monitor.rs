//! The thread that looks at the replica: whether it answers, is a standby of the primary, and how far it is behind.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use diesel::PgConnection;

use crate::db::connection::{Backend, Connection};
use crate::db::error::Error;
use crate::db::options::{Purpose, ReplicaOptions};
use crate::db::postgres::identity::identity;
use crate::db::postgres::replica::lsn;
use crate::db::postgres::replica::state::State;
use crate::db::url::DatabaseUrl;

/// How often it looks.
pub(crate) const INTERVAL: Duration = Duration::from_millis(250);
const RECONNECT: Duration = Duration::from_secs(1);

/// Starts it; it ends when nobody holds the state any more.
pub(crate) fn start(options: &ReplicaOptions, state: &Arc<State>) -> std::io::Result<()> {
    let (url, max_lag, state) = (options.url.clone(), options.max_lag, Arc::downgrade(state));
    thread::Builder::new().name("replica-watcher".into()).spawn(move || run(&url, max_lag, &state)).map(drop)
}

fn run(url: &DatabaseUrl, max_lag: Duration, state: &Weak<State>) {
    while let Some(current) = state.upgrade() {
        current.health.look_begins(Instant::now());
        let watched = watch(url, max_lag, state, current);
        let Some(current) = state.upgrade() else { return };
        current.health.look_has_ended();
        if let Err(reason) = watched {
            current.health.leave_out(&reason);
        }
        drop(current);
        thread::park_timeout(RECONNECT);
    }
}

/// Looks on one connection, until it fails, which is told in an error, or nobody holds the state any more.
fn watch(url: &DatabaseUrl, max_lag: Duration, state: &Weak<State>, first: Arc<State>) -> Result<(), String> {
    let mut connection = Connection::open_for(url, Purpose::Read).map_err(|error| error.to_string())?;
    let Backend::Postgres(conn) = &mut connection.backend else { return Ok(()) };
    let mut own_identity = None;
    let mut next = Some(first);
    while let Some(current) = next.take() {
        let began = Instant::now();
        current.health.look_begins(began);
        let lag = look(conn, &current, &mut own_identity)?;
        current.health.look_has_ended();
        // Not in and out again at each look where it is about that far behind.
        let allowed = if current.health.is_told_out() { max_lag / 2 } else { max_lag };
        match lag {
            None => {}
            Some(lag) if lag > allowed => {
                current.health.leave_out(&format!("it is {} s behind", lag.as_secs()));
            }
            Some(_) => current.health.take_in(began),
        }
        drop(current);
        thread::park_timeout(INTERVAL);
        next = state.upgrade();
    }
    Ok(())
}

/// How far it is behind; `None` while the primary has not been asked.
fn look(conn: &mut PgConnection, state: &State, own_identity: &mut Option<String>) -> Result<Option<Duration>, String> {
    let told = |error: diesel::result::Error| Error::from(error).to_string();
    let replayed = lsn::of_standby(conn).map_err(told)?.ok_or("it is no standby")?;
    if own_identity.is_none() {
        *own_identity = Some(identity(conn).map_err(told)?);
    }
    let mut primary = state.primary();
    if primary.identity.is_some() && primary.identity != *own_identity {
        return Err("it is a standby of another server, or leads to another database".to_owned());
    }
    Ok(primary.lag.of(replayed))
}
