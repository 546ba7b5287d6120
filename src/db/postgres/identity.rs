//! Identifies a PostgreSQL database, to determine whether two URLs lead to the same database.

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::db::connection::{Backend, Connection};
use crate::db::fixed_sql::FixedSql;

/// The system identifier that `initdb` generates, and the database's name. A primary and its standbys share them.
pub(crate) fn identity(conn: &mut PgConnection) -> QueryResult<String> {
    diesel::select(FixedSql::<Text>::new(
        "(SELECT system_identifier::text || ' ' || current_database() FROM pg_control_system())",
    ))
    .get_result(conn)
}

/// Whether both connections lead to the same database, or to its primary and a standby. Also true if a server does not
/// support `pg_control_system()`, as servers that only implement PostgreSQL's protocol may. False on SQLite.
#[must_use]
pub fn is_same_database(one: &mut Connection, other: &mut Connection) -> bool {
    let (Backend::Postgres(one), Backend::Postgres(other)) = (&mut one.backend, &mut other.backend) else {
        return false;
    };
    !matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one != other)
}
