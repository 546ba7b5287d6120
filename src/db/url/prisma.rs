//! Prisma's URLs: the connection parameters that Prisma adds, and its local server `prisma dev`.
//!
//! The local server is a PostgreSQL in WebAssembly whose clients share one session. The service must therefore not
//! change the session's state, and a second connection would add no concurrency.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use url::{Host, Url};

use crate::db::url::error::{InvalidUrl, reject};
use crate::db::url::uri::{Parameters, is_socket};

/// The database of the local server. Other servers do not use `template1` for data, because PostgreSQL copies new
/// databases from it.
const LOCAL_DATABASE: &str = "template1";

/// Prisma's parameters that the service ignores with a warning. They neither select a database nor affect security.
const IGNORED: [&str; 5] = [
    "max_connection_lifetime", "max_idle_connection_lifetime", "single_use_connections", "socket_timeout",
    "statement_cache_size",
];

/// The content of `api_key` in a `prisma+postgres://` URL: JSON in base64url.
#[derive(Deserialize)]
struct LocalServerKey {
    #[serde(rename = "databaseUrl")]
    database_url: String,
}

/// Whether the parameters lead to Prisma's local server.
pub(crate) fn is_local_server(parameters: &Parameters) -> bool {
    let is_loopback = |host: &str| !is_socket(host) && is_loopback(host);
    parameters.get("dbname") == Some(LOCAL_DATABASE)
        && parameters.get("hostaddr").or(parameters.get("host")).is_some_and(|hosts| hosts.split(',').all(is_loopback))
}

/// Returns the PostgreSQL URL that `prisma+postgres://localhost:51213/?api_key=…` contains. `prisma init` writes such a
/// URL to `.env`. `None` for any other URL, such as one of Prisma Accelerate.
pub(crate) fn local_server_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| match url.host() {
        // `Url` parses an IPv4 address as a domain if it does not know the scheme.
        Some(Host::Domain(name)) => is_loopback(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })?;
    let (_, key) = url.query_pairs().find(|(name, _)| name == "api_key")?;
    let json = BASE64URL_NOPAD.decode(key.trim_end_matches('=').as_bytes()).ok()?;
    serde_json::from_slice(&json).ok().map(|key: LocalServerKey| key.database_url)
}

/// Whether the host is the loopback interface.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The settings from Prisma's parameters.
#[derive(Clone, Default)]
pub(crate) struct PrismaParameters {
    pub(crate) schema: Option<String>,
    pub(crate) connection_limit: Option<u32>,
    pub(crate) pool_timeout: Option<Duration>,
    pub(crate) transaction_pooling: bool,
    /// `sslaccept=strict`.
    pub(crate) requires_verification: bool,
    /// `sslaccept=accept_invalid_certs`.
    pub(crate) accepts_invalid_certs: bool,
    /// One per ignored parameter. Each follows the name of the setting and a colon.
    pub(crate) warnings: Vec<String>,
}

impl PrismaParameters {
    /// Reads one parameter. Returns `false` if it is not one of Prisma's.
    pub(crate) fn read(&mut self, name: &str, value: &str) -> Result<bool, InvalidUrl> {
        match (name, value) {
            ("schema", "") => return reject("the parameter schema must not be empty"),
            ("schema", _) => self.schema = Some(value.to_owned()).filter(|schema| schema != "public"),
            ("connection_limit", _) => self.connection_limit = Some(number(name, value)?),
            // To Prisma, 0 is an unlimited wait, which this service does not support.
            ("pool_timeout", "0") => self.warnings.push("pool_timeout=0 is not supported; using 2 s".to_owned()),
            ("pool_timeout", _) => self.pool_timeout = Some(Duration::from_secs(number(name, value)?.into())),
            ("pgbouncer", "true" | "false") => self.transaction_pooling = value == "true",
            ("pgbouncer", _) => return reject("the parameter pgbouncer must be true or false"),
            ("sslaccept", "strict") => self.requires_verification = true,
            // Prisma's default verifies no certificate, like libpq's `sslmode=require`.
            ("sslaccept", "accept_invalid_certs") => self.accepts_invalid_certs = true,
            ("sslaccept", _) => return reject("the parameter sslaccept must be strict or accept_invalid_certs"),
            ("sslidentity", _) => {
                return reject(
                    "the parameter sslidentity is not supported, because libpq reads no PKCS #12 files; use sslcert \
                     and sslkey",
                );
            }
            _ if IGNORED.contains(&name) => {
                self.warnings.push(format!("ignored the parameter {name}, which applies to Prisma only"));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn number(name: &str, value: &str) -> Result<u32, InvalidUrl> {
    match value.parse() {
        Ok(number) if (1..=1000).contains(&number) => Ok(number),
        _ => reject(format!("{name} must be an integer between 1 and 1000")),
    }
}
