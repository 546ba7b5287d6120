//! SQLite's file and the place where it lies.

use std::fs::{Metadata, OpenOptions};
use std::path::Path;

use crate::db::sqlite::open::sidecar_path;
use crate::ops::doctor::{Check, State};

pub(crate) const FILE: &str = "file";

const MIB: u64 = 1024 * 1024;
/// SQLite cuts its log back to so much.
const LONG_LOG: u64 = 64 * MIB;
/// With less, the next writes may be refused.
const LITTLE_ROOM: u64 = 64 * MIB;

pub(crate) fn examine(database: &Path, checks: &mut Vec<Check>) {
    let directory = match database.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    checks.push(self::directory(directory));
    let file = database.metadata();
    checks.push(match &file {
        Ok(metadata) => self::file(database, metadata),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Check::new(
            FILE,
            State::Wrong,
            format!("there is no {}: posts-api migrate makes it, and so does the first start", database.display()),
        ),
        Err(error) => Check::new(FILE, State::Wrong, format!("{}: {error}", database.display())),
    });
    checks.extend(room(directory, file.map_or(0, |file| file.len())));
    checks.push(log(database));
}

fn directory(directory: &Path) -> Check {
    const NAME: &str = "directory";
    // Nothing but a try tells of lists of rights and of disks that are mounted for reading only. The file has no name.
    match tempfile::tempfile_in(directory) {
        Ok(_file) => Check::new(NAME, State::Ok, format!("files can be made in {}", shown(directory))),
        Err(error) => Check::new(
            NAME,
            State::Wrong,
            format!(
                "no file can be made in {} ({error}), and SQLite keeps its log beside the database: give the user of \
                 the service the right to write there",
                shown(directory)
            ),
        ),
    }
}

fn shown(directory: &Path) -> String {
    directory.canonicalize().unwrap_or_else(|_| directory.to_owned()).display().to_string()
}

fn file(database: &Path, metadata: &Metadata) -> Check {
    let shown = database.display();
    if !metadata.is_file() {
        return Check::new(FILE, State::Wrong, format!("{shown} is no file: let DATABASE_URL name one"));
    }
    if let Err(error) = OpenOptions::new().read(true).write(true).open(database) {
        let says = format!("{shown} cannot be read and written ({error}): give it to the user of the service (chown)");
        return Check::new(FILE, State::Wrong, says);
    }
    if is_open_to_others(metadata) {
        let says = format!("other users of this machine can read or write {shown}, drafts too: chmod 600 {shown}");
        return Check::new(FILE, State::Warning, says);
    }
    Check::new(FILE, State::Ok, format!("{shown} can be read and written, by its owner only"))
}

#[cfg(unix)]
fn is_open_to_others(metadata: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Metadata) -> bool {
    false
}

/// `None`: this system does not tell.
fn room(directory: &Path, size: u64) -> Option<Check> {
    const NAME: &str = "disk";
    let free = match free(directory)? {
        Ok(free) => free,
        Err(error) => return Some(Check::new(NAME, State::Wrong, format!("its free space cannot be told: {error}"))),
    };
    let told = format!("{} MiB are free", free / MIB);
    Some(if free < LITTLE_ROOM {
        Check::new(NAME, State::Wrong, format!("only {told}: make room, or writes will be answered 507"))
    } else if free < size.saturating_add(LITTLE_ROOM) {
        let says = format!("{told}, less than the database has: a backup beside it or a large migration has no room");
        Check::new(NAME, State::Warning, says)
    } else {
        Check::new(NAME, State::Ok, told)
    })
}

/// Bytes that are free for who is not root.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems do not tell")]
fn free(directory: &Path) -> Option<std::io::Result<u64>> {
    let told = rustix::fs::statvfs(directory).map_err(std::io::Error::from);
    Some(told.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<std::io::Result<u64>> {
    None
}

fn log(database: &Path) -> Check {
    const NAME: &str = "log";
    // SQLite follows links before it appends its ends.
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    match sidecar_path(&database, "-wal").metadata() {
        Ok(log) if log.len() > LONG_LOG => {
            let says = format!(
                "the write-ahead log has {} MiB: a program reads the database for long, a backup or an open shell \
                 perhaps; end it, and a running service empties the log",
                log.len() / MIB
            );
            Check::new(NAME, State::Warning, says)
        }
        Ok(log) => Check::new(NAME, State::Ok, format!("the write-ahead log has {} KiB", log.len() / 1024)),
        Err(_) => Check::new(NAME, State::Ok, "there is no write-ahead log: nobody has the database open"),
    }
}
