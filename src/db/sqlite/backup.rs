//! [`Backup`]: a consistent copy of a SQLite database, made while the service reads and writes it.
//!
//! 1. Check the paths, and create an empty file with a temporary name beside the target.
//! 2. Copy the database into it with `VACUUM INTO`.
//! 3. Check the copy with `PRAGMA quick_check`, and sync it to disk.
//! 4. Rename it to the target, and sync the directory.
//!
//! An existing target stays intact until step 4. After an error the temporary file is removed.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use diesel::Connection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use tempfile::TempPath;

use crate::db::connection::{ConnectError, Connection, on};
use crate::db::error::Error;
use crate::db::sqlite::files::sidecar_path;
use crate::db::url::{DatabaseUrl, PostgresUrl};

/// Why a backup could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database is PostgreSQL. Contains the `pg_dump` command to use instead.
    #[error(
        "backup supports SQLite only; back up PostgreSQL with pg_dump, which reads the password from PGPASSWORD or \
         ~/.pgpass: {0}"
    )]
    NotSqlite(String),
    #[error(
        "there is no database at {}; check DATABASE_URL, or create a database with posts-api migrate",
        .0.display()
    )]
    Missing(PathBuf),
    #[error("{} already exists; choose another name, or replace it with --overwrite", .0.display())]
    Exists(PathBuf),
    /// The target is the database itself, or one of its `-wal`, `-shm`, and `-journal` files.
    #[error("{} is a file of the database that is being backed up; choose another name", .0.display())]
    SameFile(PathBuf),
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("failed to copy the database: {0}")]
    Database(#[from] Error),
    #[error("the copy is damaged, and the database may be as well: {0}")]
    Damaged(String),
}

impl BackupError {
    fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }
}

/// A backup whose target has been checked. Dropping it removes the temporary file.
#[derive(Debug)]
pub struct Backup {
    database: DatabaseUrl,
    target: PathBuf,
    is_overwriting: bool,
    partial: TempPath,
}

impl Backup {
    /// Checks the paths, and creates the temporary file with mode 0600: it will contain drafts and key hashes. Does not
    /// open the database.
    pub fn begin(database: &DatabaseUrl, target: &Path, is_overwriting: bool) -> Result<Self, BackupError> {
        let source = match database {
            // Opening the database would create a missing file.
            DatabaseUrl::Sqlite { path } => path.canonicalize().map_err(|_| BackupError::Missing(path.clone()))?,
            DatabaseUrl::Postgres(url) => return Err(BackupError::NotSqlite(pg_dump_command(url, target))),
        };
        let (directory, name) = split(target)?;
        let target = directory.join(name);
        check_target(&source, &target, is_overwriting)?;
        let mut prefix = name.to_owned();
        prefix.push(".");
        let partial = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            .tempfile_in(&directory)
            .map_err(|error| BackupError::io(&directory, error))?
            .into_temp_path();
        Ok(Self { database: database.clone(), target, is_overwriting, partial })
    }

    /// The temporary file.
    #[must_use]
    pub fn partial_path(&self) -> &Path {
        &self.partial
    }

    /// Makes the copy, checks it, and renames it to the target. Returns the target's path and size in bytes.
    ///
    /// The write-ahead log grows while the copy is made, because the copy reads one snapshot.
    pub fn finish(self) -> Result<(PathBuf, u64), BackupError> {
        let path = self.partial.to_str().ok_or_else(|| {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "the path is not UTF-8");
            BackupError::io(&self.target, error)
        })?;
        copy(&mut Connection::open(&self.database)?, path)?;
        check_integrity(path)?;
        let Self { target, partial, is_overwriting, .. } = self;
        let io_error = |error| BackupError::io(&target, error);
        let bytes = sync(&partial).map_err(io_error)?;
        if is_overwriting {
            partial.persist(&target).map_err(|error| io_error(error.error))?;
        } else {
            partial.persist_noclobber(&target).map_err(|error| match error.error.kind() {
                io::ErrorKind::AlreadyExists => BackupError::Exists(target.clone()),
                _ => io_error(error.error),
            })?;
        }
        // A rename survives a power failure once the directory is synced.
        let directory = target.parent().unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io_error)?;
        Ok((target, bytes))
    }
}

/// Splits the target into its directory, with symbolic links resolved, and its file name.
fn split(target: &Path) -> Result<(PathBuf, &OsStr), BackupError> {
    let directory = match target.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let directory = directory.canonicalize().map_err(|error| BackupError::io(directory, error))?;
    let name = target.file_name().ok_or_else(|| BackupError::io(target, io::ErrorKind::IsADirectory.into()))?;
    Ok((directory, name))
}

fn check_target(source: &Path, target: &Path, is_overwriting: bool) -> Result<(), BackupError> {
    let is_same_file = ["", "-wal", "-shm", "-journal"].iter().any(|suffix| {
        let file = sidecar_path(source, suffix);
        target == file || target.canonicalize().is_ok_and(|target| target == file)
    });
    if is_same_file {
        return Err(BackupError::SameFile(target.to_owned()));
    }
    if target.is_dir() {
        return Err(BackupError::io(target, io::ErrorKind::IsADirectory.into()));
    }
    if !is_overwriting && target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    Ok(())
}

/// `VACUUM INTO` reads one snapshot and does not block writers.
fn copy(conn: &mut Connection, path: &str) -> Result<(), BackupError> {
    on!(conn, conn => diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(path).execute(conn)).map_err(Error::from)?;
    Ok(())
}

/// Syncs the file to disk, and returns its size in bytes.
fn sync(path: &Path) -> io::Result<u64> {
    let file = File::open(path)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// The `pg_dump` command for this database, quoted for a POSIX shell, without the password.
fn pg_dump_command(url: &PostgresUrl, target: &Path) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let schema = url.schema.as_ref().map(|schema| format!("--schema={} ", quote(&format!("\"{schema}\""))));
    format!(
        "pg_dump --format=custom {}--file={} {}",
        schema.unwrap_or_default(),
        quote(&target.to_string_lossy()),
        quote(&url.to_client_url())
    )
}

#[derive(QueryableByName)]
struct QuickCheckRow {
    #[diesel(sql_type = Text)]
    quick_check: String,
}

fn check_integrity(path: &str) -> Result<(), BackupError> {
    let damaged = |error: &dyn std::fmt::Display| BackupError::Damaged(error.to_string());
    let mut conn = SqliteConnection::establish(path).map_err(|error| damaged(&error))?;
    let rows: Vec<QuickCheckRow> =
        diesel::sql_query("PRAGMA quick_check(1)").load(&mut conn).map_err(|error| damaged(&error))?;
    match rows.as_slice() {
        [QuickCheckRow { quick_check }] if quick_check == "ok" => Ok(()),
        rows => Err(damaged(&rows.first().map_or("quick_check returned no row", |row| &row.quick_check))),
    }
}
