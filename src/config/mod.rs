//! The configuration: every setting, checked. No other module reads the environment.
//!
//! A flag wins over the environment, and the environment over `.env`. `settings` declares the settings, `parse` reads
//! their values, and [`Settings::check`] turns them into a [`Config`].

mod parse;
mod rate_limit;
#[cfg(test)]
mod reference;
mod settings;

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use sentry::types::Dsn;
use url::Url;

use crate::db::{DatabaseUrl, Endpoints, PoolOptions, ReplicaOptions};
use parse::RawSetting;
use settings::Setting;

pub use parse::{AdminApiKey, ConfigError, LogFormat};
pub use rate_limit::{Rate, RateLimit};
pub use settings::Settings;

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Config {
    pub database: DatabaseUrl,
    /// Other URLs of the same database.
    pub endpoints: Endpoints,
    pub pool: PoolOptions,
    pub host: IpAddr,
    pub port: u16,
    /// `None`: no second listener.
    pub admin_port: Option<u16>,
    pub admin_host: IpAddr,
    pub admin_api_key: Option<AdminApiKey>,
    pub require_if_match: bool,
    /// `None`: any origin may read, none may write.
    pub cors_allowed_origins: Option<Vec<String>>,
    /// Size of the response cache; 0 disables it.
    pub cache_bytes: u64,
    /// `None`: no limit.
    pub rate_limit: Option<RateLimit>,
    /// Empty: forwarding headers are ignored.
    pub trusted_proxies: Vec<IpNet>,
    pub shutdown_grace: Duration,
    /// The filter of the log, unchecked.
    pub log: String,
    pub log_format: LogFormat,
    /// Duration from which a query is logged; `None`: never.
    pub slow_query: Option<Duration>,
    /// `None`: no traces.
    pub otlp_endpoint: Option<Url>,
    /// `None`: errors are only logged.
    pub sentry_dsn: Option<Dsn>,
    /// Questionable settings that do not prevent the start.
    pub warnings: Vec<String>,
}

const POOL_WAIT: Duration = Duration::from_secs(2);

impl Settings {
    /// Checks every setting: the flag if there is one, else the variable of `environment`.
    ///
    /// # Errors
    /// The first setting with an invalid value.
    pub fn check(self, environment: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let raw = |flag: Option<String>, setting: &'static Setting| RawSetting {
            setting,
            text: flag.or_else(|| environment(setting.variable)).filter(|value| !value.is_empty()),
        };
        let mut warnings = Vec::new();
        let database = raw(self.database_url, &settings::DATABASE_URL)
            .url(&mut warnings)?
            .map_or_else(|| DatabaseUrl::parse(settings::DATABASE_URL.default).map(|(url, _)| url), Ok)?;
        let max_lag = raw(self.max_replica_lag, &settings::MAX_REPLICA_LAG).or_default(parse::seconds(1))?;
        let direct = raw(self.database_direct_url, &settings::DATABASE_DIRECT_URL);
        let direct = direct.endpoint(&database, &mut warnings)?;
        let replica = raw(self.database_read_url, &settings::DATABASE_READ_URL);
        let replica = replica.endpoint(&database, &mut warnings)?;
        let (limit, wait) = match &database {
            DatabaseUrl::Postgres(url) => (url.connection_limit, url.pool_timeout),
            DatabaseUrl::Sqlite { .. } => (None, None),
        };
        let mut size = raw(self.db_pool_size, &settings::DB_POOL_SIZE);
        size.text = size.text.or_else(|| limit.map(|limit| limit.to_string()));
        Ok(Config {
            pool: PoolOptions { size: size.or_default(parse::pool_size)?, wait: wait.unwrap_or(POOL_WAIT) },
            host: raw(self.host, &settings::HOST).or_default(parse::address)?,
            port: raw(self.port, &settings::PORT).or_default(|text| text.parse().ok())?,
            admin_port: raw(self.admin_port, &settings::ADMIN_PORT).optional(|text| text.parse().ok())?,
            admin_host: raw(self.admin_host, &settings::ADMIN_HOST).or_default(parse::address)?,
            admin_api_key: raw(self.admin_api_key, &settings::ADMIN_API_KEY).optional(|text| text.parse().ok())?,
            require_if_match: raw(self.require_if_match, &settings::REQUIRE_IF_MATCH).or_default(parse::boolean)?,
            cors_allowed_origins: raw(self.cors_allowed_origins, &settings::CORS_ALLOWED_ORIGINS).origins()?,
            cache_bytes: raw(self.cache_bytes, &settings::CACHE_BYTES).or_default(|text| text.parse().ok())?,
            rate_limit: raw(self.rate_limit, &settings::RATE_LIMIT).or_default(RateLimit::parse)?,
            trusted_proxies: raw(self.trusted_proxies, &settings::TRUSTED_PROXIES)
                .optional(parse::networks)?
                .unwrap_or_default(),
            shutdown_grace: raw(self.shutdown_grace, &settings::SHUTDOWN_GRACE).or_default(parse::seconds(0))?,
            log: raw(self.log, &settings::RUST_LOG).or_default(|text| Some(text.to_owned()))?,
            log_format: raw(self.log_format, &settings::LOG_FORMAT).or_default(parse::log_format)?,
            slow_query: raw(self.slow_query_ms, &settings::SLOW_QUERY_MS).optional(parse::milliseconds)?,
            otlp_endpoint: raw(self.otel_exporter_otlp_endpoint, &settings::OTEL_EXPORTER_OTLP_ENDPOINT)
                .optional(parse::http_url)?,
            sentry_dsn: raw(self.sentry_dsn, &settings::SENTRY_DSN).optional(|text| text.parse().ok())?,
            database,
            endpoints: Endpoints { direct, replica: replica.map(|url| ReplicaOptions { url, max_lag }) },
            warnings,
        })
    }
}

impl Config {
    /// The database without a pooler in front of it: for migrations and commands.
    #[must_use]
    pub fn direct(&self) -> &DatabaseUrl {
        self.endpoints.direct.as_ref().unwrap_or(&self.database)
    }
}

/// A variable of the process, which `.env` may have set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
