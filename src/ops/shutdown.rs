//! Stopping without failing a request: readiness turns first, requests are served for a while, then the rest drains.

use std::future::Future;
use std::time::Duration;

use actix_web::Error;
use actix_web::dev::{ServerHandle, ServiceResponse};
use actix_web::http::ConnectionType;
use tokio::signal::unix::{SignalKind, signal};

use crate::ops::health::Readiness;

/// Closes a client's connection with the answer once the service is stopping: it connects anew, and so to an instance
/// that goes on. A load balancer moves new connections only.
///
/// # Errors
/// The handler's own.
pub async fn close_when_draining<B>(
    readiness: Readiness,
    response: impl Future<Output = Result<ServiceResponse<B>, Error>>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = response.await?;
    if readiness.is_stopping() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

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
