//! The HTTP server: assembles middleware and routes, and starts the background tasks.
//!
//! `posts-api serve` and the tests start the server with the same function, [`serve`].

mod app_data;

use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Server, ServerHandle, Service as _, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, web};

use crate::config::Config;
use crate::db::{Database, DatabaseUrl, Timestamp};
use crate::http::middleware::cache::{Cache, serve_cached};
use crate::http::middleware::cors::cors;
use crate::http::middleware::envelope::envelope;
use crate::http::middleware::query;
use crate::http::middleware::rate_limit::{RateLimiter, limit};
use crate::http::middleware::request_metrics::RequestMetrics;
use crate::http::transport::client_ip::TrustedProxies;
use crate::http::transport::connections::Connections;
use crate::http::transport::listen::{blocking_threads, clients_per_worker, max_streams};
use crate::http::transport::listeners::Listeners;
use crate::http::transport::memory_budget::MemoryBudget;
use crate::http::transport::timeout_stream::http_service;
use crate::ops::health::Readiness;
use crate::ops::metrics::MetricSources;
use crate::ops::{admin, cleanup, shutdown};
use crate::posts::changes::counts::ChangeCounts;
use crate::posts::changes::stream::open_streams::Streams;
use crate::posts::scheduler;
use crate::routes;
use crate::server::app_data::AppData;
use crate::webhooks::delivery::{self, Deliveries};
use crate::webhooks::send::{Networks, Sender};

/// A running server.
pub struct Service {
    /// Completes when the server has stopped.
    pub server: Pin<Box<dyn Future<Output = std::io::Result<()>>>>,
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The address of the admin server, which serves `/metrics`. `None` if there is none.
    pub admin_address: Option<SocketAddr>,
    pub readiness: Readiness,
    pub cache: Cache,
    pub streams: Streams,
    /// The statistics of the scheduler.
    pub schedule: Arc<scheduler::SchedulerStats>,
    /// The worker that sends webhooks.
    pub deliveries: Deliveries,
    pub handle: ServerHandle,
}

/// Assembles the server on `listeners`, and starts the background tasks, which end with the runtime. Call it within an
/// actix runtime.
///
/// # Errors
/// A listener cannot be used, or the API document cannot be rendered.
pub fn serve(config: &Config, listeners: Listeners, database: Database) -> std::io::Result<Service> {
    let readiness = Readiness::default();
    let schedule = Arc::new(scheduler::SchedulerStats::default());
    actix_web::rt::spawn(scheduler::poll(database.clone(), Arc::clone(&schedule)));
    actix_web::rt::spawn(cleanup::run(database.clone()));
    let sender = Sender::new(Networks::new(&config.webhook_networks));
    let deliveries = delivery::start(database.clone(), sender.clone());
    let budget = MemoryBudget::new(config.cache_bytes, config.response_bytes);
    let cache = Cache::new(database.clone(), config.cache_bytes, budget.clone());
    let streams = event_streams(config, &database, budget.clone());
    let proxies = TrustedProxies(config.trusted_proxies.clone());
    let connections = Connections::new(Some(budget), config.connections_per_ip, proxies);
    let sources = metric_sources(config, &database, &cache, &streams, &schedule, &deliveries, connections.clone());
    let app_data = AppData::new(config, database, readiness.clone(), sender, &sources)?;
    let address = listeners.api.local_addr()?;
    let admin = listeners.admin.map(|listener| start_admin(listener, sources)).transpose()?;
    let server = start_api(config, listeners.api, app_data, readiness.clone(), connections)?;
    let handle = server.handle();
    let (admin, admin_address) = admin.unzip();
    let (stopped_deliveries, stopped_readiness) = (deliveries.clone(), readiness.clone());
    let server = Box::pin(async move {
        let result = server.await;
        stopped_deliveries.stop();
        if stopped_readiness.is_stopping() {
            stopped_deliveries.finished().await;
        }
        // Metrics remain available until the last request has ended.
        if let Some(admin) = admin {
            admin.stop(false).await;
        }
        result
    });
    Ok(Service { server, address, admin_address, readiness, cache, streams, schedule, deliveries, handle })
}

