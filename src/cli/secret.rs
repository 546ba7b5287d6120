//! Stores a new API key or webhook and prints its secret, which cannot be shown again.
//!
//! Either both happen or neither does: a stored key whose secret is unknown would be useless, and it would keep the
//! first start from creating another one.
//!
//! 1. Begin a transaction, and store the key or the webhook.
//! 2. Print the secret. If the output is closed, full, or not read, roll back.
//! 3. Commit. If this fails, the error says that the printed secret may not work.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::mpsc;
use std::time::Duration;

use diesel::QueryResult;
use posts_api::db::Connection;

use crate::cli::output::stdout;

/// How long to wait for the output. The transaction blocks other writers in the meantime.
const TIMEOUT: Duration = Duration::from_secs(4);

/// What is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Printed {
    Key,
    WebhookSecret,
}

impl Printed {
    fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::WebhookSecret => "secret",
        }
    }

    /// The command that lists what is stored.
    fn list(self) -> &'static str {
        match self {
            Self::Key => "posts-api keys list",
            Self::WebhookSecret => "posts-api webhooks list",
        }
    }
}

/// Why nothing was stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// Not a source: `main` ends quietly after a broken pipe, but not here.
    #[error("failed to print the {name}, so it was not stored: {1}", name = .0.name())]
    Print(Printed, io::Error),
    /// If the connection was lost during the commit, it may be stored.
    #[error(
        "the printed {name} may not work, because storing it failed: {1}; see {list}",
        name = .0.name(), list = .0.list()
    )]
    Commit(Printed, diesel::result::Error),
    #[error("failed to store what was created: {0}")]
    Store(#[from] diesel::result::Error),
}

/// Calls `store` and, if it has stored something, prints `text`. Returns whether something was stored.
pub(crate) fn store_and_print<T>(
    conn: &mut Connection,
    store: impl FnOnce(&mut Connection) -> QueryResult<Option<T>>,
    text: &str,
    printed: Printed,
) -> Result<bool, SecretError> {
    let mut is_printed = false;
    let result = conn.transaction(|conn| {
        if store(conn)?.is_some() {
            print_within_timeout(text).map_err(|error| SecretError::Print(printed, error))?;
            is_printed = true;
        }
        Ok(is_printed)
    });
    match result {
        Err(SecretError::Store(error)) if is_printed => Err(SecretError::Commit(printed, error)),
        result => result,
    }
}

/// Prints the text from another thread, because a terminal or pipe that is not read blocks the writer.
fn print_within_timeout(text: &str) -> io::Result<()> {
    let mut out = stdout()?;
    if is_null_device(&out)? {
        return Err(io::Error::new(ErrorKind::NotFound, "standard output is closed or /dev/null"));
    }
    let (done, result) = mpsc::channel();
    let text = text.to_owned();
    std::thread::spawn(move || done.send(write_durably(&mut out, &text)));
    result
        .recv_timeout(TIMEOUT)
        .unwrap_or_else(|_| Err(io::Error::new(ErrorKind::TimedOut, "standard output is not read")))
}

/// Some file systems report a full disk or an exceeded quota only when the file is synced.
fn write_durably(out: &mut File, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    if out.metadata()?.is_file() { out.sync_all() } else { Ok(()) }
}

/// Rust opens the null device in place of a standard output that is closed when the process starts.
fn is_null_device(out: &File) -> io::Result<bool> {
    let (out, null) = (out.metadata()?, std::fs::metadata("/dev/null")?);
    Ok(out.file_type().is_char_device() && out.rdev() == null.rdev())
}
