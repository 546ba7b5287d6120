//! Stopping without failing a request: readiness turns first, requests are served for a while, then the rest drains.

use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{SignalKind, signal};

use super::health::Readiness;

/// Waits for SIGTERM or SIGINT, then stops the server. SIGINT, which comes from a person at a terminal, skips `grace`;
/// so does a second signal.
///
/// # Errors
/// The signals cannot be listened to.
pub async fn on_signal(server: ServerHandle, readiness: Readiness, grace: Duration) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {
            readiness.stop();
            tracing::info!(grace_seconds = grace.as_secs(), "stopping");
            tokio::select! {
                () = tokio::time::sleep(grace) => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        _ = interrupt.recv() => readiness.stop(),
    }
    server.stop(true).await;
    Ok(())
}
