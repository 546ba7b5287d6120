//! Whether two ways lead to one PostgreSQL database.

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::db::connection::{Backend, Connection};
use crate::db::fixed_sql::FixedSql;

/// The same for a primary, for each of its standbys, and for nobody else: what `initdb` has drawn, and the database.
pub(crate) fn identity(conn: &mut PgConnection) -> QueryResult<String> {
    diesel::select(FixedSql::<Text>::new(
        "(SELECT system_identifier::text || ' ' || current_database() FROM pg_control_system())",
    ))
    .get_result(conn)
}

/// Whether both lead to one database, as far as can be told: engines that only speak like PostgreSQL may not tell.
#[must_use]
pub fn is_same_database(one: &mut Connection, other: &mut Connection) -> bool {
    let (Backend::Postgres(one), Backend::Postgres(other)) = (&mut one.backend, &mut other.backend) else {
        return false;
    };
    !matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one != other)
}
