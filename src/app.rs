//! The application: its routes, who may call them, and the layers around them. `main` and the tests build the same one.

use std::future::{Ready, ready};
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Server, ServerHandle, Service as _, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpRequest, HttpResponse, guard, web};
use socket2::{Domain, Protocol, Socket, Type};
use utoipa::openapi::path::HttpMethod;

use crate::config::Config;
use crate::db::{Database, DatabaseUrl, within_deadline};
use crate::http::cache::{Cache, answer_kept};
use crate::http::conditional::RequireIfMatch;
use crate::http::connection::http;
use crate::http::idempotency::Replays;
use crate::http::limits::{Limits, limit};
use crate::http::peer::TrustedProxies;
use crate::http::requests::Requests;
use crate::http::{ApiError, cors::cors, edge::edge};
use crate::keys::auth::{self, Access, EnvironmentKey};
use crate::keys::model::{Role, SecretKey};
use crate::openapi::{self, Operation, operation};
use crate::ops::docs::Document;
use crate::ops::health::Readiness;
use crate::ops::metrics::Sources;
use crate::ops::{admin, housekeeping, shutdown};
use crate::posts::schedule;

const ANYONE: Access = Access::Anyone;
const EDITOR: Access = Access::AtLeast(Role::Editor);
const ADMIN: Access = Access::AtLeast(Role::Admin);
const UNCHECKED: Access = Access::Unchecked;

/// Every route: who may call it, its handler, and the errors that are particular to it. Of two paths that both match,
/// the first one is taken.
const OPERATIONS: [Operation; 19] = [
    operation!(ANYONE, posts::handlers, list_posts, [InvalidParameter, InvalidCursor, KeyRequired]),
    operation!(EDITOR, posts::handlers, create_post, [SlugTaken]),
    operation!(EDITOR, posts::handlers, create_posts, [SlugTaken]),
    operation!(ANYONE, posts::handlers, get_post_by_slug, [NotFound]),
    operation!(EDITOR, posts::handlers, put_post, [InvalidParameter, InvalidHeader]),
    operation!(ANYONE, posts::handlers, get_post, [NotFound]),
    operation!(EDITOR, posts::handlers, update_post, [NotFound, SlugTaken]),
    operation!(EDITOR, posts::handlers, delete_post, [NotFound]),
    operation!(EDITOR, posts::handlers, publish_post, [NotFound]),
    operation!(EDITOR, posts::handlers, unpublish_post, [NotFound]),
    operation!(ADMIN, keys::handlers, list_keys, []),
    operation!(ADMIN, keys::handlers, create_key, []),
    operation!(ADMIN, keys::handlers, revoke_key, [NotFound, LastAdminKey]),
    operation!(UNCHECKED, ops::docs, get_openapi, []),
    operation!(UNCHECKED, ops::docs, get_docs, []),
    operation!(UNCHECKED, ops::docs, get_docs_file, [NotFound]),
    operation!(UNCHECKED, ops::docs, get_problem, [NotFound]),
    operation!(UNCHECKED, ops::health, live, []),
    operation!(UNCHECKED, ops::health, ready, [NotReady]),
];

/// The OpenAPI document of the service.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    openapi::document(&OPERATIONS)
}

/// A server that listens and is ready to be awaited.
pub struct Service {
    /// Serves until it is told to stop.
    pub server: Pin<Box<dyn Future<Output = std::io::Result<()>>>>,
    /// The address it listens on.
    pub address: SocketAddr,
    /// Where operators find `/metrics`.
    pub admin_address: Option<SocketAddr>,
    pub readiness: Readiness,
    pub cache: Cache,
    /// What the task that publishes scheduled posts has done.
    pub schedule: Arc<schedule::Progress>,
    pub handle: ServerHandle,
}

