//! Stopping without failing a request: readiness turns first, requests are served for a while, then the rest drains.

use std::future::Future;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{SignalKind, signal};

use super::health::Readiness;

/// Listens to SIGTERM and SIGINT from the call on; the future then waits for one and stops the server. SIGINT, which
/// comes from a person at a terminal, skips `grace`; so does a second signal.
///
/// # Errors
/// The signals cannot be listened to.
pub fn on_signal(
    server: ServerHandle,
    readiness: Readiness,
    grace: Duration,
) -> std::io::Result<impl Future<Output = ()>> {
    // Not in the future, which may run later: until then a signal would end the process at once.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
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
    })
}
