//! The HTTP server: assembles middleware and routes, and starts the background tasks.
//!
//! `posts-api serve` and the tests start the server with the same function, [`serve`].

use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Server, ServerHandle, Service as _, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, web};

use crate::config::Config;
use crate::db::{Database, DatabaseUrl};
use crate::http::extract::idempotency_key::ReplayCounter;
use crate::http::extract::preconditions::RequireIfMatch;
use crate::http::middleware::cache::{Cache, serve_cached};
use crate::http::middleware::cors::cors;
use crate::http::middleware::envelope::envelope;
use crate::http::middleware::query::{self, QueryRoutes};
use crate::http::middleware::rate_limit::{RateLimiter, limit};
use crate::http::middleware::request_metrics::RequestMetrics;
use crate::http::transport::client_ip::TrustedProxies;
use crate::http::transport::connections::Connections;
use crate::http::transport::listen::{blocking_threads, clients_per_worker};
use crate::http::transport::listeners::Listeners;
use crate::http::transport::memory_budget::MemoryBudget;
use crate::http::transport::timeout_stream::http_service;
use crate::keys::auth::EnvironmentKey;
use crate::keys::existence::ExistenceCheck;
use crate::keys::model::SecretKey;
use crate::ops::docs::{Document, ErrorCatalog};
use crate::ops::health::Readiness;
use crate::ops::metrics::MetricSources;
use crate::ops::{admin, cleanup, shutdown};
use crate::posts::scheduler;
use crate::routes;
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
    let sender = Sender::new(Networks::new(&config.webhook_networks)).map_err(std::io::Error::other)?;
    let deliveries = delivery::start(database.clone(), sender.clone());
    let budget = MemoryBudget::new(config.cache_bytes, config.response_bytes);
    let cache = Cache::new(database.clone(), config.cache_bytes, budget.clone());
    let proxies = TrustedProxies(config.trusted_proxies.clone());
    let connections = Connections::new(Some(budget), config.connections_per_ip, proxies);
    let sources = metric_sources(config, &database, &cache, &schedule, &deliveries, connections.clone());
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
    Ok(Service { server, address, admin_address, readiness, cache, schedule, deliveries, handle })
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
    let pools = 1 + u32::from(config.endpoints.replica.is_some());
    // Readiness must change before connections are refused, so `ops::shutdown` handles the signals.
    let server = Server::build()
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_TIMEOUT)
        .worker_max_blocking_threads(blocking_threads(config.pool.size * pools))
        .max_concurrent_connections(clients_per_worker(config.pool.size * pools));
    let stopping = server.graceful_shutdown_signal();
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

/// Collects the modules whose metrics the admin server exports.
fn metric_sources(
    config: &Config,
    database: &Database,
    cache: &Cache,
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

/// Removes ignored query parameters, applies the rate limit, and serves cached responses. One middleware does all three,
/// because each middleware costs time in every request.
async fn limit_and_serve_cached<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    query::remove_ignored(&mut request);
    limit(request, async |request| serve_cached(request, next).await).await
}

/// How long requests in progress may take after the server has begun to stop, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 30;

/// The application data, which handlers and middleware look up by type.
#[derive(Clone)]
struct AppData {
    cache: web::Data<Cache>,
    budget: web::Data<MemoryBudget>,
    database: web::Data<Database>,
    environment_key: web::Data<EnvironmentKey>,
    existence: web::Data<ExistenceCheck>,
    require_if_match: web::Data<RequireIfMatch>,
    document: web::Data<Document>,
    catalog: web::Data<ErrorCatalog>,
    query_routes: web::Data<QueryRoutes>,
    readiness: web::Data<Readiness>,
    limits: web::Data<RateLimiter>,
    /// `None` if neither metrics nor traces are exported.
    request_metrics: Option<web::Data<RequestMetrics>>,
    replays: web::Data<ReplayCounter>,
    proxies: web::Data<TrustedProxies>,
    sender: web::Data<Sender>,
    deliveries: web::Data<Deliveries>,
}

impl AppData {
    fn new(
        config: &Config,
        database: Database,
        readiness: Readiness,
        sender: Sender,
        sources: &MetricSources,
    ) -> std::io::Result<Self> {
        let admin_key = config.admin_api_key.as_ref().map(|key| SecretKey::hash(key.reveal()));
        // Counting costs time in every request, so it is done only if the counts or spans are exported.
        let is_counting = config.admin_port.is_some() || config.otlp_endpoint.is_some();
        Ok(Self {
            cache: web::Data::new(sources.cache.clone()),
            budget: web::Data::new(sources.cache.budget().clone()),
            existence: web::Data::new(ExistenceCheck::new(database.clone())),
            database: web::Data::new(database),
            environment_key: web::Data::new(EnvironmentKey(admin_key)),
            require_if_match: web::Data::new(RequireIfMatch(config.require_if_match)),
            document: web::Data::new(Document::new(&routes::document())?),
            catalog: web::Data::new(ErrorCatalog(routes::error_codes().collect())),
            query_routes: web::Data::new(QueryRoutes(routes::with_query_parameters())),
            readiness: web::Data::new(readiness),
            limits: sources.limits.clone(),
            request_metrics: is_counting.then(|| sources.requests.clone()),
            replays: sources.replays.clone(),
            proxies: web::Data::new(TrustedProxies(config.trusted_proxies.clone())),
            sender: web::Data::new(sender),
            deliveries: web::Data::new(sources.deliveries.clone()),
        })
    }

    fn register(&self, app: &mut web::ServiceConfig) {
        let Self {
            cache,
            budget,
            database,
            environment_key,
            existence,
            require_if_match,
            document,
            catalog,
            query_routes,
            readiness,
            limits,
            request_metrics,
            replays,
            proxies,
            sender,
            deliveries,
        } = self.clone();
        app.app_data(cache)
            .app_data(budget)
            .app_data(database)
            .app_data(environment_key)
            .app_data(existence)
            .app_data(require_if_match)
            .app_data(document)
            .app_data(catalog)
            .app_data(query_routes)
            .app_data(readiness)
            .app_data(limits)
            .app_data(replays)
            .app_data(proxies)
            .app_data(sender)
            .app_data(deliveries);
        if let Some(request_metrics) = request_metrics {
            app.app_data(request_metrics);
        }
    }
}
