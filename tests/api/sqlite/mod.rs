//! SQLite only: the write-ahead log, group commit, and the files of the database.

mod file_modes;
mod group_commit;
mod kept_statements;
mod replaced_files;
mod wal;
