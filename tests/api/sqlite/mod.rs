//! SQLite only: the write-ahead log and group commit.

mod group_commit;
mod wal;
