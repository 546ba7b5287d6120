//! Every setting, its default and its check. No other file reads the environment.
//!
//! A setting comes from a flag, the environment or `.env`, in this order.

mod rate_limit;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use sentry::types::Dsn;
use url::Url;

use crate::db::{DatabaseUrl, Endpoints, InvalidUrl, PoolOptions, ReplicaOptions};

pub use rate_limit::{Rate, RateLimit};

/// The settings that were given as flags; [`Settings::check`] takes the others from the environment.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Settings, also read from the environment and .env")]
pub struct Settings {
    /// `sqlite://FILE`, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE` (`DATABASE_URL`; default: `sqlite://posts.db`)
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// PostgreSQL without the pooler of `DATABASE_URL`: for commands, migrations, and to look for changes on (`DATABASE_DIRECT_URL`; default: `DATABASE_URL`)
    #[arg(long, global = true, value_name = "URL")]
    database_direct_url: Option<String>,
    /// A streaming replica of PostgreSQL, for those who read without a key (`DATABASE_READ_URL`; default: none)
    #[arg(long, global = true, value_name = "URL")]
    database_read_url: Option<String>,
    /// Seconds that the replica may be behind before it is left out (`MAX_REPLICA_LAG`; default: `10`)
    #[arg(long, global = true, value_name = "SECONDS")]
    max_replica_lag: Option<String>,
    /// Connections that serve reads on SQLite, and everything on PostgreSQL (`DB_POOL_SIZE`; default: the URL's `connection_limit`, or 8)
    #[arg(long, global = true, value_name = "N")]
    db_pool_size: Option<String>,
    /// The address to listen on: 127.0.0.1 is this machine only, 0.0.0.0 is everyone (`HOST`; default: `127.0.0.1`)
    #[arg(long, global = true, value_name = "ADDRESS")]
    host: Option<String>,
    /// The port to listen on; 0 takes a free one (`PORT`; default: `8080`)
    #[arg(long, global = true, value_name = "PORT")]
    port: Option<String>,
    /// The port of a second listener, for operators: /metrics (`ADMIN_PORT`; default: none)
    #[arg(long, global = true, value_name = "PORT")]
    admin_port: Option<String>,
    /// The address of that listener (`ADMIN_HOST`; default: `127.0.0.1`)
    #[arg(long, global = true, value_name = "ADDRESS")]
    admin_host: Option<String>,
    /// An admin key of your own, at least 22 printable ASCII characters (`ADMIN_API_KEY`; default: the first start makes one and prints it)
    #[arg(long, global = true, value_name = "KEY")]
    admin_api_key: Option<String>,
    /// Whether a change without If-Match is answered 428 (`REQUIRE_IF_MATCH`; default: `false`)
    #[arg(long, global = true, value_name = "BOOL")]
    require_if_match: Option<String>,
    /// Browser origins that may read and write, separated by commas (`CORS_ALLOWED_ORIGINS`; default: any may read)
    #[arg(long, global = true, value_name = "ORIGINS")]
    cors_allowed_origins: Option<String>,
    /// Bytes of answers to keep in memory for those who ask without a key; 0 keeps none (`CACHE_BYTES`; default: `67108864`, 64 MiB)
    #[arg(long, global = true, value_name = "BYTES")]
    cache_bytes: Option<String>,
    /// Requests by each key, or each address without one: so many at once and again each second, minute (m) or hour (h); failures are wrong keys; off: any number (`RATE_LIMIT`; default: `reads=10000/s,writes=1000/s,failures=20/m`)
    #[arg(long, global = true, value_name = "RATES")]
    rate_limit: Option<String>,
    /// Addresses and networks of the proxies in front, between commas, whose word on a client's address is taken (`TRUSTED_PROXIES`; default: none)
    #[arg(long, global = true, value_name = "NETWORKS")]
    trusted_proxies: Option<String>,
    /// Seconds to go on serving after SIGTERM, for a load balancer to take the instance out (`SHUTDOWN_GRACE`; default: `0`)
    #[arg(long, global = true, value_name = "SECONDS")]
    shutdown_grace: Option<String>,
    /// What is logged to stderr: error, warn, info, debug or trace, also per module (`RUST_LOG`; default: `info,actix_server=warn`)
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// How it is written: pretty for people, or json, an object a line (`LOG_FORMAT`; default: `pretty`)
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Queries that take so many milliseconds or more are logged, without their values (`SLOW_QUERY_MS`; default: none)
    #[arg(long, global = true, value_name = "MILLISECONDS")]
    slow_query_ms: Option<String>,
    /// Where spans are sent, by OTLP over HTTP (`OTEL_EXPORTER_OTLP_ENDPOINT`; default: nowhere)
    #[arg(long, global = true, value_name = "URL")]
    otel_exporter_otlp_endpoint: Option<String>,
    /// The Sentry project that errors are sent to (`SENTRY_DSN`; default: none)
    #[arg(long, global = true, value_name = "DSN")]
    sentry_dsn: Option<String>,
}

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Config {
    pub database: DatabaseUrl,
    /// Where the database can be reached besides.
    pub endpoints: Endpoints,
    pub pool: PoolOptions,
    pub host: IpAddr,
    pub port: u16,
    /// `None`: there is no listener for operators.
    pub admin_port: Option<u16>,
    pub admin_host: IpAddr,
    pub admin_api_key: Option<AdminApiKey>,
    pub require_if_match: bool,
    /// `None`: any origin may read, none may write.
    pub cors_allowed_origins: Option<Vec<String>>,
    /// How many bytes of answers are kept in memory; 0: none.
    pub cache_bytes: u64,
    /// `None`: any number of requests is served.
    pub rate_limit: Option<RateLimit>,
    /// Empty: nobody's word on the address of a client is taken.
    pub trusted_proxies: Vec<IpNet>,
    pub shutdown_grace: Duration,
    /// The filter of the log, unchecked.
    pub log: String,
    pub log_format: LogFormat,
    /// Queries that take so long are logged; `None`: none are.
    pub slow_query: Option<Duration>,
    /// Where spans are sent; `None`: none are made.
    pub otlp_endpoint: Option<Url>,
    /// Where errors are sent; `None`: nowhere.
    pub sentry_dsn: Option<Dsn>,
    /// What is odd about the settings but stops nothing.
    pub warnings: Vec<String>,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// An object a line.
    Json,
}

