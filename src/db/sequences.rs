//! [`Sequence`]: the counters that assign ids.
//!
//! An id is never reused, even after its row is deleted. A transfer to another database therefore carries the counters
//! along with the rows.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::db::connection::{Backend, Connection};
use crate::db::tables::Table;

/// The largest id: 2^53 - 1, up to which JavaScript represents every integer exactly. The migrations have a `CHECK` for
/// it.
pub const MAX_ID: i64 = (1 << 53) - 1;

/// The id sequence of a table whose ids are part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    Posts,
    ApiKeys,
}

impl Sequence {
    pub const ALL: [Self; 2] = [Self::Posts, Self::ApiKeys];

    #[must_use]
    pub const fn table(self) -> Table {
        match self {
            Self::Posts => Table::Posts,
            Self::ApiKeys => Table::ApiKeys,
        }
    }

    /// The last id that was assigned, or 0 if there is none.
    pub fn last_id(self, conn: &mut Connection) -> QueryResult<i64> {
        let table = self.table().name();
        let last: Option<IdRow> = match &mut conn.backend {
            Backend::Postgres(conn) => {
                let sql =
                    "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0) AS id";
                diesel::sql_query(sql).bind::<Text, _>(table).get_result(conn).optional()
            }
            Backend::Sqlite(conn) => {
                let sql = "SELECT seq AS id FROM sqlite_sequence WHERE name = ?";
                // `load` steps the statement to its end; `get_result` stops at the first row. See
                // `Database::write_each` and docs/design/sqlite-writer.md.
                let rows: Vec<IdRow> = diesel::sql_query(sql).bind::<Text, _>(table).load(conn)?;
                Ok(rows.into_iter().next())
            }
        }?;
        Ok(last.map_or(0, |row| row.id))
    }

    /// Advances the sequence to `id`, so that the next id is larger. Does nothing if the last id is `id` or more. The
    /// caller must prevent concurrent inserts into the table until its transaction ends.
    pub fn advance_to(self, conn: &mut Connection, id: i64) -> QueryResult<()> {
        if self.last_id(conn)? >= id {
            return Ok(());
        }
        let table = self.table().name();
        match &mut conn.backend {
            Backend::Postgres(conn) => diesel::sql_query("SELECT setval(pg_get_serial_sequence($1, 'id'), $2)")
                .bind::<Text, _>(table)
                .bind::<BigInt, _>(id)
                .execute(conn),
            Backend::Sqlite(conn) => {
                let updated = diesel::sql_query("UPDATE sqlite_sequence SET seq = ? WHERE name = ?")
                    .bind::<BigInt, _>(id)
                    .bind::<Text, _>(table)
                    .execute(conn)?;
                if updated > 0 {
                    return Ok(());
                }
                // SQLite inserts this row with the table's first id.
                diesel::sql_query("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)")
                    .bind::<Text, _>(table)
                    .bind::<BigInt, _>(id)
                    .execute(conn)
            }
        }
        .map(drop)
    }

    /// Sets PostgreSQL's sequence back to an earlier `last_id`, before a transaction is rolled back: a rollback does
    /// not affect sequences. On SQLite, it does. The caller must prevent concurrent inserts.
    pub(crate) fn reset_to(self, conn: &mut Connection, id: i64) -> QueryResult<()> {
        if self.last_id(conn)? == id {
            return Ok(());
        }
        let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
        diesel::sql_query("SELECT setval(pg_get_serial_sequence($1, 'id'), greatest($2, 1), $2 > 0)")
            .bind::<Text, _>(self.table().name())
            .bind::<BigInt, _>(id)
            .execute(conn)
            .map(drop)
    }
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
}
