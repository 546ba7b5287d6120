//! The SQL that the service's own functions send.

use std::sync::{Arc, Mutex};

use diesel::connection::{Connection as _, InstrumentationEvent};
use posts_api::db::{Backend, Connection};

/// What `work` answers, and every statement that it sent, without the values.
pub(crate) fn capture<T>(conn: &mut Connection, work: impl FnOnce(&mut Connection) -> T) -> (T, Vec<String>) {
    let statements = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&statements);
    let note = move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            seen.lock().unwrap().push(query.to_string());
        }
    };
    match &mut conn.backend {
        Backend::Sqlite(conn) => conn.set_instrumentation(note),
        Backend::Postgres(conn) => conn.set_instrumentation(note),
    }
    let done = work(conn);
    let silent = |_: InstrumentationEvent<'_>| {};
    match &mut conn.backend {
        Backend::Sqlite(conn) => conn.set_instrumentation(silent),
        Backend::Postgres(conn) => conn.set_instrumentation(silent),
    }
    let statements = std::mem::take(&mut *statements.lock().unwrap());
    // diesel tells the values behind the text.
    (done, statements.into_iter().map(|sql| sql.split(" -- binds").next().unwrap().to_owned()).collect())
}