/// The admin key of the environment. `Debug` does not show it.
#[derive(Clone)]
pub struct AdminApiKey(String);

impl AdminApiKey {
    /// The key itself: for comparison only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AdminApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminApiKey(***)")
    }
}

/// Why the service cannot start, in one line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// The value is not shown: it may be a secret under the wrong name.
    #[error("{name} takes {takes}")]
    Value { name: &'static str, takes: &'static str },
    #[error("ADMIN_API_KEY must be {0}; `openssl rand -hex 32` makes a good one")]
    AdminApiKey(&'static str),
    #[error(
        "CORS_ALLOWED_ORIGINS has {0:?}: write origins such as https://example.org, without a path, between commas"
    )]
    Origin(String),
}

/// 128 bits in base64.
const ADMIN_API_KEY_LENGTH: usize = 22;
const POOL_SIZE: u32 = 8;
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
const POOL_WAIT: Duration = Duration::from_secs(2);
const MAX_REPLICA_LAG: u64 = 10;

impl Settings {
    /// Checks every setting: the flag where it was given, then the variable that `environment` has.
    ///
    /// # Errors
    /// A setting with a wrong value.
    pub fn check(self, environment: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let given = |flag: Option<String>, name: &'static str| Setting {
            name,
            value: flag.or_else(|| environment(name)).filter(|value| !value.is_empty()),
        };
        let mut warnings = Vec::new();
        let url = given(self.database_url, "DATABASE_URL");
        let database = url
            .read_url(&mut warnings)?
            .map_or_else(|| DatabaseUrl::parse("sqlite://posts.db").map(|(url, _)| url), Ok)?;
        let max_lag = given(self.max_replica_lag, "MAX_REPLICA_LAG")
            .read("whole seconds from 1 to 3600", |text| {
                text.parse().ok().filter(|seconds| (1..=3600).contains(seconds))
            })?
            .map_or(Duration::from_secs(MAX_REPLICA_LAG), Duration::from_secs);
        let direct = given(self.database_direct_url, "DATABASE_DIRECT_URL").read_beside(&database, &mut warnings)?;
        let replica = given(self.database_read_url, "DATABASE_READ_URL").read_beside(&database, &mut warnings)?;
        let (limit, wait) = match &database {
            DatabaseUrl::Postgres(url) => (url.connection_limit, url.pool_timeout),
            DatabaseUrl::Sqlite { .. } => (None, None),
        };
        let size = given(self.db_pool_size, "DB_POOL_SIZE")
            .read("a whole number from 1 to 1000", |text| text.parse().ok().filter(|size| (1..=1000).contains(size)))?;
        let grace = given(self.shutdown_grace, "SHUTDOWN_GRACE")
            .read("whole seconds from 0 to 3600", |text| text.parse().ok().filter(|seconds| *seconds <= 3600))?;
        Ok(Config {
            pool: PoolOptions { size: size.or(limit).unwrap_or(POOL_SIZE), wait: wait.unwrap_or(POOL_WAIT) },
            host: given(self.host, "HOST").read(ADDRESS, address)?.unwrap_or(LOCALHOST),
            port: given(self.port, "PORT").read(PORT, |text| text.parse().ok())?.unwrap_or(8080),
            admin_port: given(self.admin_port, "ADMIN_PORT").read(PORT, |text| text.parse().ok())?,
            admin_host: given(self.admin_host, "ADMIN_HOST").read(ADDRESS, address)?.unwrap_or(LOCALHOST),
            admin_api_key: given(self.admin_api_key, "ADMIN_API_KEY").value.map(|key| key.parse()).transpose()?,
            require_if_match: given(self.require_if_match, "REQUIRE_IF_MATCH")
                .read("true or false", boolean)?
                .unwrap_or(false),
            cors_allowed_origins: given(self.cors_allowed_origins, "CORS_ALLOWED_ORIGINS")
                .value
                .map(|list| origins(&list))
                .transpose()?,
            cache_bytes: given(self.cache_bytes, "CACHE_BYTES")
                .read("a whole number of bytes, or 0 for no cache", |text| text.parse().ok())?
                .unwrap_or(CACHE_BYTES),
            rate_limit: given(self.rate_limit, "RATE_LIMIT")
                .read(RateLimit::TAKES, RateLimit::parse)?
                .unwrap_or(Some(RateLimit::default())),
            trusted_proxies: given(self.trusted_proxies, "TRUSTED_PROXIES")
                .read("IP addresses and networks between commas, such as 10.0.0.0/8,::1", networks)?
                .unwrap_or_default(),
            shutdown_grace: Duration::from_secs(grace.unwrap_or(0)),
            log: given(self.log, "RUST_LOG").value.unwrap_or_else(|| "info,actix_server=warn".to_owned()),
            log_format: given(self.log_format, "LOG_FORMAT")
                .read("pretty or json", log_format)?
                .unwrap_or(LogFormat::Pretty),
            slow_query: given(self.slow_query_ms, "SLOW_QUERY_MS")
                .read("whole milliseconds from 1 to 3600000", milliseconds)?,
            otlp_endpoint: given(self.otel_exporter_otlp_endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT")
                .read("a URL such as http://127.0.0.1:4318", http_url)?,
            sentry_dsn: given(self.sentry_dsn, "SENTRY_DSN")
                .read("a DSN of Sentry, such as https://KEY@HOST/PROJECT", |text| text.parse().ok())?,
            database,
            endpoints: Endpoints { direct, replica: replica.map(|url| ReplicaOptions { url, max_lag }) },
            warnings,
        })
    }
}

