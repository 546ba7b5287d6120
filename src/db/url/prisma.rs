//! Prisma's URLs: the connection parameters that Prisma adds, and its local server `prisma dev`.
//!
//! The local server is a PostgreSQL in WebAssembly whose clients share one session. The service must therefore not
//! change the session's state, and a second connection would add no concurrency.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use url::{Host, Url};

use crate::db::url::error::{InvalidUrl, reject};
use crate::db::url::libpq;

/// The database of the local server, as a URL path. Other servers do not use `template1` for data, because PostgreSQL
/// copies new databases from it.
const LOCAL_DATABASE: &str = "/template1";

/// The content of `api_key` in a `prisma+postgres://` URL: JSON in base64url.
#[derive(Deserialize)]
struct LocalServerKey {
    #[serde(rename = "databaseUrl")]
    database_url: String,
}

/// Whether the URL leads to Prisma's local server.
pub(crate) fn is_local_server(url: &Url) -> bool {
    url.path() == LOCAL_DATABASE && is_loopback(url)
}

/// Returns the PostgreSQL URL that `prisma+postgres://localhost:51213/?api_key=…` contains. `prisma init` writes such a
/// URL to `.env`. `None` for any other URL, such as one of Prisma Accelerate.
pub(crate) fn local_server_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(is_loopback)?;
    let (_, key) = url.query_pairs().find(|(name, _)| name == "api_key")?;
    let json = BASE64URL_NOPAD.decode(key.trim_end_matches('=').as_bytes()).ok()?;
    let key: LocalServerKey = serde_json::from_slice(&json).ok()?;
    Url::parse(&key.database_url).ok().filter(is_local_server).map(String::from)
}

/// Whether the host is the loopback interface. `Url` parses an IPv4 address as a domain if it does not know the scheme.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => matches!(name, "localhost" | "127.0.0.1"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A URL's parameters, separated into those of Prisma and those of libpq.
#[derive(Default)]
pub(crate) struct PrismaParameters {
    pub(crate) schema: Option<String>,
    pub(crate) connection_limit: Option<u32>,
    pub(crate) pool_timeout: Option<Duration>,
    pub(crate) transaction_pooling: bool,
    pub(crate) libpq: Vec<(String, String)>,
    /// One per ignored parameter. Each follows the name of the setting and a colon.
    pub(crate) warnings: Vec<String>,
}

impl PrismaParameters {
    /// Reads Prisma's parameters, translates those that have another name in libpq, and ignores unknown ones.
    pub(crate) fn parse(url: &Url) -> Result<Self, InvalidUrl> {
        let pairs: Vec<(String, String)> =
            url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        // To Prisma, `sslcert` is the server's certificate authority. To libpq, it is the client's own certificate,
        // which requires an `sslkey`.
        let has_client_key = pairs.iter().any(|(name, _)| name == "sslkey");
        let accepts_invalid_certs =
            pairs.iter().any(|(name, value)| name == "sslaccept" && value == "accept_invalid_certs");
        let mut parsed = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "schema" => parsed.schema = Some(value).filter(|schema| schema != "public"),
                "connection_limit" => parsed.connection_limit = Some(number(&name, &value)?),
                // To Prisma, 0 is an unlimited wait, which this service does not support.
                "pool_timeout" if value == "0" => {
                    parsed.warnings.push("pool_timeout=0 is not supported; using 2 s".to_owned());
                }
                "pool_timeout" => parsed.pool_timeout = Some(Duration::from_secs(number(&name, &value)?.into())),
                "pgbouncer" => parsed.transaction_pooling = value == "true",
                "sslaccept" if value == "strict" => parsed.libpq.push(("sslmode".into(), "verify-full".into())),
                // Prisma's default verifies no certificate, like libpq's `sslmode=require`.
                "sslaccept" => {}
                // With `sslrootcert`, libpq would verify the certificate even with `sslmode=require`.
                "sslcert" if !has_client_key && accepts_invalid_certs => {}
                "sslcert" if !has_client_key => parsed.libpq.push(("sslrootcert".into(), value)),
                parameter if libpq::PARAMETERS.contains(&parameter) => parsed.libpq.push((name, value)),
                _ => parsed.warnings.push(format!("ignored the unknown parameter {name}")),
            }
        }
        Ok(parsed)
    }
}

fn number(name: &str, value: &str) -> Result<u32, InvalidUrl> {
    match value.parse() {
        Ok(number) if (1..=1000).contains(&number) => Ok(number),
        _ => reject(format!("{name} must be an integer between 1 and 1000")),
    }
}
