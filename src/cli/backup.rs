//! `posts-api backup`.

use std::path::Path;

use posts_api::config::Config;
use posts_api::db::Backup;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Result;
use crate::cli::output::confirm;

/// Copies the database to `file`. On SIGTERM and SIGINT, removes the partial copy and exits. A signal that arrives
/// after the copy was renamed to `file` has no effect.
pub(crate) fn backup(config: &Config, file: &Path, overwrite: bool) -> Result<()> {
    let (path, bytes) = actix_web::rt::System::new().block_on(async {
        // Installs the handlers before the partial file exists, so that a signal cannot leave it behind.
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let backup = Backup::begin(config.direct(), file, overwrite)?;
        let partial = backup.partial_path().to_owned();
        let mut copying = tokio::task::spawn_blocking(|| backup.finish());
        tokio::select! {
            done = &mut copying => return Ok::<_, Box<dyn std::error::Error>>(done??),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // A running copy cannot be canceled, so the process exits.
        match std::fs::remove_file(partial) {
            // The copy was already renamed, or it has failed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(copying.await??),
            _ => std::process::exit(INTERRUPTED),
        }
    })?;
    confirm(&format!("backed up to {}: {bytes} bytes", path.display()))
}

/// The exit status that shells use for a process ended by SIGINT: 128 + 2.
const INTERRUPTED: i32 = 130;
