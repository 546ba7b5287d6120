//! Marks the changes of an import in the log, so that they are not announced one by one.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::db::{Backend, Connection};
use crate::schema::post_changes;

/// Runs `body` in the caller's transaction, and marks the changes that it makes to public posts.
///
/// On PostgreSQL, a setting of the transaction determines the default of the column. On SQLite, no other transaction
/// writes during the transaction, so its rows are those after the last row before `body`.
pub(crate) fn mark<T, E: From<diesel::result::Error>>(
    conn: &mut Connection,
    body: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    let last = match &mut conn.backend {
        Backend::Postgres(conn) => {
            conn.batch_execute("SET LOCAL posts_api.bulk = 'on'")?;
            None
        }
        Backend::Sqlite(conn) => {
            let last: Vec<Option<i64>> = post_changes::table.select(diesel::dsl::max(post_changes::seq)).load(conn)?;
            Some(last.into_iter().flatten().next().unwrap_or(0))
        }
    };
    let value = body(conn)?;
    match (&mut conn.backend, last) {
        (Backend::Postgres(conn), _) => conn.batch_execute("SET LOCAL posts_api.bulk = 'off'")?,
        (Backend::Sqlite(conn), Some(last)) => {
            diesel::update(post_changes::table.filter(post_changes::seq.gt(last)))
                .set(post_changes::bulk.eq(true))
                .execute(conn)?;
        }
        (Backend::Sqlite(_), None) => {}
    }
    Ok(value)
}
