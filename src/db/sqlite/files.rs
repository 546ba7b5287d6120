//! [`OpenFiles`]: detects that the files of an open SQLite database were removed or replaced.
//!
//! A process keeps using a file that it has open after another process has removed or replaced it. SQLite would then
//! commit to a file that has no name, and that is gone when the process ends. A new connection would open another file.
//!
//! 1. The first connection to a path records the device and the inode of the database and of its `-wal` and `-shm`
//!    files.
//! 2. Each further connection to this path, each commit, each poll of the writer thread, and each readiness check
//!    compares them with the files that are there now. This costs one `stat` per file.
//! 3. After a difference, every use of a connection to this path fails until the process is restarted. It does not
//!    matter if the files come back: another process may have changed them meanwhile, with locks of its own.
//! 4. When the last connection closes, SQLite removes `-wal` and `-shm`. The next connection records the files again.
//!
//! The records are global, like SQLite's own locks: both apply to all connections of the process to a file.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// The records by the path that each database was opened with.
static OPEN: Mutex<BTreeMap<PathBuf, Weak<OpenFiles>>> = Mutex::new(BTreeMap::new());

/// The files of a database that has at least one open connection.
pub(crate) struct OpenFiles {
    files: Mutex<[WatchedFile; 3]>,
    /// Why the files must not be used any more.
    lost: OnceLock<String>,
}

struct WatchedFile {
    path: PathBuf,
    /// `None` until the file exists: SQLite creates `-wal` and `-shm` when it needs them.
    identity: Option<Identity>,
}

/// The device and the inode.
type Identity = (u64, u64);

impl OpenFiles {
    /// Checks the files if the process has a connection to `path`. Call it before SQLite opens the path: SQLite would
    /// create a file in place of one that was removed.
    ///
    /// # Errors
    /// A file was removed or replaced.
    pub(crate) fn check(path: &Path) -> Result<(), String> {
        find(&lock(&OPEN), path).map_or(Ok(()), |files| files.verify())
    }

    /// Records the files of a connection that was just opened, or compares them with the record of earlier connections.
    ///
    /// # Errors
    /// A file was removed or replaced.
    pub(crate) fn register(path: &Path) -> Result<Arc<Self>, String> {
        let mut open = lock(&OPEN);
        let files = if let Some(files) = find(&open, path) { files } else { Arc::new(Self::at(path)?) };
        open.retain(|_, files| files.strong_count() > 0);
        open.insert(path.to_owned(), Arc::downgrade(&files));
        drop(open);
        files.verify()?;
        Ok(files)
    }

    fn at(path: &Path) -> Result<Self, String> {
        // SQLite resolves symbolic links before it derives the names of the other files. The database keeps its path as
        // given, so that a link to another file is noticed.
        let resolved = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
        let absolute = std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let paths = [absolute, sidecar_path(&resolved, "-wal"), sidecar_path(&resolved, "-shm")];
        Ok(Self { files: Mutex::new(paths.map(|path| WatchedFile { path, identity: None })), lost: OnceLock::new() })
    }

    /// Compares the files with the record.
    ///
    /// # Errors
    /// A file was removed or replaced, now or before, or its state cannot be determined.
    pub(crate) fn verify(self: &Arc<Self>) -> Result<(), String> {
        self.ensure_intact()?;
        for file in lock(&self.files).iter_mut() {
            let change = match (file.path.metadata(), &file.identity) {
                (Ok(metadata), None) => {
                    file.identity = Some(identity(&metadata));
                    continue;
                }
                (Ok(metadata), Some(recorded)) if identity(&metadata) == *recorded => continue,
                (Ok(_), Some(_)) => "replaced by another file",
                (Err(error), Some(_)) if error.kind() == ErrorKind::NotFound => "removed",
                (Err(error), None) if error.kind() == ErrorKind::NotFound => continue,
                (Err(error), _) => return Err(format!("{}: {error}", file.path.display())),
            };
            return Err(self.mark_lost(format!("{} was {change} while it was in use; restart", file.path.display())));
        }
        Ok(())
    }

    /// # Errors
    /// The file system is mounted read-only, for example after an error of its disk.
    pub(crate) fn ensure_writable(&self) -> Result<(), String> {
        match lock(&self.files).first() {
            Some(database) if is_read_only(&database.path) => {
                Err(format!("the file system of {} is read-only", database.path.display()))
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// [`OpenFiles::verify`] has failed before, because a file was removed or replaced.
    pub(crate) fn ensure_intact(&self) -> Result<(), String> {
        self.lost.get().map_or(Ok(()), |reason| Err(reason.clone()))
    }

    /// Makes every later check fail. Returns the reason.
    fn mark_lost(self: &Arc<Self>, reason: String) -> String {
        if self.lost.set(reason.clone()).is_ok() {
            tracing::error!(%reason, "the files of the SQLite database have changed; rejecting all reads and writes");
            // Keeps the record when all connections have closed. Otherwise the next one would use the other file.
            std::mem::forget(Arc::clone(self));
        }
        reason
    }
}

/// The path of one of SQLite's files beside the database: `-wal` is the write-ahead log, `-shm` its index, and
/// `-journal` the rollback journal.
pub(crate) fn sidecar_path(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn find(open: &BTreeMap<PathBuf, Weak<OpenFiles>>, path: &Path) -> Option<Arc<OpenFiles>> {
    open.get(path).and_then(Weak::upgrade)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Other systems do not allow to remove or replace an open file.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {
    (0, 0)
}

#[cfg(unix)]
fn is_read_only(path: &Path) -> bool {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    statvfs(path).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(not(unix))]
fn is_read_only(_: &Path) -> bool {
    false
}
