//! The change poller: a thread that detects commits by other instances and external writers on PostgreSQL.
//!
//! Triggers of the migrations advance the sequence `posts_changes` with each change to public data. Sequences are not
//! transactional: the sequence advances at once, and the change becomes visible at a later commit. The poller therefore
//! works in steps, every 25 ms on its own connection:
//!
//! 1. Read the sequence. If it has advanced, report a change, and remember the transactions that are running: every
//!    transaction that advanced the sequence is among them or has ended.
//! 2. If it has not advanced, read the running transactions again. If a remembered one has ended, report a change.
//!    `unsettled` finds out up to which value of the sequence no transaction is left, which is the watermark of the
//!    log.
//! 3. After a report or a new watermark, read from the log which posts have changed (`changed_posts`).
//! 4. Then first raise the LSN that the replica must have replayed, then set the watermark, and then advance the
//!    revision for these posts. A page cached under a revision is therefore never older than the watermark at that
//!    time.
//! 5. After 400 polls that did not advance the revision for everything, about 10 s, do so. This bounds the age of
//!    cached responses after a change that fires no trigger.
//! 6. If there is a new watermark, wake the tasks that wait for rows of the log.
//! 7. Record the poll in the revision, which is unknown if polls stop for 100 ms.
//!
//! If a poll gets no response for 5 s, the watchdog shuts down its connection, and the poller opens a new one. Until
//! its first transactions have ended, the watermark is unknown.
//!
//! Polling is used and not `LISTEN`/`NOTIFY`: PostgreSQL serializes the commits of transactions that notify, a dead
//! connection looks like one without notifications, and transaction poolers do not deliver notifications.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::db::change_signal::ChangeSignal;
use crate::db::changed::Changed;
use crate::db::connection::{Backend, Connection};
use crate::db::error::Error;
use crate::db::fixed_sql::FixedSql;
use crate::db::options::Purpose;
use crate::db::postgres::changed_posts::ChangedPosts;
use crate::db::postgres::open;
use crate::db::postgres::replica::state::ReplicaState;
use crate::db::postgres::unsettled;
use crate::db::postgres::unsettled::Unsettled;
use crate::db::revision::Revision;
use crate::db::url::DatabaseUrl;
use crate::db::watchdog;
use crate::db::watermark::Watermark;

/// A poll reads one row that PostgreSQL has in memory.
const INTERVAL: Duration = Duration::from_millis(25);
/// How long a poll keeps the revision valid. Cached responses can be this much older than a commit by another process.
pub(crate) const REVISION_TTL: Duration = Duration::from_millis(100);
/// See step 5. A number of polls rather than a time, so that a slow machine does not read more often.
const MAX_POLLS: u32 = 400;
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// A connection on which a poll takes longer is shut down and replaced.
const POLL_TIMEOUT: Duration = Duration::from_secs(5);

/// Polls must not wait for a session that holds an exclusive lock on the log. A transaction pooler allows no session
/// settings.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '50ms'";

/// The values that the poller updates.
pub(crate) struct PollTargets {
    pub(crate) revision: Weak<Revision>,
    pub(crate) watermark: Arc<Watermark>,
    /// Notified about new watermarks.
    pub(crate) signal: ChangeSignal,
}

/// Starts the thread. It ends when the revision is dropped.
pub(crate) fn start(
    url: &DatabaseUrl,
    targets: PollTargets,
    replica: Option<Arc<ReplicaState>>,
) -> std::io::Result<()> {
    let url = url.clone();
    let run = move || run(&url, &targets, replica.as_deref());
    thread::Builder::new().name("postgres-poller".into()).spawn(run).map(drop)
}

