//! Hears of changes that other instances and programs make to PostgreSQL: the migrations' triggers send a notification
//! with each transaction that changes what is read without a key.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;

use super::connection::{Backend, Connection, Purpose};
use super::revision::Revision;
use super::{DatabaseUrl, Error};

/// How often it looks whether notifications have arrived: a system call that does not wait.
const LOOK: Duration = Duration::from_millis(20);
/// How often it asks the server for an answer: a connection that is dead has no notifications either.
const ASK: Duration = Duration::from_millis(500);
/// A server that does not answer for so long is not heard.
pub(super) const TRUSTED_FOR: Duration = Duration::from_secs(2);
const RECONNECT: Duration = Duration::from_millis(500);

/// Starts the thread that moves the revision on; it ends when nobody holds the revision any more.
pub(super) fn start(url: &DatabaseUrl, revision: &Arc<Revision>) -> std::io::Result<()> {
    let (url, revision) = (url.clone(), Arc::downgrade(revision));
    thread::Builder::new().name("postgres-listener".into()).spawn(move || run(&url, &revision)).map(drop)
}

fn run(url: &DatabaseUrl, revision: &Weak<Revision>) {
    let mut is_down = false;
    while revision.strong_count() > 0 {
        if let Err(error) = listen(url, revision, &mut is_down) {
            if let Some(revision) = revision.upgrade() {
                revision.lose();
            }
            if !is_down {
                tracing::warn!(error, "changes by other instances cannot be heard: the cache is off until they are");
            }
            is_down = true;
        }
        thread::park_timeout(RECONNECT);
    }
}

/// Ends without an error when nobody holds the revision any more.
fn listen(url: &DatabaseUrl, revision: &Weak<Revision>, was_down: &mut bool) -> Result<(), String> {
    let mut connection = Connection::open_for(url, Purpose::Read).map_err(|error| error.to_string())?;
    let Backend::Postgres(conn) = &mut connection.backend else { return Ok(()) };
    let mut asked = Instant::now();
    conn.batch_execute("LISTEN posts_changed").map_err(told)?;
    // Whatever happened before this moment was not heard.
    let mut news = true;
    while let Some(revision) = revision.upgrade() {
        for notification in conn.notifications_iter() {
            notification.map_err(told)?;
            news = true;
        }
        if std::mem::take(&mut news) {
            revision.advance();
        }
        revision.looked(asked);
        if std::mem::take(was_down) {
            tracing::info!("changes by other instances are heard again: the cache is on");
        }
        drop(revision);
        thread::park_timeout(LOOK);
        if asked.elapsed() > ASK {
            let now = Instant::now();
            conn.batch_execute("SELECT 1").map_err(told)?;
            asked = now;
        }
    }
    Ok(())
}

fn told(error: diesel::result::Error) -> String {
    Error::from(error).to_string()
}
