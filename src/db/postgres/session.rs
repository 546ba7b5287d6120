//! Identifies the server session that runs a connection's statements, so that another connection can cancel them.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::db::fixed_sql::FixedSql;
use crate::db::interrupt::{ServerSession, SessionScope};

/// The session of a connection that no pooler shares.
pub(crate) fn connection_session(conn: &mut PgConnection) -> QueryResult<ServerSession> {
    let began_at = "(SELECT round(extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity \
                    WHERE pid = pg_backend_pid())";
    session(conn, began_at, SessionScope::Connection)
}

/// The session of the current transaction.
pub(crate) fn transaction_session(conn: &mut PgConnection) -> QueryResult<ServerSession> {
    session(conn, "round(extract(epoch FROM now()) * 1000000)::bigint", SessionScope::Transaction)
}

fn session(conn: &mut PgConnection, began_at: &'static str, scope: SessionScope) -> QueryResult<ServerSession> {
    let columns = (FixedSql::<BigInt>::new("pg_backend_pid()::bigint"), FixedSql::<BigInt>::new(began_at));
    let (pid, began_at): (i64, i64) = diesel::select(columns).get_result(conn)?;
    // A process id has 32 bits.
    Ok(ServerSession { pid: i32::try_from(pid).unwrap_or_default(), began_at, scope })
}