fn run(url: &DatabaseUrl, targets: &PollTargets, replica: Option<&ReplicaState>) {
    let mut is_down = false;
    while targets.revision.strong_count() > 0 {
        if let Err(error) = poll_until_error(url, targets, replica, &mut is_down) {
            targets.watermark.reset();
            if let Some(revision) = targets.revision.upgrade() {
                revision.invalidate();
            }
            if !is_down {
                tracing::warn!(error, "failed to poll PostgreSQL for changes; caching is disabled, will retry");
            }
            is_down = true;
        }
        thread::park_timeout(RECONNECT_PAUSE);
    }
}

/// Polls on one connection. Returns `Ok` when the revision has been dropped.
fn poll_until_error(
    url: &DatabaseUrl,
    targets: &PollTargets,
    replica: Option<&ReplicaState>,
    was_down: &mut bool,
) -> Result<(), String> {
    let message = |error: diesel::result::Error| Error::from(error).to_string();
    let mut connection = Connection::open_for(url, Purpose::Read).map_err(|error| error.to_string())?;
    let interrupt = Arc::clone(&connection.interrupt);
    let Backend::Postgres(conn) = &mut connection.backend else { return Ok(()) };
    let guard = watchdog::watch_connection(&interrupt, POLL_TIMEOUT);
    if matches!(url, DatabaseUrl::Postgres(url) if !url.transaction_pooling) {
        conn.batch_execute(LOCK_TIMEOUT).map_err(message)?;
    }
    let replica = replica.filter(|replica| identifies_primary(replica, conn));
    drop(guard);
    let (mut detector, mut expiry) = (ChangeDetector::default(), Expiry::default());
    while let Some(revision) = targets.revision.upgrade() {
        let now = Instant::now();
        let guard = watchdog::watch_connection(&interrupt, POLL_TIMEOUT);
        let Detected { mut changed, settled } = detector.poll(conn, &targets.watermark).map_err(message)?;
        if expiry.is_due(&changed) {
            // After a failover, the old primary may still respond. Another connection leads to the new one.
            open::ping_writable(conn).map_err(message)?;
            changed = Changed::Everything;
        }
        let advances = changed != Changed::Nothing;
        replica.map_or(Ok(()), |replica| replica.record_primary_poll(conn, now, advances)).map_err(message)?;
        targets.watermark.record_poll(now, settled, detector.unsettled.since());
        if advances {
            revision.advance(&changed);
        }
        revision.record_poll(now);
        if settled.is_some() {
            targets.signal.notify();
        }
        if std::mem::take(was_down) {
            tracing::info!("polling PostgreSQL for changes again; caching is enabled");
        }
        drop((revision, guard));
        thread::park_timeout(INTERVAL);
    }
    Ok(())
}

/// Whether the replica's state has recorded which server this connection leads to. Otherwise, the replica is not used.
fn identifies_primary(replica: &ReplicaState, conn: &mut PgConnection) -> bool {
    match replica.record_primary_connection(conn) {
        Ok(()) => true,
        Err(error) => {
            replica.health.mark_unhealthy(&format!("cannot identify the primary: {error}"));
            false
        }
    }
}

#[derive(Default)]
struct ChangeDetector {
    /// The sequence's value at the last poll.
    last_value: Option<i64>,
    /// Transactions that may have advanced the sequence and had not ended at the last poll.
    running: Vec<u64>,
    unsettled: Unsettled,
    /// The last value that was settled.
    settled: Option<i64>,
    posts: ChangedPosts,
}

/// What a poll has detected.
struct Detected {
    /// What may have been committed since the last poll: everything on the first poll. Includes the posts of the rows
    /// that became complete by a new watermark.
    changed: Changed,
    /// The new watermark of the log.
    settled: Option<i64>,
}

