//! The counters that ids come from. An id is never given again, also where its row is gone, so a counter moves with the
//! rows when they move to another database.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::db::connection::{Backend, Connection};

/// The largest id, 2^53 - 1: JavaScript reads integers exactly up to here. The migrations check it, too.
pub const MAX_ID: i64 = (1 << 53) - 1;

/// A table whose ids callers see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    Posts,
    ApiKeys,
}

impl Sequence {
    fn table(self) -> &'static str {
        match self {
            Self::Posts => "posts",
            Self::ApiKeys => "api_keys",
        }
    }

    /// The largest id that was given; 0 where none was.
    ///
    /// # Errors
    /// The database's.
    pub fn last_id(self, conn: &mut Connection) -> QueryResult<i64> {
        let last: Option<Row> = match &mut conn.backend {
            Backend::Postgres(conn) => {
                let sql =
                    "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0) AS id";
                diesel::sql_query(sql).bind::<Text, _>(self.table()).get_result(conn).optional()
            }
            Backend::Sqlite(conn) => {
                let sql = "SELECT seq AS id FROM sqlite_sequence WHERE name = ?";
                // Read to its end: see docs/design/sqlite-writer.md.
                let rows: Vec<Row> = diesel::sql_query(sql).bind::<Text, _>(self.table()).load(conn)?;
                Ok(rows.into_iter().next())
            }
        }?;
        Ok(last.map_or(0, |row| row.id))
    }

    /// Lets the next id be above `id`; a counter that is further already stays. To be called in a transaction in which
    /// nobody else stores rows of this table.
    ///
    /// # Errors
    /// The database's.
    pub fn advance_to(self, conn: &mut Connection, id: i64) -> QueryResult<()> {
        if self.last_id(conn)? >= id {
            return Ok(());
        }
        let table = self.table();
        match &mut conn.backend {
            Backend::Postgres(conn) => diesel::sql_query("SELECT setval(pg_get_serial_sequence($1, 'id'), $2)")
                .bind::<Text, _>(table)
                .bind::<BigInt, _>(id)
                .execute(conn),
            Backend::Sqlite(conn) => {
                let moved = diesel::sql_query("UPDATE sqlite_sequence SET seq = ? WHERE name = ?")
                    .bind::<BigInt, _>(id)
                    .bind::<Text, _>(table)
                    .execute(conn)?;
                if moved > 0 {
                    return Ok(());
                }
                // The row comes with the first id.
                diesel::sql_query("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)")
                    .bind::<Text, _>(table)
                    .bind::<BigInt, _>(id)
                    .execute(conn)
            }
        }
        .map(drop)
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
}
