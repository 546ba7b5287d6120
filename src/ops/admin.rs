//! The listener for operators, beside the public one: `/metrics`. It has a thread of its own, so that it answers while the
//! public one has no time.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::http::{Method, header};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, web};

use crate::http::ApiError;
use crate::http::middleware::envelope::envelope;
use crate::http::transport::timeout_stream::http;
use crate::ops::metrics::{MetricSources, get_metrics};

/// Clients that are served at once.
const CLIENTS: usize = 64;

/// Serves `sources` on `listener`, until it is stopped.
///
/// # Errors
/// The listener cannot be used.
pub fn serve(listener: TcpListener, sources: MetricSources) -> std::io::Result<Server> {
    let sources = web::Data::new(sources);
    let server = Server::build().workers(1).disable_signals().max_concurrent_connections(CLIENTS);
    let stopping = server.graceful_shutdown_signal();
    let app = move || {
        let metrics = web::resource("/metrics")
            .route(web::get().to(get_metrics))
            .route(web::head().to(get_metrics))
            .default_service(web::to(wrong_method));
        let app = App::new()
            .app_data(sources.clone())
            .service(metrics)
            .default_service(web::to(no_route))
            .wrap(from_fn(envelope));
        let stopping = stopping.clone();
        http(app, move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
    };
    Ok(server.listen("admin", listener, app)?.run())
}

async fn wrong_method(method: Method) -> Result<HttpResponse, ApiError> {
    const ALLOW: &str = "GET, HEAD, OPTIONS";
    if method == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, ALLOW)).finish());
    }
    Err(ApiError::MethodNotAllowed { allow: ALLOW.to_owned() })
}

async fn no_route() -> Result<HttpResponse, ApiError> {
    Err(ApiError::NotFound("route"))
}
