//! Opening a SQLite file: for reading, for writing, or for inspection without changing anything.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::db::options::Purpose;

/// How long opening SQLite's file is tried while another process has it.
const OPENING: Duration = Duration::from_secs(5);
/// How long SQLite waits for a lock that another process holds, in milliseconds.
pub(crate) const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

pub(crate) fn open(path: &Path, purpose: Purpose) -> Result<SqliteConnection, String> {
    create_private(path).map_err(|error| error.to_string())?;
    // Handed over as a path: diesel reads `file:…` as a URI with parameters.
    let path = path.to_str().ok_or("the path is not UTF-8")?;
    let path = if path.starts_with("file:") { format!("./{path}") } else { path.to_owned() };
    let mut conn = SqliteConnection::establish(&path).map_err(|error| error.to_string())?;
    // One at a time and in this order: until busy_timeout is set, the next one fails while another process writes.
    for pragma in [
        BUSY_TIMEOUT, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON",
        "PRAGMA journal_size_limit = 67108864",
    ] {
        set(&mut conn, pragma).map_err(|error| error.to_string())?;
    }
    if purpose == Purpose::Read {
        // In WAL mode a reader waits for nobody but a program that has the whole file to itself; it may be waiting on a
        // thread that has other requests to serve.
        for pragma in ["PRAGMA query_only = ON", "PRAGMA busy_timeout = 100"] {
            conn.batch_execute(pragma).map_err(|error| error.to_string())?;
        }
    }
    Ok(conn)
}

/// While another process turns the file to WAL mode, SQLite answers at once that it is locked, whatever `busy_timeout`
/// says: two that waited for each other's lock there would wait for ever.
fn set(conn: &mut SqliteConnection, pragma: &str) -> QueryResult<()> {
    let began = Instant::now();
    loop {
        match conn.batch_execute(pragma) {
            Err(error) if error.to_string().contains("locked") && began.elapsed() < OPENING => {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

/// Drafts and key hashes are nobody else's business: the file is made readable by its owner only. SQLite gives its
/// WAL the same mode.
///
/// A file that is there is not opened: closing it would give up the locks that this process's other connections have
/// on it (POSIX `fcntl`), and another program that closes the database would then take their WAL away.
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
        opened => opened.map(drop),
    }
}

/// What a path of a URI may have as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

pub(crate) fn open_read_only(path: &Path) -> Result<SqliteConnection, String> {
    let path = path.canonicalize().map_err(|error| error.to_string())?;
    let text = path.to_str().ok_or("the path is not UTF-8")?;
    // SQLite makes a log and an index for it beside a database that has none, also for who only reads. Where there is no
    // log nobody has the database open, and it can be read as the plain file that it is.
    let is_at_rest = ["-wal", "-journal"].iter().all(|end| !sidecar_path(&path, end).exists());
    let access = if is_at_rest { "immutable=1" } else { "mode=ro" };
    let uri = format!("file:{}?{access}", utf8_percent_encode(text, PATH));
    let mut conn = SqliteConnection::establish(&uri).map_err(|error| error.to_string())?;
    for pragma in ["PRAGMA busy_timeout = 5000", "PRAGMA query_only = ON"] {
        diesel::sql_query(pragma).execute(&mut conn).map_err(|error| error.to_string())?;
    }
    // It opens any file; the first look tells whether it is a database.
    diesel::sql_query("SELECT 1 FROM sqlite_master").execute(&mut conn).map_err(|error| error.to_string())?;
    Ok(conn)
}

/// The file of SQLite's whose name has this end: `-wal` is its write-ahead log.
#[must_use]
pub fn sidecar_path(database: &Path, end: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(end);
    path.into()
}
