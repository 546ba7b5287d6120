//! Notices changes that other instances and programs make to PostgreSQL. Each change of what is read without a key moves
//! a sequence (the triggers of the migrations), at once and not at its commit; so when it has moved, the transactions
//! that ran then are watched until they have ended.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::db::connection::{Backend, Connection};
use crate::db::error::Error;
use crate::db::fixed_sql::FixedSql;
use crate::db::options::Purpose;
use crate::db::postgres::replica::state::State;
use crate::db::revision::Revision;
use crate::db::url::DatabaseUrl;

/// How often it looks: a statement that reads one row in memory.
const INTERVAL: Duration = Duration::from_millis(25);
/// So old may an answer from the cache be where others change posts.
pub(crate) const TRUSTED_FOR: Duration = Duration::from_millis(100);
const RECONNECT: Duration = Duration::from_millis(500);

/// Starts the thread that moves the revision on, and tells a replica what it must have replayed; it ends when nobody
/// holds the revision any more.
pub(crate) fn start(url: &DatabaseUrl, revision: &Arc<Revision>, replica: Option<Arc<State>>) -> std::io::Result<()> {
    let (url, revision) = (url.clone(), Arc::downgrade(revision));
    let run = move || run(&url, &revision, replica.as_deref());
    thread::Builder::new().name("postgres-poller".into()).spawn(run).map(drop)
}

fn run(url: &DatabaseUrl, revision: &Weak<Revision>, replica: Option<&State>) {
    let mut is_down = false;
    while revision.strong_count() > 0 {
        if let Err(error) = poll(url, revision, replica, &mut is_down) {
            if let Some(revision) = revision.upgrade() {
                revision.lose();
            }
            if !is_down {
                tracing::warn!(error, "changes by other instances cannot be noticed: the cache is off until they can");
            }
            is_down = true;
        }
        thread::park_timeout(RECONNECT);
    }
}

/// Ends without an error when nobody holds the revision any more.
fn poll(
    url: &DatabaseUrl,
    revision: &Weak<Revision>,
    replica: Option<&State>,
    was_down: &mut bool,
) -> Result<(), String> {
    let told = |error: diesel::result::Error| Error::from(error).to_string();
    let mut connection = Connection::open_for(url, Purpose::Read).map_err(|error| error.to_string())?;
    let Backend::Postgres(conn) = &mut connection.backend else { return Ok(()) };
    let replica = replica.filter(|replica| match replica.primary_connected(conn) {
        Ok(()) => true,
        Err(error) => {
            replica.give_up(&format!("the primary does not tell who it is: {error}"));
            false
        }
    });
    let mut changes = Changes::default();
    while let Some(revision) = revision.upgrade() {
        let now = Instant::now();
        let is_changed = changes.look(conn).map_err(told)?;
        replica.map_or(Ok(()), |replica| replica.primary_looked(conn, now, is_changed)).map_err(told)?;
        if is_changed {
            revision.advance();
        }
        revision.looked(now);
        if std::mem::take(was_down) {
            tracing::info!("changes by other instances are noticed again: the cache is on");
        }
        drop(revision);
        thread::park_timeout(INTERVAL);
    }
    Ok(())
}

/// What the last look has seen.
#[derive(Default)]
struct Changes {
    /// `None` before the first look.
    counted: Option<i64>,
    /// Transactions that ran when the sequence was last seen to move: those that moved it are among them, or have ended.
    running: Vec<u64>,
}

impl Changes {
    /// Whether something may have been committed since the last look; also true of the first.
    fn look(&mut self, conn: &mut PgConnection) -> QueryResult<bool> {
        let counted = posts_changes::table.select(posts_changes::last_value).get_result(conn)?;
        let is_moved = self.counted.replace(counted) != Some(counted);
        if is_moved {
            // A snapshot does not list the running transactions that are younger than the youngest that has ended. This
            // one is younger than all that have moved the sequence, and has ended.
            conn.batch_execute("SELECT pg_current_xact_id()")?;
            self.running = running(conn)?;
            return Ok(true);
        }
        if self.running.is_empty() {
            return Ok(false);
        }
        let (before, now) = (self.running.len(), running(conn)?);
        self.running.retain(|id| now.contains(id));
        Ok(self.running.len() < before)
    }
}

/// The transactions that have changed something and have not ended.
fn running(conn: &mut PgConnection) -> QueryResult<Vec<u64>> {
    let snapshot: String = diesel::select(FixedSql::<Text>::new("pg_current_snapshot()::text")).get_result(conn)?;
    parse(&snapshot).ok_or_else(|| diesel::result::Error::DeserializationError("this is not a pg_snapshot".into()))
}

/// The list in what `pg_snapshot` tells (PostgreSQL 9.27.8): `xmin:xmax:xip_list`.
fn parse(snapshot: &str) -> Option<Vec<u64>> {
    let list = snapshot.splitn(3, ':').nth(2)?;
    list.split(',').filter(|id| !id.is_empty()).map(|id| id.parse().ok()).collect()
}

diesel::table! {
    /// The sequence, read as PostgreSQL lets it be read: as a table of one row.
    posts_changes (last_value) {
        last_value -> BigInt,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_running_transactions_are_read_from_a_snapshot() {
        assert_eq!(parse("10:10:"), Some(vec![]));
        assert_eq!(parse("10:20:10,14,15"), Some(vec![10, 14, 15]));
        for text in ["", "1", "1:2", "1:2:x", "1:2:3:4", "1:2:3,x"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
