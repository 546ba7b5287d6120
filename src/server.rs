//! The HTTP server: binds the address, assembles middleware and routes, and starts the background tasks. `posts-api serve`
//! and the tests build the same one.

use std::net::SocketAddr;
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
use crate::http::middleware::rate_limit::{RateLimiter, limit};
use crate::http::middleware::request_metrics::RequestMetrics;
use crate::http::transport::client_ip::TrustedProxies;
use crate::http::transport::listen::{blocking_threads, clients_per_worker, listen};
use crate::http::transport::timeout_stream::http;
use crate::keys::auth::EnvironmentKey;
use crate::keys::model::SecretKey;
use crate::ops::docs::{Document, ErrorCatalog};
use crate::ops::health::Readiness;
use crate::ops::metrics::MetricSources;
use crate::ops::{admin, cleanup, shutdown};
use crate::posts::scheduler;
use crate::routes;

/// A server that is listening.
pub struct Service {
    /// Completes when the server has stopped.
    pub server: Pin<Box<dyn Future<Output = std::io::Result<()>>>>,
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The address of `/metrics`, if it is served.
    pub admin_address: Option<SocketAddr>,
    pub readiness: Readiness,
    pub cache: Cache,
    /// The statistics of the scheduler.
    pub schedule: Arc<scheduler::SchedulerStats>,
    pub handle: ServerHandle,
}

/// Binds the addresses, assembles the server, and starts the background tasks, which run as long as the runtime. Call it
/// within an actix runtime.
///
/// # Errors
/// An address cannot be bound.
pub fn serve(config: &Config, database: Database) -> std::io::Result<Service> {
    let readiness = Readiness::default();
    let schedule = Arc::new(scheduler::SchedulerStats::default());
    actix_web::rt::spawn(scheduler::poll(database.clone(), Arc::clone(&schedule)));
    actix_web::rt::spawn(cleanup::run(database.clone()));
    let cache = Cache::new(database.clone(), config.cache_bytes);
    let sources = MetricSources {
        database: database.clone(),
        backend: match config.database {
            DatabaseUrl::Sqlite { .. } => "sqlite",
            DatabaseUrl::Postgres(_) => "postgresql",
        },
        cache: cache.clone(),
        requests: web::Data::new(RequestMetrics::new(routes::templates(), routes::error_codes())),
        limits: web::Data::new(RateLimiter::new(config.rate_limit)),
        replays: web::Data::default(),
        schedule: Arc::clone(&schedule),
        started: SystemTime::now(),
    };
    let shared = AppData {
        cache: web::Data::new(cache.clone()),
        database: web::Data::new(database),
        environment_key: web::Data::new(EnvironmentKey(
            config.admin_api_key.as_ref().map(|key| SecretKey::hash(key.reveal())),
        )),
        require_if_match: web::Data::new(RequireIfMatch(config.require_if_match)),
        document: web::Data::new(Document::new(&routes::document())?),
        catalog: web::Data::new(ErrorCatalog(routes::error_codes().collect())),
        readiness: web::Data::new(readiness.clone()),
        limits: sources.limits.clone(),
        // Counting costs time in every request, so it is done only if the counts are exported.
        requests: (config.admin_port.is_some() || config.otlp_endpoint.is_some()).then(|| sources.requests.clone()),
        replays: sources.replays.clone(),
        proxies: web::Data::new(TrustedProxies(config.trusted_proxies.clone())),
    };
    let origins: Option<Arc<[String]>> = config.cors_allowed_origins.clone().map(Into::into);
    let listener = listen((config.host, config.port).into())?;
    let address = listener.local_addr()?;
    let admin = config.admin_port.map(|port| admin((config.admin_host, port).into(), sources)).transpose()?;
    // Readiness must change before connections are refused, so `ops::shutdown` handles the signals.
    let server = Server::build()
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_TIMEOUT)
        .worker_max_blocking_threads(blocking_threads(config.pool.size));
    let stopping = server.graceful_shutdown_signal();
    let readiness_for_http = readiness.clone();
    let http = move || {
        let readiness = readiness_for_http.clone();
        let app = App::new()
            .configure(|app| shared.register(app))
            .configure(routes::configure)
            .default_service(web::to(routes::no_route))
            // Inside CORS, so that a page can read a 429 response. Preflights are handled before and not counted.
            .wrap(from_fn(admit))
            .wrap(cors(origins.as_deref()))
            .wrap(from_fn(envelope))
            .wrap_fn(move |request, service| shutdown::close_when_draining(readiness.clone(), service.call(request)));
        let stopping = stopping.clone();
        http(app, move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
    };
    let pools = 1 + u32::from(config.endpoints.replica.is_some());
    let clients = clients_per_worker(config.pool.size * pools);
    let server = server.max_concurrent_connections(clients).listen("http", listener, http)?.run();
    let handle = server.handle();
    let (admin, admin_address) = admin.unzip();
    let server = Box::pin(async move {
        let ended = server.await;
        // Metrics remain available until the last request is done.
        if let Some(admin) = admin {
            admin.stop(false).await;
        }
        ended
    });
    Ok(Service { server, address, admin_address, readiness, cache, schedule, handle })
}

/// Starts the listener for operators, and returns its handle and address.
fn admin(address: SocketAddr, sources: MetricSources) -> std::io::Result<(ServerHandle, SocketAddr)> {
    let with_setting =
        |error: std::io::Error| std::io::Error::new(error.kind(), format!("ADMIN_PORT, {address}: {error}"));
    let listener = listen(address).map_err(with_setting)?;
    let address = listener.local_addr()?;
    let server = admin::serve(listener, sources)?;
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok((handle, address))
}

/// Rate limit and cache, in one middleware, because each middleware costs time in every request.
async fn admit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    limit(request, async |request| serve_cached(request, next).await).await
}

/// How long requests in progress may take after the server began to stop, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 30;

/// The application data, which handlers and middleware look up by type.
#[derive(Clone)]
struct AppData {
    cache: web::Data<Cache>,
    database: web::Data<Database>,
    environment_key: web::Data<EnvironmentKey>,
    require_if_match: web::Data<RequireIfMatch>,
    document: web::Data<Document>,
    catalog: web::Data<ErrorCatalog>,
    readiness: web::Data<Readiness>,
    limits: web::Data<RateLimiter>,
    /// `None` if neither metrics nor traces are exported.
    requests: Option<web::Data<RequestMetrics>>,
    replays: web::Data<ReplayCounter>,
    proxies: web::Data<TrustedProxies>,
}

impl AppData {
    fn register(&self, app: &mut web::ServiceConfig) {
        let Self {
            cache,
            database,
            environment_key,
            require_if_match,
            document,
            catalog,
            readiness,
            limits,
            requests,
            replays,
            proxies,
        } = self.clone();
        app.app_data(cache)
            .app_data(database)
            .app_data(environment_key)
            .app_data(require_if_match)
            .app_data(document)
            .app_data(catalog)
            .app_data(readiness)
            .app_data(limits)
            .app_data(replays)
            .app_data(proxies);
        if let Some(requests) = requests {
            app.app_data(requests);
        }
    }
}
