//! SQLite only: opening and watching the files, the writer thread, the write-ahead log, and backups.

pub(crate) mod backup;
pub(crate) mod cancel;
pub(crate) mod files;
pub(crate) mod open;
mod queued_write;
pub(crate) mod wal;
pub(crate) mod writer;
mod writer_thread;