impl Config {
    /// Where the database is reached without a pooler: for migrations and commands.
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

/// What a setting was given; one that is empty counts as not given, as `KEY=${KEY:-}` of a compose file means it.
struct Setting {
    name: &'static str,
    value: Option<String>,
}

impl Setting {
    fn read<T>(self, takes: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ConfigError> {
        let wrong = ConfigError::Value { name: self.name, takes };
        self.value.map(|text| parse(&text).ok_or(wrong)).transpose()
    }

    fn read_url(self, warnings: &mut Vec<String>) -> Result<Option<DatabaseUrl>, ConfigError> {
        let Some(text) = self.value else { return Ok(None) };
        let (url, odd) = DatabaseUrl::parse(&text).map_err(|invalid| invalid.for_setting(self.name))?;
        warnings.extend(odd.into_iter().map(|what| format!("{} {what}", self.name)));
        Ok(Some(url))
    }

    /// Another way to `database`.
    fn read_beside(
        self,
        database: &DatabaseUrl,
        warnings: &mut Vec<String>,
    ) -> Result<Option<DatabaseUrl>, ConfigError> {
        let name = self.name;
        let Some(mut url) = self.read_url(warnings)? else { return Ok(None) };
        let (DatabaseUrl::Postgres(own), DatabaseUrl::Postgres(others)) = (&mut url, database) else {
            Err(InvalidUrl::new(name, "is for PostgreSQL, and DATABASE_URL must be so, too: postgres://…"))?
        };
        if !own.adopt_schema(others) {
            Err(InvalidUrl::new(name, "must lead to the same schema as DATABASE_URL, by the parameter schema"))?;
        }
        Ok(Some(url))
    }
}

const PORT: &str = "a port number from 0 to 65535";
const ADDRESS: &str = "an IP address or localhost";
const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn address(text: &str) -> Option<IpAddr> {
    if text == "localhost" { Some(LOCALHOST) } else { text.parse().ok() }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "pretty" => Some(LogFormat::Pretty),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

fn milliseconds(text: &str) -> Option<Duration> {
    text.parse().ok().filter(|milliseconds| (1..=3_600_000).contains(milliseconds)).map(Duration::from_millis)
}

fn http_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none())
}

/// An address alone is a network of one.
fn networks(list: &str) -> Option<Vec<IpNet>> {
    let network = |text: &str| text.parse().ok().or_else(|| text.parse().ok().map(IpAddr::into));
    list.split(',').map(|text| network(text.trim())).collect()
}

impl FromStr for AdminApiKey {
    type Err = ConfigError;

