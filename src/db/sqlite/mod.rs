//! What only SQLite needs: opening the file, the one writer, the write-ahead log, and backups.

pub(crate) mod backup;
pub mod open;
pub(crate) mod wal;
pub(crate) mod writer;
