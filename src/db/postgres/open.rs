//! Opens a connection to PostgreSQL and configures its session.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Bool;

use crate::db::fixed_sql::FixedSql;
use crate::db::interrupt::Interrupt;
use crate::db::options::Purpose;
use crate::db::postgres::session;
use crate::db::url::PostgresUrl;
use crate::db::watchdog;

/// Limits how long a statement holds its connection, and how long the transaction of a stopped or lost instance holds
/// its locks. A statement uses one core only, so that a share of the connections is a share of the server's cores.
const SESSION: &str = "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'; \
                       SET max_parallel_workers_per_gather = 0";

/// A connection that takes longer to configure is shut down.
const SETUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a connection. Errors do not contain the password.
///
/// Behind a transaction pooler each transaction may run in another server session. The session is therefore not
/// configured, and no statements are prepared in it: there is no statement timeout then.
pub(crate) fn open(url: &PostgresUrl, purpose: Purpose, interrupt: &Arc<Interrupt>) -> Result<PgConnection, String> {
    let redact = |error: &dyn std::fmt::Display| url.redact(&error.to_string());
    // diesel sends statements of its own before `establish` returns. Behind a pooler, the first one waits for a server.
    let guard = Rc::new(RefCell::new(None));
    let (slot, opened) = (Rc::clone(&guard), Arc::clone(interrupt));
    let receive_socket = move |socket| {
        opened.set_socket(socket);
        if purpose != Purpose::Command {
            slot.replace(Some(watchdog::watch_connection(&opened, SETUP_TIMEOUT)));
        }
    };
    let establish = || PgConnection::establish(url.connection_string());
    let mut conn = pq_sys::with_socket(receive_socket, establish).map_err(|error| redact(&error))?;
    if url.transaction_pooling {
        conn.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
        return Ok(conn);
    }
    if purpose != Purpose::Command {
        conn.batch_execute(SESSION).map_err(|error| redact(&error))?;
    }
    if let Some(schema) = &url.schema {
        let sql = format!("SET search_path TO {}", quote_identifier(schema));
        conn.batch_execute(&sql).map_err(|error| redact(&error))?;
    }
    // A server with a single session, which all clients share, cannot cancel one of them.
    if purpose != Purpose::Command && !url.has_single_session {
        match session::connection_session(&mut conn) {
            Ok(found) => interrupt.set_session(Some(found)),
            // A server that only implements PostgreSQL's protocol. Its own timeout ends its statements.
            Err(error) => tracing::debug!(%error, "cannot identify the server session; statements are not canceled"),
        }
    }
    Ok(conn)
}

/// One round trip to the server, which fails if the session is read-only: the server is a standby, or
/// `default_transaction_read_only` is on.
pub(crate) fn ping_writable(conn: &mut PgConnection) -> QueryResult<()> {
    let is_read_only = FixedSql::<Bool>::new("current_setting('transaction_read_only')::boolean");
    if diesel::select(is_read_only).get_result(conn)? {
        let message = Box::new("the session is read-only".to_owned());
        return Err(DieselError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, message));
    }
    Ok(())
}

/// Quotes an SQL identifier, and doubles the quotes in it (PostgreSQL manual, section 4.1.1).
pub(crate) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