impl ChangeDetector {
    fn poll(&mut self, conn: &mut PgConnection, watermark: &Watermark) -> QueryResult<Detected> {
        let value = posts_changes::table.select(posts_changes::last_value).get_result(conn)?;
        if self.last_value.is_some_and(|last| value < last) {
            // Positions up to the watermark are assigned again: the database was restored, or the sequence was reset.
            watermark.reset();
            self.unsettled = Unsettled::default();
            self.settled = None;
            self.posts.reset();
        }
        let has_advanced = self.last_value.replace(value) != Some(value);
        if has_advanced {
            // A snapshot lists no transaction at or above its `xmax`, the first ID after the last one that has ended.
            // This statement assigns and ends a transaction that is younger than all those that advanced the sequence.
            conn.batch_execute("SELECT pg_current_xact_id()")?;
        } else if self.running.is_empty() && self.unsettled.is_empty() {
            return Ok(Detected { changed: Changed::Nothing, settled: None });
        }
        let (count_before, now, running) = (self.running.len(), Instant::now(), running_transactions(conn)?);
        if has_advanced {
            self.running.clone_from(&running);
            self.unsettled.push(value, running.clone(), now);
        } else {
            self.running.retain(|id| running.contains(id));
        }
        if self.unsettled.is_late(now) {
            self.unsettled.keep_writers(&unsettled::writers(conn)?, now);
        }
        let is_changed = has_advanced || self.running.len() < count_before;
        let settled = self.unsettled.settle(&running);
        self.settled = settled.or(self.settled);
        let is_reported = is_changed || settled.is_some();
        let changed = if is_reported { self.posts.read(conn, self.settled) } else { Changed::Nothing };
        Ok(Detected { changed, settled })
    }
}

/// Counts the polls since the last one that reported a change of everything.
#[derive(Default)]
struct Expiry {
    polls: u32,
}

impl Expiry {
    /// Whether cached responses have reached their maximum age at this poll.
    fn is_due(&mut self, changed: &Changed) -> bool {
        self.polls = if *changed == Changed::Everything { 0 } else { self.polls + 1 };
        let is_due = self.polls == MAX_POLLS;
        if is_due {
            self.polls = 0;
        }
        is_due
    }
}

/// The IDs of transactions that have written something and have not ended.
fn running_transactions(conn: &mut PgConnection) -> QueryResult<Vec<u64>> {
    let snapshot: String = diesel::select(FixedSql::<Text>::new("pg_current_snapshot()::text")).get_result(conn)?;
    parse_snapshot(&snapshot)
        .ok_or_else(|| diesel::result::Error::DeserializationError("this is not a pg_snapshot".into()))
}

/// The `xip_list` of a `pg_snapshot`, whose text is `xmin:xmax:xip_list` (PostgreSQL manual, section 9.27, "Transaction
/// ID and Snapshot Information Functions").
fn parse_snapshot(text: &str) -> Option<Vec<u64>> {
    let list = text.splitn(3, ':').nth(2)?;
    list.split(',').filter(|id| !id.is_empty()).map(|id| id.parse().ok()).collect()
}

diesel::table! {
    /// The sequence. PostgreSQL allows reading it like a table with one row.
    posts_changes (last_value) {
        last_value -> BigInt,
    }
}

#[cfg(test)]
mod tests {
    use super::{Changed, Expiry, MAX_POLLS, parse_snapshot};

    #[test]
    fn responses_expire_after_a_number_of_polls() {
        let mut expiry = Expiry::default();
        // Changes of single posts do not postpone it: another post may have changed without a trigger.
        for changed in [Changed::Nothing, Changed::Posts(vec![1])] {
            assert!(!(1..MAX_POLLS).any(|_| expiry.is_due(&changed)));
            assert!(!expiry.is_due(&Changed::Everything));
            assert!(!(1..MAX_POLLS).any(|_| expiry.is_due(&changed)));
            assert!(expiry.is_due(&changed));
        }
    }

    #[test]
    fn snapshot_lists_running_transactions() {
        assert_eq!(parse_snapshot("10:10:"), Some(vec![]));
        assert_eq!(parse_snapshot("10:20:10,14,15"), Some(vec![10, 14, 15]));
        for text in ["", "1", "1:2", "1:2:x", "1:2:3:4", "1:2:3,x"] {
            assert_eq!(parse_snapshot(text), None, "{text}");
        }
    }
}
