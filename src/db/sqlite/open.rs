//! Opens a SQLite file for reading, for writing, or for inspection.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::db::options::Purpose;

/// How long a PRAGMA is retried while another process has the file locked.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for another connection's lock: 5 s.
pub(crate) const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// Opens the file and creates it if it is missing.
pub(crate) fn open(path: &Path, purpose: Purpose) -> Result<SqliteConnection, String> {
    create_private(path).map_err(|error| error.to_string())?;
    // diesel interprets `file:…` as a URI with parameters. A leading `./` makes it a path.
    let path = path.to_str().ok_or("the path is not UTF-8")?;
    let path = if path.starts_with("file:") { format!("./{path}") } else { path.to_owned() };
    let mut conn = SqliteConnection::establish(&path).map_err(|error| error.to_string())?;
    // One statement each, in this order: without busy_timeout the next PRAGMA fails while another process writes.
    // synchronous = FULL makes each commit durable. journal_size_limit is 64 MiB.
    for pragma in [
        BUSY_TIMEOUT, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON",
        "PRAGMA journal_size_limit = 67108864",
    ] {
        set_pragma(&mut conn, pragma).map_err(|error| error.to_string())?;
    }
    if purpose == Purpose::Read {
        // In WAL mode a reader waits only for a process that locks the whole file. The wait must be short, because an
        // inline read may run on a thread that serves other requests.
        for pragma in ["PRAGMA query_only = ON", "PRAGMA busy_timeout = 100"] {
            conn.batch_execute(pragma).map_err(|error| error.to_string())?;
        }
    }
    Ok(conn)
}

/// Retries while the file is locked. While another process switches the file to WAL mode, SQLite reports "locked" at
/// once and ignores `busy_timeout`: two processes that waited for each other there would deadlock.
fn set_pragma(conn: &mut SqliteConnection, pragma: &str) -> QueryResult<()> {
    let started = Instant::now();
    loop {
        match conn.batch_execute(pragma) {
            Err(error) if error.to_string().contains("locked") && started.elapsed() < OPEN_TIMEOUT => {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

/// Creates a missing file with mode 0600, because drafts and key hashes are confidential. SQLite gives the WAL the same
/// mode.
///
/// An existing file is not opened. Closing any descriptor of a file releases all of the process's POSIX locks on it
/// (`fcntl`). If another program then closes the database, it does not see those locks, considers its connection the
/// last one, and deletes the WAL.
fn create_private(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

/// The characters to percent-encode in the path of a URI.
const PATH_ENCODE_SET: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// Opens an existing file for reading, and leaves no other file behind.
///
/// Even a read-only connection creates a missing `-wal` and `-shm` file beside the database. If there is neither a WAL
/// nor a rollback journal, no program has the database open, so `immutable=1` can read it as a plain file.
pub(crate) fn open_read_only(path: &Path) -> Result<SqliteConnection, String> {
    let path = path.canonicalize().map_err(|error| error.to_string())?;
    let text = path.to_str().ok_or("the path is not UTF-8")?;
    let has_log = ["-wal", "-journal"].iter().any(|suffix| sidecar_path(&path, suffix).exists());
    let access = if has_log { "mode=ro" } else { "immutable=1" };
    let uri = format!("file:{}?{access}", utf8_percent_encode(text, PATH_ENCODE_SET));
    let mut conn = SqliteConnection::establish(&uri).map_err(|error| error.to_string())?;
    for pragma in [BUSY_TIMEOUT, "PRAGMA query_only = ON"] {
        diesel::sql_query(pragma).execute(&mut conn).map_err(|error| error.to_string())?;
    }
    // SQLite opens any file. The first read fails if it is not a database.
    diesel::sql_query("SELECT 1 FROM sqlite_master").execute(&mut conn).map_err(|error| error.to_string())?;
    Ok(conn)
}

/// The path of one of SQLite's files beside the database: `-wal` is the write-ahead log, `-shm` its index, and
/// `-journal` the rollback journal.
#[must_use]
pub fn sidecar_path(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
