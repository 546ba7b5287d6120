//! The service under test: the real server on its own socket, and an HTTP client for it.

use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use posts_api::config::{Config, LogFormat};
use posts_api::db::{Database, Endpoints, PoolOptions, Timestamp};
use posts_api::http::middleware::cache::Cache;
use posts_api::http::transport::listeners::Listeners;
use posts_api::keys::model::{CreateApiKey, SecretKey};
use posts_api::ops::health::Readiness;
use posts_api::posts::changes::stream::open_streams::Streams;
use posts_api::posts::scheduler;
use posts_api::routing::Role;
use posts_api::server;
use posts_api::server::Service;
use posts_api::webhooks::delivery::Deliveries;
use reqwest::Method;
use serde_json::{Value, json};

use super::call::Call;
use super::database::{Engine, TestDatabase};
use super::wait_until;

pub(crate) const ADMIN_KEY: &str = "the-admin-key-of-the-tests";

/// How long a request waits for a connection. The default of 2 seconds is too short on a busy machine, and more than
/// the 10 seconds of a request's deadline would have no effect.
pub(crate) const POOL_WAIT: Duration = Duration::from_secs(9);

/// A client of a running server, with or without an API key. Clones share the server.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) server: Arc<Server>,
    client: reqwest::Client,
    key: Option<String>,
}

impl Api {
    /// Migrates the database and starts a server. `change` edits the default settings.
    pub(crate) fn start(database: &Arc<TestDatabase>, change: impl FnOnce(&mut Config)) -> Self {
        database.migrate();
        Self::start_unmigrated(database, change)
    }

    pub(crate) fn start_unmigrated(database: &Arc<TestDatabase>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            env_file: None,
            database: database.parsed(),
            endpoints: Endpoints::default(),
            pool: PoolOptions::new(4, POOL_WAIT),
            host: [127, 0, 0, 1].into(),
            port: 0,
            admin_port: None,
            admin_host: [127, 0, 0, 1].into(),
            admin_api_key: Some(ADMIN_KEY.parse().unwrap()),
            require_if_match: false,
            cors_allowed_origins: None,
            cache_bytes: 64 * 1024 * 1024,
            response_bytes: 64 * 1024 * 1024,
            connections_per_ip: 512,
            max_streams: 1000,
            rate_limit: None,
            trusted_proxies: Vec::new(),
            webhook_networks: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            shutdown_grace: Duration::ZERO,
            log: String::new(),
            log_format: LogFormat::Pretty,
            slow_query: None,
            otlp_endpoint: None,
            sentry_dsn: None,
            warnings: Vec::new(),
        };
        change(&mut config);
        let server = Arc::new(Server::start(config, Arc::clone(database)));
        let client = super::http_client()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        Self { server, client, key: None }
    }

    pub(crate) fn engine(&self) -> Engine {
        self.server.database.engine
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    pub(crate) fn reader(&self) -> Self {
        self.with_key(self.server.reader.get_or_init(|| self.server.make_key(Role::Reader)))
    }

    pub(crate) fn editor(&self) -> Self {
        self.with_key(self.server.editor.get_or_init(|| self.server.make_key(Role::Editor)))
    }

    /// The key of this client.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub(crate) fn admin(&self) -> Self {
        self.with_key(ADMIN_KEY)
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        let request = self.client.request(method, format!("http://{}{path}", self.server.address));
        Call(match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        })
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn head(&self, path: &str) -> Call {
        self.call(Method::HEAD, path)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Call {
        self.call(Method::PUT, path).json(body)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Call {
        self.call(Method::PATCH, path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// A POST request without a body.
    pub(crate) fn post_empty(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// Creates a post as an editor and returns the response body.
    pub(crate) async fn create(&self, post: Value) -> Value {
        self.editor().post("/api/posts", &post).await.json(201)
    }

    /// Waits until the server has polled the database since this call. Every external change before the call then shows.
    pub(crate) async fn wait_for_poll(&self) {
        let called = Instant::now();
        wait_until("a poll for changes", async || {
            let elapsed = called.elapsed();
            self.server.connections.unresponsive_for() < elapsed
        })
        .await;
    }

    /// Creates a draft, schedules it to be published soon, and returns it. Tries again with a later time if the request
    /// arrives too late: the service then publishes at once, without the scheduler.
    pub(crate) async fn create_scheduled(&self) -> Value {
        for delay in [300, 3_000, 30_000] {
            let draft = self.create(json!({"title": "Soon"})).await;
            let path = format!("/api/posts/{}", draft["id"]);
            let at = (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(delay)).to_string();
            let post = self.editor().post(&format!("{path}/publish"), &json!({"at": at})).await.json(200);
            if post["published"] == false {
                return post;
            }
            self.editor().delete(&path).await.expect(204);
        }
        panic!("a request takes longer than 30 seconds");
    }
}

/// A server on its own thread. A drop stops it, then releases its database.
pub(crate) struct Server {
    pub(crate) address: std::net::SocketAddr,
    /// The address of the admin listener.
    pub(crate) admin_address: Option<std::net::SocketAddr>,
    pub(crate) readiness: Readiness,
    pub(crate) schedule: Arc<scheduler::SchedulerStats>,
    pub(crate) deliveries: Deliveries,
    pub(crate) cache: Cache,
    pub(crate) streams: Streams,
    /// The pools that the server uses.
    pub(crate) connections: Database,
    pub(crate) database: Arc<TestDatabase>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    reader: OnceLock<String>,
    editor: OnceLock<String>,
}

impl Server {
    fn start(config: Config, database: Arc<TestDatabase>) -> Self {
        let (started, wait) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let listeners = Listeners::bind(&config).unwrap();
                let connections = Database::new(&config.database, &config.endpoints, config.pool).unwrap();
                let service = server::serve(&config, listeners, connections.clone()).unwrap();
                let Service { server, address, admin_address, readiness, cache, streams, .. } = service;
                let Service { schedule, deliveries, handle, .. } = service;
                let (addresses, stats) = ((address, admin_address), (schedule, deliveries));
                started.send((addresses, readiness, stats, (cache, streams), connections, handle)).unwrap();
                server.await.unwrap();
            });
        });
        let ((address, admin_address), readiness, (schedule, deliveries), (cache, streams), connections, handle) =
            wait.recv().expect("the server starts");
        Self {
            address,
            admin_address,
            readiness,
            schedule,
            deliveries,
            cache,
            streams,
            connections,
            database,
            handle,
            thread: Some(thread),
            reader: OnceLock::new(),
            editor: OnceLock::new(),
        }
    }

    fn make_key(&self, role: Role) -> String {
        let secret = SecretKey::generate().unwrap();
        let key = CreateApiKey { name: format!("test {role}"), role, expires_at: None };
        let hash = SecretKey::hash(secret.reveal());
        posts_api::keys::store::create(&mut self.database.connect(), &key, &hash, None, Timestamp::now()).unwrap();
        secret.reveal().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `stop` sends the command at once. Its future only reports completion, which the join below waits for.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            // A second panic during unwinding would abort the process without a report, so ignore the result.
            let _ = thread.join();
        }
    }
}
