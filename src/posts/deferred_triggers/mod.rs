//! [`DeferredTriggers`]: does the work of row triggers with statements for many posts.
//!
//! Triggers write the labels, the search words, and the log entry of each new post, one post at a time. An import
//! disables these triggers in its own transaction, during which no other transaction writes to posts, and executes the
//! same statements for many posts at once. A rollback, also after a crash, restores the triggers.
//!
//! - PostgreSQL: the log and the aliases are written after each batch, so that the log has the order of the changes.
//!   The labels are written for many batches at once.
//! - SQLite: the labels and the search words are written for many batches at once. The other triggers cost less than a
//!   second statement would.
//!
//! Labels are written in the order of the primary key: each page of the four B-trees then gets many rows, rather than
//! one. One by one, they took a third of the time of an import with tags on SQLite.
//!
//! Until [`DeferredTriggers::end`], the transaction must not change or delete a post that it has inserted: the triggers
//! for changes assume that the search index contains the post.

mod postgres;
mod sqlite;

use diesel::prelude::*;

use crate::db::{Backend, Connection};

/// Rows are derived when this number of labels waits. Each takes up to 1 kB of memory while it is sorted.
const MAX_LABELS: usize = 50_000;
/// Rows are also derived when this number of posts waits.
const MAX_POSTS: usize = 10_000;

/// The posts that were inserted without triggers.
pub(crate) struct DeferredTriggers {
    ids: Vec<i64>,
    /// At least the number of their labels.
    labels: usize,
    /// The definitions of the triggers that were dropped on SQLite.
    dropped: Vec<String>,
}

impl DeferredTriggers {
    /// Disables the triggers until [`DeferredTriggers::end`]. `None` if that is not possible: the database user does
    /// not own the tables, or an administrator has changed the triggers.
    ///
    /// The caller must prevent writes of other transactions until its transaction ends.
    pub(crate) fn begin(conn: &mut Connection) -> QueryResult<Option<Self>> {
        let dropped = match &mut conn.backend {
            Backend::Postgres(conn) => postgres::disable_triggers(conn)?.then(Vec::new),
            Backend::Sqlite(conn) => sqlite::drop_triggers(conn)?,
        };
        Ok(dropped.map(|dropped| Self { ids: Vec::new(), labels: 0, dropped }))
    }

    /// Does the work of the triggers for posts that were just inserted, in the order of their inserts. They have at
    /// most this number of labels.
    pub(crate) fn add(&mut self, conn: &mut Connection, ids: &[i64], labels: usize) -> QueryResult<()> {
        if let Backend::Postgres(conn) = &mut conn.backend {
            postgres::remove_aliases_and_write_log(conn, ids)?;
        }
        self.ids.extend(ids);
        self.labels += labels;
        if self.labels < MAX_LABELS && self.ids.len() < MAX_POSTS { Ok(()) } else { self.derive_rows(conn) }
    }

    /// Derives the rows that wait, and enables the triggers.
    pub(crate) fn end(mut self, conn: &mut Connection) -> QueryResult<()> {
        self.derive_rows(conn)?;
        match &mut conn.backend {
            Backend::Postgres(conn) => postgres::enable_triggers(conn),
            Backend::Sqlite(conn) => sqlite::create_triggers(conn, &self.dropped),
        }
    }

    fn derive_rows(&mut self, conn: &mut Connection) -> QueryResult<()> {
        self.labels = 0;
        let mut ids = std::mem::take(&mut self.ids);
        if ids.is_empty() {
            return Ok(());
        }
        // FTS5 writes its words to disk before each row whose id is less than the previous one.
        ids.sort_unstable();
        match &mut conn.backend {
            Backend::Postgres(conn) => postgres::write_labels(conn, &ids),
            Backend::Sqlite(conn) => sqlite::write_labels_and_words(conn, &ids),
        }
    }
}
