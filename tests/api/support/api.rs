//! The service under test: the real server on a socket of its own, and a client for it.

use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use posts_api::config::{Config, LogFormat};
use posts_api::db::{Database, Endpoints, PoolOptions, Timestamp};
use posts_api::http::middleware::cache::Cache;
use posts_api::keys::model::{CreateApiKey, SecretKey};
use posts_api::ops::health::Readiness;
use posts_api::posts::scheduler;
use posts_api::routing::Role;
use posts_api::server;
use posts_api::server::Service;
use reqwest::Method;
use serde_json::Value;

use super::call::Call;
use super::database::{Kind, TestDatabase};

pub(crate) const ADMIN_KEY: &str = "the-admin-key-of-the-tests";

/// What a test of [`crate::support::on_both!`] may ask for.
pub(crate) trait Given: Sized {
    fn given(database: TestDatabase) -> Self;

    /// `None`: there is no such server on this machine.
    fn on(kind: Kind) -> Option<Self> {
        TestDatabase::create(kind).map(Self::given)
    }
}

impl Given for TestDatabase {
    fn given(database: TestDatabase) -> Self {
        database
    }
}

impl Given for Api {
    fn given(database: TestDatabase) -> Self {
        Self::start(&Arc::new(database), |_| {})
    }
}

/// A client of a running server, with a key or without one.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) server: Arc<Server>,
    client: reqwest::Client,
    key: Option<String>,
}

impl Api {
    /// Starts a server with the settings as `change` leaves them.
    pub(crate) fn start(database: &Arc<TestDatabase>, change: impl FnOnce(&mut Config)) -> Self {
        database.migrate();
        Self::start_unmigrated(database, change)
    }

    pub(crate) fn start_unmigrated(database: &Arc<TestDatabase>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            database: database.parsed(),
            endpoints: Endpoints::default(),
            pool: PoolOptions { size: 4, wait: Duration::from_secs(2) },
            host: [127, 0, 0, 1].into(),
            port: 0,
            admin_port: None,
            admin_host: [127, 0, 0, 1].into(),
            admin_api_key: Some(ADMIN_KEY.parse().unwrap()),
            require_if_match: false,
            cors_allowed_origins: None,
            cache_bytes: 64 * 1024 * 1024,
            rate_limit: None,
            trusted_proxies: Vec::new(),
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
        // A proxy in the environment is for the world outside.
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        Self { server, client, key: None }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.server.database.kind
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

    /// A POST without a body.
    pub(crate) fn act(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// Stores a post and answers it.
    pub(crate) async fn create(&self, post: Value) -> Value {
        self.editor().post("/api/posts", &post).await.json(201)
    }
}

/// A server on a thread of its own. Dropping it stops it, then removes its database with the last user of that.
pub(crate) struct Server {
    pub(crate) address: std::net::SocketAddr,
    /// Of the listener for operators.
    pub(crate) admin_address: Option<std::net::SocketAddr>,
    pub(crate) readiness: Readiness,
    pub(crate) schedule: Arc<scheduler::Progress>,
    pub(crate) cache: Cache,
    /// The handle that the server uses.
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
                let connections = Database::with(&config.database, &config.endpoints, config.pool).unwrap();
                let Service { server, address, admin_address, readiness, cache, schedule, handle } =
                    server::serve(&config, connections.clone()).unwrap();
                let addresses = (address, admin_address);
                started.send((addresses, readiness, schedule, cache, connections, handle)).unwrap();
                server.await.unwrap();
            });
        });
        let ((address, admin_address), readiness, schedule, cache, connections, handle) =
            wait.recv().expect("the server starts");
        Self {
            address,
            admin_address,
            readiness,
            schedule,
            cache,
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
        let key = CreateApiKey { name: format!("the {role} of the tests"), role, expires_at: None };
        let hash = SecretKey::hash(secret.reveal());
        posts_api::keys::store::create(&mut self.database.connect(), &key, &hash, None, Timestamp::now()).unwrap();
        secret.reveal().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The command is sent here; what is answered only tells when it is done, and so does the thread's end.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            // A second panic while a failed test unwinds would end the process without a report.
            let _ = thread.join();
        }
    }
}
