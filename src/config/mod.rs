//! The configuration of the service. No other module reads its settings from the environment.
//!
//! Flags take precedence over environment variables, and environment variables over `.env`. `settings` declares the
//! settings, `parse` parses their values, and [`Settings::check`] validates them and returns a [`Config`].

mod env_file;
mod parse;
mod rate_limit;
#[cfg(test)]
mod reference;
mod settings;

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use sentry::types::Dsn;
use url::Url;

use crate::db::{DatabaseUrl, Endpoints, PoolOptions, ReplicaOptions};
use crate::tls::{CERTIFICATE_VARIABLE, check_certificate_file};
use parse::RawSetting;
use settings::Setting;

pub use env_file::EnvFile;
pub use parse::{AdminApiKey, ConfigError, LogFormat};
pub use rate_limit::{Rate, RateLimit};
pub use settings::Settings;

/// The validated settings.
#[derive(Clone)]
pub struct Config {
    /// The `.env` file that some of the settings may come from.
    pub env_file: Option<EnvFile>,
    pub database: DatabaseUrl,
    /// Further URLs of `database`: without the pooler, and of a replica.
    pub endpoints: Endpoints,
    pub pool: PoolOptions,
    pub host: IpAddr,
    pub port: u16,
    /// The port of the listener for `/metrics`. `None` disables it.
    pub admin_port: Option<u16>,
    /// The address of the listener for `/metrics`.
    pub admin_host: IpAddr,
    pub admin_api_key: Option<AdminApiKey>,
    pub require_if_match: bool,
    /// If `None`, browsers may read from any origin, but write from none.
    pub cors_allowed_origins: Option<Vec<String>>,
    /// The maximum size of the response cache in bytes. 0 disables the cache.
    pub cache_bytes: u64,
    /// The maximum size of requests and responses in progress in bytes, in addition to `cache_bytes`.
    pub response_bytes: u64,
    /// The maximum number of connections of each client address. 0 disables the limit.
    pub connections_per_ip: usize,
    /// The maximum number of event streams.
    pub max_streams: usize,
    /// `None` disables rate limits.
    pub rate_limit: Option<RateLimit>,
    /// The proxies whose forwarding headers are trusted. If empty, the service ignores these headers.
    pub trusted_proxies: Vec<IpNet>,
    /// Networks that are not public, but to which webhooks may send requests.
    pub webhook_networks: Vec<IpNet>,
    /// How long the service keeps serving requests after SIGTERM.
    pub shutdown_grace: Duration,
    /// The filter directives of `RUST_LOG`. They are not validated here, but when logging starts.
    pub log: String,
    pub log_format: LogFormat,
    /// Queries that take at least this long are logged. `None` disables the slow query log.
    pub slow_query: Option<Duration>,
    /// The OpenTelemetry collector. `None` disables traces.
    pub otlp_endpoint: Option<Url>,
    /// The Sentry project. If `None`, errors are only logged.
    pub sentry_dsn: Option<Dsn>,
    /// Problems of settings that do not prevent the service from starting.
    pub warnings: Vec<String>,
}

impl Config {
    /// The maximum number of connections to the database.
    #[must_use]
    pub fn database_connections(&self) -> u32 {
        self.pool.size * (1 + u32::from(self.endpoints.replica.is_some()))
    }
}

impl fmt::Debug for Config {
    /// Omits the settings that contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, endpoints, host, port, .. } = self;
        let mut debug = f.debug_struct("Config");
        debug.field("database", database).field("endpoints", endpoints).field("host", host).field("port", port);
        debug.finish_non_exhaustive()
    }
}

/// How long a request waits for a connection, unless the database URL sets `pool_timeout`.
const POOL_WAIT: Duration = Duration::from_secs(2);

impl Settings {
    /// Adds the variables of `.env` to the environment of the process, then validates every setting. Must run before
    /// the process starts threads.
    ///
    /// # Errors
    /// `.env`, a setting, or the file of `SSL_CERT_FILE` is invalid.
    pub fn load(self) -> Result<Config, ConfigError> {
        let env_file = env_file::load()?;
        let config = self.check(environment)?;
        check_trusted_certificates()?;
        Ok(Config { env_file, ..config })
    }

