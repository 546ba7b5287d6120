//! Graceful shutdown, during which no request fails:
//!
//! 1. The readiness check fails, so that load balancers stop sending requests here. No further webhook request begins.
//! 2. The service continues to serve requests for the grace period, and closes each connection after its response.
//! 3. The listener closes, and the server finishes the remaining requests.

use std::future::Future;
use std::time::Duration;

use actix_web::Error;
use actix_web::dev::{ServerHandle, ServiceResponse};
use actix_web::http::ConnectionType;
use tokio::signal::unix::{SignalKind, signal};

use crate::ops::health::Readiness;
use crate::webhooks::delivery::Deliveries;

/// Closes the connection after this response if the service is stopping. The client then reconnects, and the load
/// balancer, which moves only new connections, routes it to another instance.
///
/// # Errors
/// Returns the error of the handler.
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

/// Installs handlers for SIGTERM and SIGINT. The returned future waits for a signal and stops the server. SIGINT,
/// usually from a terminal, skips the grace period, and so does a second signal.
///
/// # Errors
/// A signal handler cannot be installed.
pub fn on_signal(
    server: ServerHandle,
    readiness: Readiness,
    deliveries: Deliveries,
    grace: Duration,
) -> std::io::Result<impl Future<Output = ()>> {
    // Installed before the future first runs: without a handler, a signal would end the process at once.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {
                readiness.stop();
                deliveries.stop();
                tracing::info!(grace_seconds = grace.as_secs(), "shutting down");
                tokio::select! {
                    () = tokio::time::sleep(grace) => {}
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            _ = interrupt.recv() => {
                readiness.stop();
                deliveries.stop();
            }
        }
        server.stop(true).await;
    })
}
