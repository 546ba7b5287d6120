//! The admin listener, which serves `/metrics` to operators. It has its own thread, so that it responds while the
//! public listener is overloaded.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::http::{Method, header};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, web};

use crate::http::ApiError;
use crate::http::middleware::envelope::envelope;
use crate::http::transport::client_ip::TrustedProxies;
use crate::http::transport::connections::Connections;
use crate::http::transport::timeout_stream::http_service;
use crate::ops::metrics::{MetricSources, get_metrics};

/// The limit on concurrent connections.
const MAX_CONNECTIONS: usize = 64;

/// Starts a server that exposes the metrics of `sources` on `listener`.
///
/// # Errors
/// The server cannot use the listener.
pub fn serve(listener: TcpListener, sources: MetricSources) -> std::io::Result<Server> {
    let sources = web::Data::new(sources);
    let server = Server::build().workers(1).disable_signals().max_concurrent_connections(MAX_CONNECTIONS);
    let stopping = server.graceful_shutdown_signal();
    // The number of connections is limited above, whichever client they belong to.
    let connections = Connections::new(None, 0, TrustedProxies::default());
    let app = move || {
        let metrics = web::resource("/metrics")
            .route(web::get().to(get_metrics))
            .route(web::head().to(get_metrics))
            .default_service(web::to(method_not_allowed));
        let app = App::new()
            .app_data(sources.clone())
            .service(metrics)
            .default_service(web::to(not_found))
            .wrap(from_fn(envelope));
        let stopping = stopping.clone();
        http_service(app, connections.clone(), move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
    };
    Ok(server.listen("admin", listener, app)?.run())
}

async fn method_not_allowed(method: Method) -> Result<HttpResponse, ApiError> {
    const ALLOW: &str = "GET, HEAD, OPTIONS";
    if method == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, ALLOW)).finish());
    }
    Err(ApiError::MethodNotAllowed { allow: ALLOW.to_owned() })
}

async fn not_found() -> Result<HttpResponse, ApiError> {
    Err(ApiError::NotFound("route"))
}
