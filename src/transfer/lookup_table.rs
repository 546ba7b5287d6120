//! The values that the posts of a file refer to by key, such as the URLs of attachments. They can precede or follow the
//! posts, so a first reading of the file collects them.
//!
//! The table is a temporary SQLite database without a name. SQLite holds it in memory as long as it fits into the page
//! cache, and then in a file that it removes at the end. The number of values therefore does not affect memory use.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::transfer::error::Error;

diesel::table! {
    entries (id) {
        id -> BigInt,
        kind -> Text,
        key -> Text,
        position -> BigInt,
        value -> Text,
    }
}

/// A table of values by kind and key. A key can have several values.
pub(crate) struct LookupTable {
    conn: SqliteConnection,
}

/// What a value belongs to, and its position among the values of the same kind and key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) kind: &'static str,
    pub(crate) key: &'a str,
    pub(crate) position: i64,
    pub(crate) value: &'a str,
}

impl LookupTable {
    /// More values than a post can have labels. Bounds the memory that one key takes.
    const MAX_VALUES: i64 = 1000;

    pub(crate) fn create() -> Result<Self, Error> {
        let mut conn = SqliteConnection::establish("").map_err(failed)?;
        // The page cache is 2 MiB by default. Nothing reads the table after a crash, so it needs no journal.
        conn.batch_execute(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8192; \
             CREATE TABLE entries (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, \
             position INTEGER NOT NULL, value TEXT NOT NULL) STRICT; \
             BEGIN",
        )
        .map_err(failed)?;
        Ok(Self { conn })
    }

    pub(crate) fn insert(&mut self, Entry { kind, key, position, value }: Entry<'_>) -> Result<(), Error> {
        let row =
            (entries::kind.eq(kind), entries::key.eq(key), entries::position.eq(position), entries::value.eq(value));
        diesel::insert_into(entries::table).values(row).execute(&mut self.conn).map(drop).map_err(failed)
    }

    /// Prepares the table for [`LookupTable::values`]. Sorting all keys at once is faster than a sorted insert of each.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.conn.batch_execute("CREATE INDEX by_key ON entries (kind, key, position); COMMIT").map_err(failed)
    }

    /// The values of a key by position, and then in the order in which they were inserted: at most 1,000.
    pub(crate) fn values(&mut self, kind: &'static str, key: &str) -> Result<Vec<String>, Error> {
        entries::table
            .filter(entries::kind.eq(kind))
            .filter(entries::key.eq(key))
            .order((entries::position, entries::id))
            .limit(Self::MAX_VALUES)
            .select(entries::value)
            .load(&mut self.conn)
            .map_err(failed)
    }

    /// The first value of a key.
    pub(crate) fn value(&mut self, kind: &'static str, key: &str) -> Result<Option<String>, Error> {
        self.values(kind, key).map(|values| values.into_iter().next())
    }
}

fn failed(error: impl std::error::Error) -> Error {
    Error::Io(std::io::Error::other(format!("temporary table: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_ordered_by_position_and_then_by_insertion() {
        let mut table = LookupTable::create().unwrap();
        for (kind, key, position, value) in [
            ("tag", "1", 2, "c"),
            ("tag", "1", 0, "a"),
            ("tag", "1", 0, "b"),
            ("tag", "2", 0, "other key"),
            ("author", "1", 0, "other kind"),
        ] {
            table.insert(Entry { kind, key, position, value }).unwrap();
        }
        table.finish().unwrap();
        assert_eq!(table.values("tag", "1").unwrap(), ["a", "b", "c"]);
        assert_eq!(table.value("author", "1").unwrap().as_deref(), Some("other kind"));
        assert_eq!(table.value("tag", "3").unwrap(), None);
    }
}
