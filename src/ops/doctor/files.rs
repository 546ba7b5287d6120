//! Checks of the SQLite file, its directory, its disk, and its write-ahead log.

use std::fs::{Metadata, OpenOptions};
use std::path::Path;

use crate::db::sqlite::files::sidecar_path;
use crate::ops::doctor::Check;

pub(crate) const FILE: &str = "file";

const MIB: u64 = 1024 * 1024;
/// The size in bytes to which SQLite truncates its write-ahead log. If the log is longer, a reader prevents truncation.
const MAX_LOG: u64 = 64 * MIB;
/// The free space in bytes below which the next writes may fail.
const MIN_FREE: u64 = 64 * MIB;

pub(crate) fn run_checks(database: &Path, checks: &mut Vec<Check>) {
    let directory = match database.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    checks.push(check_directory(directory));
    let metadata = database.metadata();
    checks.push(match &metadata {
        Ok(metadata) => check_file(database, metadata),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Check::error(
            FILE,
            format!("{} does not exist; run posts-api migrate to create it, or start the service", database.display()),
        ),
        Err(error) => Check::error(FILE, format!("{}: {error}", database.display())),
    });
    checks.extend(check_disk(directory, metadata.map_or(0, |metadata| metadata.len())));
    checks.push(check_log(database));
}

fn check_directory(directory: &Path) -> Check {
    const NAME: &str = "directory";
    let path = absolute(directory);
    // Creates an unnamed file. Metadata alone would miss access control lists and read-only mounts.
    match tempfile::tempfile_in(directory) {
        Ok(_file) => Check::ok(NAME, format!("{path} is writable")),
        Err(error) => Check::error(
            NAME,
            format!(
                "cannot create files in {path} ({error}), but SQLite stores its log there; give the service user \
                 write permission"
            ),
        ),
    }
}

fn absolute(directory: &Path) -> String {
    directory.canonicalize().unwrap_or_else(|_| directory.to_owned()).display().to_string()
}

fn check_file(database: &Path, metadata: &Metadata) -> Check {
    let path = database.display();
    if !metadata.is_file() {
        return Check::error(FILE, format!("{path} is not a file; set DATABASE_URL to the path of a file"));
    }
    if let Err(error) = OpenOptions::new().read(true).write(true).open(database) {
        let message =
            format!("{path} is not readable and writable ({error}); make the service user its owner with chown");
        return Check::error(FILE, message);
    }
    if is_accessible_to_others(metadata) {
        let message = format!("other users can read or write {path}, which contains drafts; run chmod 600 {path}");
        return Check::warning(FILE, message);
    }
    Check::ok(FILE, format!("{path} is readable and writable by its owner only"))
}

#[cfg(unix)]
fn is_accessible_to_others(metadata: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn is_accessible_to_others(_: &Metadata) -> bool {
    false
}

/// Checks the free space. Returns `None` if this operating system does not report it.
fn check_disk(directory: &Path, database_size: u64) -> Option<Check> {
    const NAME: &str = "disk";
    let free = match free_space(directory)? {
        Ok(free) => free,
        Err(error) => return Some(Check::error(NAME, format!("failed to determine the free space: {error}"))),
    };
    let mib = free / MIB;
    Some(if free < MIN_FREE {
        Check::error(NAME, format!("only {mib} MiB are free; free up space, or writes will fail with status 507"))
    } else if free < database_size.saturating_add(MIN_FREE) {
        let message = format!(
            "{mib} MiB are free, less than the size of the database; free up space before a backup to this disk or a \
             large migration"
        );
        Check::warning(NAME, message)
    } else {
        Check::ok(NAME, format!("{mib} MiB are free"))
    })
}

/// The free space in bytes for users other than root.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems do not report it")]
fn free_space(directory: &Path) -> Option<std::io::Result<u64>> {
    let disk = rustix::fs::statvfs(directory).map_err(std::io::Error::from);
    Some(disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)))
}

#[cfg(not(unix))]
fn free_space(_: &Path) -> Option<std::io::Result<u64>> {
    None
}

fn check_log(database: &Path) -> Check {
    const NAME: &str = "log";
    // SQLite resolves symbolic links before it derives the name of the log.
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    match sidecar_path(&database, "-wal").metadata() {
        Ok(log) if log.len() > MAX_LOG => {
            let message = format!(
                "the write-ahead log is {} MiB long, because a program, such as a backup or a shell, has a long read \
                 transaction open; end that program, and the running service truncates the log",
                log.len() / MIB
            );
            Check::warning(NAME, message)
        }
        Ok(log) => Check::ok(NAME, format!("the write-ahead log is {} KiB long", log.len() / 1024)),
        Err(_) => Check::ok(NAME, "there is no write-ahead log, so no program has the database open"),
    }
}
