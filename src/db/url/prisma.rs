//! Prisma's local server, `prisma dev`: a PostgreSQL in WebAssembly with one session, which all its clients share. So
//! nothing may be kept in the session, and more connections than one win nothing.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use url::{Host, Url};

/// The database that it serves. Nobody else keeps posts in there: PostgreSQL copies new databases from it.
const DATABASE: &str = "/template1";

/// What its `api_key` is, in base64.
#[derive(Deserialize)]
struct ApiKey {
    #[serde(rename = "databaseUrl")]
    database_url: String,
}

/// Whether the URL is that of a local server.
pub(crate) fn is_local(url: &Url) -> bool {
    url.path() == DATABASE && is_loopback(url)
}

/// The PostgreSQL URL in `prisma+postgres://localhost:51213/?api_key=…`, which is what `prisma init` writes to `.env`.
pub(crate) fn direct(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(is_loopback)?;
    let (_, key) = url.query_pairs().find(|(name, _)| name == "api_key")?;
    let json = BASE64URL_NOPAD.decode(key.trim_end_matches('=').as_bytes()).ok()?;
    let key: ApiKey = serde_json::from_slice(&json).ok()?;
    Url::parse(&key.database_url).ok().filter(is_local).map(String::from)
}

/// Of a scheme that it does not know, `Url` takes addresses for names, too.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => matches!(name, "localhost" | "127.0.0.1"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
