//! Every setting, its default and its check. No other file reads the environment.
//!
//! A setting comes from a flag, the environment or `.env`, in this order.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use crate::db::{DatabaseUrl, InvalidUrl, PoolOptions};

/// The settings as given; [`Settings::check`] makes a [`Config`] of them.
#[derive(Args)]
#[command(next_help_heading = "Settings (also read from the environment and .env)")]
pub struct Settings {
    /// `sqlite://FILE`, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    #[arg(long, env, global = true, hide_env_values = true, default_value = "sqlite://posts.db", value_name = "URL")]
    database_url: String,
    /// Connections that serve reads on SQLite, and everything on PostgreSQL. Default: 8, or the URL's `connection_limit`.
    #[arg(long, env, global = true, hide_env_values = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    db_pool_size: Option<u32>,
    /// The address to listen on: 127.0.0.1 is this machine only, 0.0.0.0 is everyone.
    #[arg(long, env, global = true, hide_env_values = true, default_value = "127.0.0.1", value_name = "ADDRESS")]
    host: IpAddr,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, env, global = true, hide_env_values = true, default_value_t = 8080)]
    port: u16,
    /// An admin key of your own, at least 22 printable ASCII characters. Without it the first start makes one and prints it.
    #[arg(long, env, global = true, hide_env_values = true, value_name = "KEY")]
    admin_api_key: Option<String>,
    /// Answer 428 to a change without If-Match.
    #[arg(long, env, global = true, hide_env_values = true, default_value = "false", value_name = "BOOL", action = clap::ArgAction::Set)]
    require_if_match: bool,
    /// Browser origins that may read and write, separated by commas. Default: any origin may read.
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ORIGINS")]
    cors_allowed_origins: Option<String>,
    /// Seconds to go on serving after SIGTERM, so that a load balancer can take the instance out.
    #[arg(long, env, global = true, hide_env_values = true, default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=3600))]
    shutdown_grace: u64,
    /// What is logged to stderr: error, warn, info, debug or trace, also per module as in `info,posts_api=debug`.
    #[arg(
        long,
        env = "RUST_LOG",
        global = true,
        hide_env_values = true,
        default_value = "info,actix_server=warn",
        value_name = "FILTER"
    )]
    log: String,
}

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Config {
    pub database: DatabaseUrl,
    pub pool: PoolOptions,
    pub host: IpAddr,
    pub port: u16,
    pub admin_api_key: Option<AdminApiKey>,
    pub require_if_match: bool,
    /// `None`: any origin may read, none may write.
    pub cors_allowed_origins: Option<Vec<String>>,
    pub shutdown_grace: Duration,
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
const POOL_WAIT: Duration = Duration::from_secs(2);

impl Settings {
    /// The filter of the log, before anything else is checked.
    #[must_use]
    pub fn log_filter(&self) -> &str {
        &self.log
    }

    /// Checks what clap alone cannot. The second value holds warnings to log.
    ///
    /// # Errors
    /// A setting with a wrong value.
    pub fn check(self) -> Result<(Config, Vec<String>), ConfigError> {
        let (database, warnings) = DatabaseUrl::parse(&self.database_url)?;
        let (limit, wait) = match &database {
            DatabaseUrl::Postgres(url) => (url.connection_limit, url.pool_timeout),
            DatabaseUrl::Sqlite { .. } => (None, None),
        };
        let config = Config {
            database,
            pool: PoolOptions {
                size: self.db_pool_size.or(limit).unwrap_or(POOL_SIZE),
                wait: wait.unwrap_or(POOL_WAIT),
            },
            host: self.host,
            port: self.port,
            admin_api_key: given(self.admin_api_key).map(|key| key.parse()).transpose()?,
            require_if_match: self.require_if_match,
            cors_allowed_origins: given(self.cors_allowed_origins).map(|list| origins(&list)).transpose()?,
            shutdown_grace: Duration::from_secs(self.shutdown_grace),
        };
        Ok((config, warnings))
    }
}

/// An empty variable is one that is not set: `KEY=${KEY:-}` in a compose file.
fn given(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
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
        .map(|origin| match url::Url::parse(origin) {
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
    fn a_weak_admin_key_is_refused_and_none_is_shown() {
        assert!("short".parse::<AdminApiKey>().is_err());
        assert!("with a space in it, and long".parse::<AdminApiKey>().is_err());
        let key: AdminApiKey = "abcdefghijklmnopqrstuv".parse().unwrap();
        assert!(!format!("{key:?}").contains("abc"));
    }
}