/// Starts the API server on a listener.
fn start_api(
    config: &Config,
    listener: TcpListener,
    app_data: AppData,
    readiness: Readiness,
    connections: Connections,
) -> std::io::Result<Server> {
    let origins: Option<Arc<[String]>> = config.cors_allowed_origins.clone().map(Into::into);
    let connections_to_database = config.database_connections();
    // Readiness must change before connections are refused, so `ops::shutdown` handles the signals.
    let server = Server::build()
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_TIMEOUT)
        .worker_max_blocking_threads(blocking_threads(connections_to_database))
        .max_concurrent_connections(clients_per_worker(connections_to_database));
    let stopping = server.graceful_shutdown_signal();
    let (streams, stops) = (app_data.streams.clone(), stopping.clone());
    actix_web::rt::spawn(async move {
        stops.notified().await;
        // Event streams have no end of their own, and the server waits for all responses to end.
        streams.stop();
    });
    let service_factory = move || {
        let readiness = readiness.clone();
        let app = App::new()
            .configure(|app| app_data.register(app))
            .configure(routes::configure)
            .default_service(web::to(routes::no_route))
            // Inside CORS, so that scripts can read a 429 response. CORS responds to preflights, so they are not
            // counted.
            .wrap(from_fn(limit_and_serve_cached))
            .wrap(cors(origins.as_deref()))
            .wrap(from_fn(envelope))
            .wrap_fn(move |request, service| shutdown::close_when_draining(readiness.clone(), service.call(request)));
        let stopping = stopping.clone();
        http_service(app, connections.clone(), move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
    };
    Ok(server.listen("http", listener, service_factory)?.run())
}

fn event_streams(config: &Config, database: &Database, budget: MemoryBudget) -> Streams {
    let limit = max_streams(config.max_streams, clients_per_worker(config.database_connections()));
    if limit < config.max_streams {
        tracing::warn!(
            max_streams = config.max_streams,
            limit,
            "MAX_STREAMS exceeds half of the connections that the limit on open files permits; raise that limit"
        );
    }
    Streams::new(database.clone(), budget, limit)
}

/// Collects the modules whose metrics the admin server exports.
fn metric_sources(
    config: &Config,
    database: &Database,
    cache: &Cache,
    streams: &Streams,
    schedule: &Arc<scheduler::SchedulerStats>,
    deliveries: &Deliveries,
    connections: Connections,
) -> MetricSources {
    MetricSources {
        database: database.clone(),
        backend: match config.database {
            DatabaseUrl::Sqlite { .. } => "sqlite",
            DatabaseUrl::Postgres(_) => "postgresql",
        },
        cache: cache.clone(),
        streams: streams.clone(),
        changes: Arc::new(ChangeCounts::new(Timestamp::now())),
        connections,
        requests: web::Data::new(RequestMetrics::new(routes::templates(), routes::error_codes())),
        limits: web::Data::new(RateLimiter::new(config.rate_limit)),
        replays: web::Data::default(),
        schedule: Arc::clone(schedule),
        deliveries: deliveries.clone(),
        started: SystemTime::now(),
    }
}

/// Starts the admin server, and returns its handle and address.
fn start_admin(listener: TcpListener, sources: MetricSources) -> std::io::Result<(ServerHandle, SocketAddr)> {
    let address = listener.local_addr()?;
    let server = admin::serve(listener, sources)?;
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok((handle, address))
}

/// Removes ignored query parameters, applies the rate limit, and serves cached responses. One middleware does all
/// three, because each middleware costs time in every request.
async fn limit_and_serve_cached<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    query::remove_ignored(&mut request);
    limit(request, async |request| serve_cached(request, next).await).await
}

/// How long requests in progress may take after the server has begun to stop, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 30;