    fn from_str(key: &str) -> Result<Self, ConfigError> {
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::AdminApiKey("printable ASCII without spaces"));
        }
        if key.len() < ADMIN_API_KEY_LENGTH {
            return Err(ConfigError::AdminApiKey("at least 22 characters long"));
        }
        Ok(Self(key.to_owned()))
    }
}

fn origins(list: &str) -> Result<Vec<String>, ConfigError> {
    list.split(',')
        .map(str::trim)
        .map(|origin| match Url::parse(origin) {
            Ok(url) if url.origin().is_tuple() && url.origin().ascii_serialization() == origin => Ok(origin.to_owned()),
            _ => Err(ConfigError::Origin(origin.to_owned())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        let good = "https://example.org, http://localhost:4321";
        assert_eq!(origins(good).unwrap(), ["https://example.org", "http://localhost:4321"]);
        for bad in ["*", "example.org", "https://example.org/", "https://example.org/blog", "null", ""] {
            assert!(origins(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        assert_eq!(networks("10.0.0.0/8, ::1").unwrap(), ["10.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap()));
        assert_eq!(networks("10.0.0.0/33"), None);
    }

    #[test]
    fn a_weak_admin_key_is_refused_and_none_is_shown() {
        assert!("short".parse::<AdminApiKey>().is_err());
        assert!("with a space in it, and long".parse::<AdminApiKey>().is_err());
        let key: AdminApiKey = "abcdefghijklmnopqrstuv".parse().unwrap();
        assert!(!format!("{key:?}").contains("abc"));
    }
}
