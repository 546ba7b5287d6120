//! Whether the database is so small that a read by an index of words is a short read.

use crate::db::database::Database;

/// The largest SQLite file whose search index is read in milliseconds: 64 MiB.
const SMALL_FILE: u64 = 64 * 1024 * 1024;

impl Database {
    /// Whether a search may run inline, although it may read all occurrences of its words: the database is a SQLite file
    /// of at most 64 MiB. [`Database::read_inline`] bounds the effect of searches that take longer than expected.
    #[must_use]
    pub fn is_small(&self) -> bool {
        let length = self.0.file.as_ref().and_then(|file| file.metadata().ok()).map(|file| file.len());
        length.is_some_and(|length| length <= SMALL_FILE)
    }
}
