//! [`DeferredTriggers`]: does the work of row triggers with statements for many posts.
//!
//! Triggers write the labels and the log entry of each new post, one post at a time. On PostgreSQL, this took a fifth of
//! the time of an insert with tags. An import therefore disables these triggers in its own transaction, during which no
//! other transaction writes to posts, and executes the same statements for many posts at once. The database restores
//! the triggers if the transaction is rolled back.
//!
//! - The log and the aliases are written after each batch, so that the log has the order of the changes.
//! - The labels are written for many batches at once, in the order of the primary key: each page of the four B-trees then
//!   gets many rows, rather than one.
//!
//! SQLite defers the labels only. Its other triggers cost less than a second statement would.

mod postgres;
mod sqlite;

use diesel::prelude::*;

use crate::db::{Backend, Connection};

/// Labels are written when so many of them wait. Each takes up to 1 kB of memory while it is sorted.
const MAX_LABELS: usize = 50_000;
/// Labels are also written when they belong to so many posts.
const MAX_POSTS: usize = 50_000;

/// The posts that were inserted without triggers.
pub(crate) struct DeferredTriggers {
    /// The ids of posts whose labels wait.
    ids: Vec<i64>,
    /// At least the number of their labels.
    labels: usize,
    /// The definitions of the triggers that were dropped on SQLite.
    dropped: Vec<String>,
}

impl DeferredTriggers {
    /// Disables the triggers until [`DeferredTriggers::end`]. `None` if that is not possible: the database user does not
    /// own the tables, or an administrator has changed the triggers.
    ///
    /// The caller must prevent writes of other transactions until its transaction ends.
    pub(crate) fn begin(conn: &mut Connection) -> QueryResult<Option<Self>> {
        let dropped = match &mut conn.backend {
            Backend::Postgres(conn) => {
                if !postgres::disable_triggers(conn)? {
                    return Ok(None);
                }
                Vec::new()
            }
            Backend::Sqlite(conn) => sqlite::drop_trigger(conn)?,
        };
        Ok(Some(Self { ids: Vec::new(), labels: 0, dropped }))
    }

    /// Does the work of the triggers for posts that were just inserted, in the order of their inserts. They have at most
    /// this number of labels.
    pub(crate) fn add(&mut self, conn: &mut Connection, ids: &[i64], labels: usize) -> QueryResult<()> {
        if let Backend::Postgres(conn) = &mut conn.backend {
            postgres::remove_aliases_and_write_log(conn, ids)?;
        }
        if labels > 0 {
            self.ids.extend(ids);
            self.labels += labels;
        }
        if self.labels < MAX_LABELS && self.ids.len() < MAX_POSTS { Ok(()) } else { self.write_labels(conn) }
    }

    /// Writes the labels that wait, and enables the triggers.
    pub(crate) fn end(mut self, conn: &mut Connection) -> QueryResult<()> {
        self.write_labels(conn)?;
        match &mut conn.backend {
            Backend::Postgres(conn) => postgres::enable_triggers(conn),
            Backend::Sqlite(conn) => sqlite::create_trigger(conn, &self.dropped),
        }
    }

    fn write_labels(&mut self, conn: &mut Connection) -> QueryResult<()> {
        self.labels = 0;
        let ids = std::mem::take(&mut self.ids);
        if ids.is_empty() {
            return Ok(());
        }
        match &mut conn.backend {
            Backend::Postgres(conn) => postgres::write_labels(conn, &ids),
            Backend::Sqlite(conn) => sqlite::write_labels(conn, &ids),
        }
    }
}