/// Binds the addresses, assembles the server on `database`, and starts the tasks that run beside it for as long as the
/// runtime does. To be called within one.
///
/// # Errors
/// An address cannot be bound.
pub fn serve(config: &Config, database: Database) -> std::io::Result<Service> {
    let readiness = Readiness::default();
    let schedule = Arc::new(schedule::Progress::default());
    actix_web::rt::spawn(schedule::run(database.clone(), Arc::clone(&schedule)));
    actix_web::rt::spawn(housekeeping::run(database.clone()));
    let cache = Cache::new(database.clone(), config.cache_bytes);
    let sources = Sources {
        database: database.clone(),
        backend: match config.database {
            DatabaseUrl::Sqlite { .. } => "sqlite",
            DatabaseUrl::Postgres(_) => "postgresql",
        },
        cache: cache.clone(),
        requests: web::Data::new(Requests::new(templates())),
        limits: web::Data::new(Limits::new(config.rate_limit)),
        replays: web::Data::default(),
        schedule: Arc::clone(&schedule),
        started: SystemTime::now(),
    };
    let shared = Shared {
        cache: web::Data::new(cache.clone()),
        database: web::Data::new(database),
        environment_key: web::Data::new(EnvironmentKey(
            config.admin_api_key.as_ref().map(|key| SecretKey::hash(key.reveal())),
        )),
        require_if_match: web::Data::new(RequireIfMatch(config.require_if_match)),
        document: web::Data::new(Document::new(&document())?),
        readiness: web::Data::new(readiness.clone()),
        limits: sources.limits.clone(),
        // To count costs every request something.
        requests: (config.admin_port.is_some() || config.otlp_endpoint.is_some()).then(|| sources.requests.clone()),
        replays: sources.replays.clone(),
        proxies: web::Data::new(TrustedProxies(config.trusted_proxies.clone())),
    };
    let origins: Option<Arc<[String]>> = config.cors_allowed_origins.clone().map(Into::into);
    let listener = listen((config.host, config.port).into())?;
    let address = listener.local_addr()?;
    let admin = config.admin_port.map(|port| admin((config.admin_host, port).into(), sources)).transpose()?;
    // Readiness must turn before connections are refused; `ops::shutdown` listens to the signals.
    let server = Server::build()
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_TIMEOUT)
        .worker_max_blocking_threads(blocking_threads(config.pool.size));
    let stopping = server.graceful_shutdown_signal();
    let is_told = readiness.clone();
    let http = move || {
        let told = is_told.clone();
        let app = App::new()
            .configure(|app| shared.register(app))
            .configure(routes)
            // For people who type an address.
            .service(to_docs(TO_DOCS[0]))
            .service(to_docs(TO_DOCS[1]))
            .default_service(web::to(no_route))
            // Within CORS, so that a page can read the refusal too. Preflights are answered before and not counted.
            .wrap(from_fn(admit))
            .wrap(cors(origins.as_deref()))
            .wrap(from_fn(edge))
            .wrap_fn(move |request, service| shutdown::let_go(told.clone(), service.call(request)));
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
        // Until the last request is answered, what goes on can be seen.
        if let Some(admin) = admin {
            admin.stop(false).await;
        }
        ended
    });
    Ok(Service { server, address, admin_address, readiness, cache, schedule, handle })
}

/// Starts the listener for operators, and answers its address.
fn admin(address: SocketAddr, sources: Sources) -> std::io::Result<(ServerHandle, SocketAddr)> {
    let told = |error: std::io::Error| std::io::Error::new(error.kind(), format!("ADMIN_PORT, {address}: {error}"));
    let listener = listen(address).map_err(told)?;
    let address = listener.local_addr()?;
    let server = admin::serve(listener, sources)?;
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok((handle, address))
}

/// What people type who look for the docs.
const TO_DOCS: [&str; 2] = ["/", "/docs/"];

/// The templates of all paths that are served, in the order in which they are tried.
fn templates() -> Vec<String> {
    let mut templates: Vec<String> = OPERATIONS.iter().map(|operation| (operation.path)()).collect();
    templates.extend(TO_DOCS.map(str::to_owned));
    templates.dedup();
    templates
}

/// What stands before the routes. One layer for both, because each layer costs every request something.
async fn admit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    limit(request, async |request| answer_kept(request, next).await).await
}

/// Threads of a worker that may block: one per connection to the database, and two that compress. Without a limit a
/// thread is made for every task that finds none idle, though no more than these run at once, and each keeps memory.
fn blocking_threads(pool: u32) -> usize {
    usize::try_from(pool).unwrap_or(usize::MAX).saturating_add(2)
}

/// Connections that wait to be accepted, at most.
const BACKLOG: i32 = 1024;

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart need not wait for connections that have ended to be forgotten. On Windows it would mean something else.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Descriptors for the log, the threads and what else is neither a client nor the database.
const OWN_DESCRIPTORS: u64 = 256;
/// SQLite opens three files with a connection, PostgreSQL one socket.
const DESCRIPTORS_OF_A_CONNECTION: u64 = 3;
/// actix's own limit, beyond which each would have too little of its thread.
const CLIENTS_PER_WORKER: u64 = 25_000;

