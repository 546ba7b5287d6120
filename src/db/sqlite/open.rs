//! Opens a SQLite file for reading, for writing, or for inspection.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::db::options::Purpose;
use crate::db::sqlite::files::{OpenFiles, sidecar_path};

/// How long a PRAGMA is retried while another process has the file locked.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for another connection's lock: 5 s.
pub(crate) const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// Opens the file and creates it if it is missing, unless the process has a connection to a file that was removed.
pub(crate) fn open(path: &Path, purpose: Purpose) -> Result<(SqliteConnection, Arc<OpenFiles>), String> {
    OpenFiles::check(path)?;
    create_private(path).map_err(|error| error.to_string())?;
    // diesel interprets `file:…` and `sqlite://…` as URIs with parameters. A leading `./` makes them paths.
    let name = Path::new(".").join(path);
    let name = name.to_str().ok_or("the path is not UTF-8")?;
    let mut conn = SqliteConnection::establish(name).map_err(|error| error.to_string())?;
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
    if purpose == Purpose::Write {
        // Before a statement with triggers changes a page, SQLite copies the page to a journal, for the case that the
        // statement fails. In a file, these journals took more than half of the time of a publish.
        //
        // A checkpoint writes each page of the WAL to the database file once, and waits for the disk twice. At 2,500
        // pages (10 MiB) instead of 1,000, it takes 40 % less time per write: many writes change the same pages.
        for pragma in ["PRAGMA temp_store = MEMORY", "PRAGMA wal_autocheckpoint = 2500"] {
            conn.batch_execute(pragma).map_err(|error| error.to_string())?;
        }
    }
    Ok((conn, OpenFiles::register(path)?))
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

/// Creates a missing file with mode 0600, whatever the umask, because drafts and key hashes are confidential. SQLite
/// gives the `-wal` and `-shm` files the same mode. An existing file keeps its mode.
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
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, PRIVATE);
    match options.open(link_target(path)) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        #[cfg(unix)]
        Ok(file) => file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(PRIVATE)),
        #[cfg(not(unix))]
        Ok(_) => Ok(()),
    }
}

/// Readable and writable by the owner only.
#[cfg(unix)]
const PRIVATE: u32 = 0o600;

/// Follows symbolic links to the file, which may be missing. `create_new` does not follow links, but SQLite does: it
/// would create the target of a link with the mode of the umask.
fn link_target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // The limit of Linux. Opening a longer chain fails.
    for _ in 0..40 {
        match path.read_link() {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => break,
        }
    }
    path
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
