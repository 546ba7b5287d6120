//! `posts-api backup`.

use std::path::Path;

use posts_api::config::Config;
use posts_api::db::Backup;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Result, print};

/// Copies the database to `file`. A signal ends it without leaving half a copy behind; one that comes when the copy has
/// its name is too late.
pub(crate) fn backup(config: &Config, file: &Path, overwrite: bool) -> Result<()> {
    let (path, bytes) = actix_web::rt::System::new().block_on(async {
        // Before there is anything to leave behind.
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let backup = Backup::begin(config.direct(), file, overwrite)?;
        let partial = backup.partial_path().to_owned();
        let mut copying = tokio::task::spawn_blocking(|| backup.finish());
        tokio::select! {
            done = &mut copying => return Ok::<_, Box<dyn std::error::Error>>(done??),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // The copy cannot be stopped, only the process.
        match std::fs::remove_file(partial) {
            // It has its name by now, or there is none.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(copying.await??),
            _ => std::process::exit(INTERRUPTED),
        }
    })?;
    print(&format!("backed up to {}: {bytes} bytes\n", path.display()))?;
    Ok(())
}

/// What a shell takes for "ended by SIGINT".
const INTERRUPTED: i32 = 130;
