//! Captures the SQL that functions of the service send.

use std::sync::{Arc, Mutex};

use diesel::connection::{Connection as _, InstrumentationEvent};
use posts_api::db::{Backend, Connection};

/// Runs `work` and returns its result and every statement it sent, without the bound values.
pub(crate) fn capture<T>(conn: &mut Connection, work: impl FnOnce(&mut Connection) -> T) -> (T, Vec<String>) {
    let statements = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&statements);
    let record = move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            seen.lock().unwrap().push(query.to_string());
        }
    };
    match &mut conn.backend {
        Backend::Sqlite(conn) => conn.set_instrumentation(record),
        Backend::Postgres(conn) => conn.set_instrumentation(record),
    }
    let result = work(conn);
    let silent = |_: InstrumentationEvent<'_>| {};
    match &mut conn.backend {
        Backend::Sqlite(conn) => conn.set_instrumentation(silent),
        Backend::Postgres(conn) => conn.set_instrumentation(silent),
    }
    let statements = std::mem::take(&mut *statements.lock().unwrap());
    // diesel appends the bound values to the text.
    (result, statements.into_iter().map(|sql| sql.split(" -- binds").next().unwrap().to_owned()).collect())
}