    /// Validates every setting. A setting without a flag is looked up in `environment`. White space at both ends of a
    /// value is removed, and an empty value counts as unset.
    ///
    /// # Errors
    /// A setting has an invalid value. The error names the first such setting.
    pub fn check(mut self, environment: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let raw = |flag: Option<String>, setting: &'static Setting| {
            RawSetting::new(setting, flag.or_else(|| environment(setting.variable)))
        };
        let mut warnings = Vec::new();
        let (database, endpoints, pool) = self.check_database(&raw, &mut warnings)?;
        Ok(Config {
            env_file: None,
            pool,
            host: raw(self.host, &settings::HOST)?.or_default(parse::address)?,
            port: raw(self.port, &settings::PORT)?.or_default(|text| text.parse().ok())?,
            admin_port: raw(self.admin_port, &settings::ADMIN_PORT)?.optional(|text| text.parse().ok())?,
            admin_host: raw(self.admin_host, &settings::ADMIN_HOST)?.or_default(parse::address)?,
            admin_api_key: raw(self.admin_api_key, &settings::ADMIN_API_KEY)?.optional(|text| text.parse().ok())?,
            require_if_match: raw(self.require_if_match, &settings::REQUIRE_IF_MATCH)?.or_default(parse::boolean)?,
            cors_allowed_origins: raw(self.cors_allowed_origins, &settings::CORS_ALLOWED_ORIGINS)?.origins()?,
            cache_bytes: raw(self.cache_bytes, &settings::CACHE_BYTES)?.or_default(|text| text.parse().ok())?,
            rate_limit: raw(self.rate_limit, &settings::RATE_LIMIT)?.or_default(RateLimit::parse)?,
            response_bytes: raw(self.response_bytes, &settings::RESPONSE_BYTES)?.or_default(parse::response_bytes)?,
            connections_per_ip: raw(self.connections_per_ip, &settings::CONNECTIONS_PER_IP)?
                .or_default(|text| text.parse().ok())?,
            max_streams: raw(self.max_streams, &settings::MAX_STREAMS)?.or_default(|text| text.parse().ok())?,
            trusted_proxies: raw(self.trusted_proxies, &settings::TRUSTED_PROXIES)?
                .optional(parse::networks)?
                .unwrap_or_default(),
            webhook_networks: raw(self.webhook_networks, &settings::WEBHOOK_NETWORKS)?
                .optional(parse::networks)?
                .unwrap_or_default(),
            shutdown_grace: raw(self.shutdown_grace, &settings::SHUTDOWN_GRACE)?.or_default(parse::seconds(0))?,
            log: raw(self.log, &settings::RUST_LOG)?.or_default(|text| Some(text.to_owned()))?,
            log_format: raw(self.log_format, &settings::LOG_FORMAT)?.or_default(parse::log_format)?,
            slow_query: raw(self.slow_query_ms, &settings::SLOW_QUERY_MS)?.optional(parse::milliseconds)?,
            otlp_endpoint: raw(self.otel_exporter_otlp_endpoint, &settings::OTEL_EXPORTER_OTLP_ENDPOINT)?
                .optional(parse::http_url)?,
            sentry_dsn: raw(self.sentry_dsn, &settings::SENTRY_DSN)?.optional(|text| text.parse().ok())?,
            database,
            endpoints,
            warnings,
        })
    }

    /// Validates the settings of the database and of its connections.
    fn check_database(
        &mut self,
        raw: &impl Fn(Option<String>, &'static Setting) -> Result<RawSetting, ConfigError>,
        warnings: &mut Vec<String>,
    ) -> Result<(DatabaseUrl, Endpoints, PoolOptions), ConfigError> {
        let database = raw(self.database_url.take(), &settings::DATABASE_URL)?
            .url(warnings)?
            .map_or_else(|| DatabaseUrl::parse(settings::DATABASE_URL.default).map(|(url, _)| url), Ok)?;
        let max_lag = raw(self.max_replica_lag.take(), &settings::MAX_REPLICA_LAG)?.or_default(parse::seconds(1))?;
        let direct = raw(self.database_direct_url.take(), &settings::DATABASE_DIRECT_URL)?;
        let direct = direct.endpoint(&database, warnings)?;
        let replica = raw(self.database_read_url.take(), &settings::DATABASE_READ_URL)?;
        let replica = replica.endpoint(&database, warnings)?;
        let (limit, wait) = match &database {
            DatabaseUrl::Postgres(url) => (url.connection_limit, url.pool_timeout),
            DatabaseUrl::Sqlite { .. } => (None, None),
        };
        let mut size = raw(self.db_pool_size.take(), &settings::DB_POOL_SIZE)?;
        size.text = size.text.or_else(|| limit.map(|limit| limit.to_string()));
        let endpoints = Endpoints { direct, replica: replica.map(|url| ReplicaOptions { url, max_lag }) };
        let pool = PoolOptions::new(size.or_default(parse::pool_size)?, wait.unwrap_or(POOL_WAIT));
        Ok((database, endpoints, pool))
    }
}

impl Config {
    /// The URL for migrations and commands: the one without the pooler if it is set, otherwise `DATABASE_URL`.
    #[must_use]
    pub fn direct(&self) -> &DatabaseUrl {
        self.endpoints.direct.as_ref().unwrap_or(&self.database)
    }
}

/// Checks the file with the CA certificates to trust, if the environment names one. Without this check, TLS would trust
/// those of the system if the file is missing.
fn check_trusted_certificates() -> Result<(), ConfigError> {
    let path = environment(CERTIFICATE_VARIABLE).filter(|path| !path.trim().is_empty());
    path.map_or(Ok(()), |path| Ok(check_certificate_file(Path::new(&path))?))
}

/// Reads an environment variable of the process. U+FFFD replaces what is not UTF-8.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
