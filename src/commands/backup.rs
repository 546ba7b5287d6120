//! `posts-api backup`.

use std::path::Path;

use posts_api::config::Config;
use posts_api::db::Backup;
use tokio::signal::unix::{SignalKind, signal};

use super::print;
use crate::Result;

/// Copies the database to `file`. A signal ends it without leaving half a copy behind.
pub(crate) fn backup(config: &Config, file: &Path, overwrite: bool) -> Result<()> {
    let backup = Backup::begin(&config.database, file, overwrite)?;
    let partial = backup.partial().to_owned();
    let (path, bytes) = actix_web::rt::System::new().block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let copying = tokio::task::spawn_blocking(|| backup.finish());
        tokio::select! {
            done = copying => return Ok::<_, Box<dyn std::error::Error>>(done??),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // The copy cannot be stopped, only the process.
        let _ = std::fs::remove_file(partial);
        std::process::exit(INTERRUPTED)
    })?;
    print(&format!("backed up to {}: {bytes} bytes\n", path.display()))?;
    Ok(())
}

/// What a shell takes for "ended by SIGINT".
const INTERRUPTED: i32 = 130;
