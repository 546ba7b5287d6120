//! Cancels statements on PostgreSQL: a thread sends `pg_cancel_backend` from a connection of its own.
//!
//! Its statement names the server session by process id and start time, so that it never cancels the statement of
//! another client; [`Call`] describes how it avoids the next statement of the same connection. A cancellation is lost
//! if it arrives between two statements of a call, so it is repeated until the call ends.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::db::call::{Call, CancelQueue};
use crate::db::connection::{Backend, Connection};
use crate::db::fixed_sql::{BindValue, FixedSql};
use crate::db::interrupt::{ServerSession, SessionScope};
use crate::db::options::Purpose;
use crate::db::url::DatabaseUrl;
use crate::db::watchdog;

const REPEAT_AFTER: Duration = Duration::from_millis(100);
/// The connection is closed after this time without cancellations.
const IDLE_TIME: Duration = Duration::from_secs(10);
/// The connection is shut down if a cancellation takes longer. Its call waits for it.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The URL of the connection that cancels statements. `None` if statements cannot be canceled: on SQLite, on a server
/// with a single session, and behind a pooler without a direct URL. The pooler would let the cancellation wait for the
/// transaction that it is to cancel.
pub(crate) fn url<'a>(url: &'a DatabaseUrl, direct: Option<&'a DatabaseUrl>) -> Option<&'a DatabaseUrl> {
    match url {
        DatabaseUrl::Sqlite { .. } => None,
        DatabaseUrl::Postgres(postgres) if postgres.has_single_session => None,
        DatabaseUrl::Postgres(postgres) if postgres.transaction_pooling => direct,
        DatabaseUrl::Postgres(_) => direct.or(Some(url)),
    }
}

/// Starts the thread. It ends when the queue and all of its clones are dropped.
pub(crate) fn start(url: &DatabaseUrl) -> std::io::Result<CancelQueue> {
    let (sender, queue) = channel();
    let url = url.clone();
    thread::Builder::new().name("postgres-cancel".into()).spawn(move || run(&url, &queue))?;
    Ok(sender)
}

fn run(url: &DatabaseUrl, queue: &Receiver<Arc<Call>>) {
    let mut pending: Vec<Arc<Call>> = Vec::new();
    let mut connection = None;
    loop {
        match queue.recv_timeout(if pending.is_empty() { IDLE_TIME } else { REPEAT_AFTER }) {
            Ok(call) => pending.push(call),
            Err(RecvTimeoutError::Timeout) if pending.is_empty() => connection = None,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        pending.extend(queue.try_iter());
        pending.retain(|call| cancel(url, &mut connection, call));
    }
}

/// Returns whether to try again later.
fn cancel(url: &DatabaseUrl, connection: &mut Option<Connection>, call: &Arc<Call>) -> bool {
    if connection.is_none() {
        match Connection::open_for(url, Purpose::Read) {
            Ok(opened) => *connection = Some(opened),
            Err(error) => {
                tracing::debug!(%error, "failed to connect to cancel a statement; will retry");
                return call.permit_cancel().is_some();
            }
        }
    }
    let Some(open) = connection else { return true };
    let Some(permit) = call.permit_cancel() else { return false };
    // Behind a pooler, the session is unknown until the transaction has begun.
    let Some(session) = permit.interrupt.session() else { return true };
    let guard = watchdog::watch_connection(&open.interrupt, SEND_TIMEOUT);
    if let Err(error) = send(open, session) {
        tracing::debug!(%error, "failed to cancel a statement; will retry");
        // The server may still execute it, when the connection already runs another call.
        permit.interrupt.mark_unusable();
        drop(guard);
        *connection = None;
    }
    true
}

fn send(connection: &mut Connection, session: ServerSession) -> QueryResult<i64> {
    let Backend::Postgres(conn) = &mut connection.backend else { return Ok(0) };
    let (head, tail) = match session.scope {
        SessionScope::Connection => (CANCEL, " AND round(extract(epoch FROM backend_start) * 1000000) = "),
        SessionScope::Transaction => (CANCEL, " AND round(extract(epoch FROM xact_start) * 1000000) = "),
    };
    let cancel = FixedSql::<BigInt>::new(head)
        .bind(BindValue::Integer(session.pid.into()), tail)
        .bind(BindValue::Integer(session.began_at), ")");
    diesel::select(cancel).get_result(conn)
}

const CANCEL: &str = "(SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE state = 'active' AND pid = ";
