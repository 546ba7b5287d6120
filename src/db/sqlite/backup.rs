//! A copy of a SQLite database, whole and of one moment, made while others read and write it.

use std::path::{Path, PathBuf};

use diesel::Connection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use tempfile::TempPath;

use crate::db::connection::{ConnectError, Connection, on};
use crate::db::error::Error;
use crate::db::url::{DatabaseUrl, PostgresUrl};

/// Why there is no backup; what stood in its place before is still there.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// With the command that does it there.
    #[error(
        "backup copies the file of SQLite; PostgreSQL has a program of its own, which finds the password in PGPASSWORD \
         or ~/.pgpass: {0}"
    )]
    NotSqlite(String),
    #[error("there is no database at {}", .0.display())]
    Missing(PathBuf),
    #[error("{} is there already: choose another name, or --overwrite it", .0.display())]
    Exists(PathBuf),
    #[error("{} is the database that is to be copied, or a part of it", .0.display())]
    Itself(PathBuf),
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the copy failed: {0}")]
    Database(#[from] Error),
    #[error("the copy is damaged, and so the database may be: {0}")]
    Damaged(String),
}

/// A backup that has begun, as an empty file with a name of its own beside its target. Dropping it removes that file.
#[derive(Debug)]
pub struct Backup {
    database: DatabaseUrl,
    target: PathBuf,
    is_overwriting: bool,
    partial: TempPath,
}

impl Backup {
    /// Looks whether the copy can be made, and where. Nothing but its owner may read it, from its first byte on: it has
    /// drafts and the hashes of keys.
    ///
    /// # Errors
    /// [`BackupError`]; the database is not opened yet.
    pub fn begin(database: &DatabaseUrl, target: &Path, is_overwriting: bool) -> Result<Self, BackupError> {
        let path = match database {
            DatabaseUrl::Sqlite { path } => path,
            DatabaseUrl::Postgres(url) => return Err(BackupError::NotSqlite(pg_dump(url, target))),
        };
        let told = |path: &Path| {
            let path = path.to_owned();
            |error| BackupError::Io { path, error }
        };
        // Opening it would make one.
        let source = path.canonicalize().map_err(|_| BackupError::Missing(path.clone()))?;
        let directory = match target.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => directory,
            _ => Path::new("."),
        };
        let directory = directory.canonicalize().map_err(told(directory))?;
        let name = target.file_name().ok_or_else(|| told(target)(std::io::ErrorKind::IsADirectory.into()))?;
        let target = directory.join(name);
        let is_part = ["", "-wal", "-shm", "-journal"].iter().any(|end| {
            let mut part = source.clone().into_os_string();
            part.push(end);
            target == Path::new(&part) || target.canonicalize().is_ok_and(|target| target == Path::new(&part))
        });
        if is_part {
            return Err(BackupError::Itself(target));
        }
        if target.is_dir() {
            return Err(told(&target)(std::io::ErrorKind::IsADirectory.into()));
        }
        if !is_overwriting && target.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(target));
        }
        let mut prefix = name.to_owned();
        prefix.push(".");
        let partial = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            .tempfile_in(&directory)
            .map_err(told(&directory))?
            .into_temp_path();
        Ok(Self { database: database.clone(), target, is_overwriting, partial })
    }

    /// The file that the copy is written to.
    #[must_use]
    pub fn partial_path(&self) -> &Path {
        &self.partial
    }

    /// Makes the copy, reads it back, and gives it its name once it is on disk. Answers its path and its bytes.
    ///
    /// While it is made, SQLite keeps what is written to the database meanwhile in its write-ahead log.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left behind.
    pub fn finish(self) -> Result<(PathBuf, u64), BackupError> {
        let path = self.partial.to_str().ok_or_else(|| {
            let error = std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path is not UTF-8");
            BackupError::Io { path: self.target.clone(), error }
        })?;
        copy(&mut Connection::open(&self.database)?, path)?;
        check(path)?;
        let Self { target, partial, is_overwriting, .. } = self;
        let told = |error| BackupError::Io { path: target.clone(), error };
        let file = std::fs::File::open(&partial).map_err(told)?;
        file.sync_all().map_err(told)?;
        let bytes = file.metadata().map_err(told)?.len();
        if is_overwriting {
            partial.persist(&target).map_err(|error| told(error.error))?;
        } else {
            partial.persist_noclobber(&target).map_err(|error| match error.error.kind() {
                std::io::ErrorKind::AlreadyExists => BackupError::Exists(target.clone()),
                _ => told(error.error),
            })?;
        }
        // The name, too, is to survive a power cut.
        let directory = target.parent().unwrap_or(Path::new("."));
        std::fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(told)?;
        Ok((target, bytes))
    }
}

/// `VACUUM INTO` reads in one transaction, so what it copies is of one moment, and writers need not wait.
fn copy(conn: &mut Connection, path: &str) -> Result<(), BackupError> {
    on!(conn, conn => diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(path).execute(conn)).map_err(Error::from)?;
    Ok(())
}

/// The command, for a shell.
fn pg_dump(url: &PostgresUrl, target: &Path) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let schema = url.schema.as_ref().map(|schema| format!("--schema={} ", quoted(&format!("\"{schema}\""))));
    format!(
        "pg_dump --format=custom {}--file={} {}",
        schema.unwrap_or_default(),
        quoted(&target.to_string_lossy()),
        quoted(&url.for_programs())
    )
}

#[derive(QueryableByName)]
struct Finding {
    #[diesel(sql_type = Text)]
    quick_check: String,
}

fn check(path: &str) -> Result<(), BackupError> {
    let damaged = |error: &dyn std::fmt::Display| BackupError::Damaged(error.to_string());
    let mut conn = SqliteConnection::establish(path).map_err(|error| damaged(&error))?;
    let found: Vec<Finding> =
        diesel::sql_query("PRAGMA quick_check(1)").load(&mut conn).map_err(|error| damaged(&error))?;
    match found.as_slice() {
        [Finding { quick_check }] if quick_check == "ok" => Ok(()),
        found => Err(damaged(&found.first().map_or("nothing was answered", |finding| &finding.quick_check))),
    }
}