/// As many clients as there are descriptors for: one more waits until another ends, and the database can still be
/// reached.
fn clients_per_worker(pool: u32) -> usize {
    let workers = std::thread::available_parallelism().map_or(1, |workers| workers.get() as u64);
    let own = OWN_DESCRIPTORS + DESCRIPTORS_OF_A_CONNECTION * u64::from(pool);
    let descriptors = descriptors();
    let clients = descriptors.saturating_sub(own).max(descriptors / 2);
    usize::try_from((clients / workers).clamp(1, CLIENTS_PER_WORKER)).unwrap_or(usize::MAX)
}

/// How many descriptors the process may open, once it has asked for all that it may have.
#[cfg(unix)]
fn descriptors() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(OWN_DESCRIPTORS)
}

#[cfg(not(unix))]
fn descriptors() -> u64 {
    u64::MAX
}

/// Seconds that requests in progress get to end after the server was told to stop.
const SHUTDOWN_TIMEOUT: u64 = 30;

/// What handlers find by type.
#[derive(Clone)]
struct Shared {
    cache: web::Data<Cache>,
    database: web::Data<Database>,
    environment_key: web::Data<EnvironmentKey>,
    require_if_match: web::Data<RequireIfMatch>,
    document: web::Data<Document>,
    readiness: web::Data<Readiness>,
    limits: web::Data<Limits>,
    /// `None`: nobody asks how many there were, nor is told of each.
    requests: Option<web::Data<Requests>>,
    replays: web::Data<Replays>,
    proxies: web::Data<TrustedProxies>,
}

impl Shared {
    fn register(&self, app: &mut web::ServiceConfig) {
        let Self {
            cache,
            database,
            environment_key,
            require_if_match,
            document,
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
            .app_data(readiness)
            .app_data(limits)
            .app_data(replays)
            .app_data(proxies);
        if let Some(requests) = requests {
            app.app_data(requests);
        }
    }
}

/// A resource per path. A method that no operation of the path has gets 405 with `Allow`.
fn routes(app: &mut web::ServiceConfig) {
    let mut paths: Vec<(String, Vec<&Operation>)> = Vec::new();
    for operation in &OPERATIONS {
        let path = (operation.path)();
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, operations)) => operations.push(operation),
            None => paths.push((path, vec![operation])),
        }
    }
    for (path, operations) in paths {
        let methods: Vec<Method> = operations.iter().flat_map(|operation| methods(operation)).collect();
        let allow = methods.iter().map(Method::as_str).chain(["OPTIONS"]).collect::<Vec<_>>().join(", ");
        let resource = operations
            .into_iter()
            .fold(web::resource(path), |resource, operation| resource.route(route(operation)))
            .default_service(web::to(move |request: HttpRequest| ready(wrong_method(&request, &allow))));
        app.service(resource);
    }
}

fn to_docs(path: &str) -> actix_web::Resource {
    let redirect =
        || web::to(|| ready(HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, "/docs")).finish()));
    web::resource(path)
        .route(redirect().guard(guard::Any(guard::Get()).or(guard::Head())))
        .default_service(web::to(|request: HttpRequest| ready(wrong_method(&request, "GET, HEAD, OPTIONS"))))
}

fn route(operation: &Operation) -> actix_web::Route {
    let access = operation.access;
    let is_method = methods(operation)
        .into_iter()
        .fold(guard::Any(guard::fn_guard(|_| false)), |any, method| any.or(guard::Method(method)));
    (operation.route)()
        .guard(is_method)
        .wrap(from_fn(move |request, next| within_deadline(auth::guard(access, request, next))))
}

/// `HEAD` works wherever `GET` does (RFC 9110, section 9.3.2); the body is left out when the answer is written.
fn methods(operation: &Operation) -> Vec<Method> {
    (operation.methods)()
        .into_iter()
        .flat_map(|method| match method {
            HttpMethod::Get => vec![Method::GET, Method::HEAD],
            HttpMethod::Post => vec![Method::POST],
            HttpMethod::Put => vec![Method::PUT],
            HttpMethod::Patch => vec![Method::PATCH],
            HttpMethod::Delete => vec![Method::DELETE],
            _ => Vec::new(),
        })
        .collect()
}

fn wrong_method(request: &HttpRequest, allow: &str) -> Result<HttpResponse, ApiError> {
    if request.method() == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish());
    }
    Err(ApiError::MethodNotAllowed { allow: allow.to_owned() })
}

fn no_route() -> Ready<Result<HttpResponse, ApiError>> {
    ready(Err(ApiError::NotFound("route")))
}
