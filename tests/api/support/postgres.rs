//! The PostgreSQL server that the tests share: `TEST_DATABASE_URL`, or a temporary cluster made with the installed
//! programs, or none.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use posts_api::db::{Connection, DatabaseUrl};
use url::Url;

use super::cluster::Cluster;

/// The oldest major version that the service supports.
const OLDEST: u32 = 15;

/// The server, started at the first use. Returns `None` if this machine has none. Panics instead if
/// `REQUIRE_POSTGRES` is set.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: LazyLock<Result<Server, String>> = LazyLock::new(find);
    match &*SERVER {
        Ok(server) => Some(server),
        Err(reason) if is_required() => panic!("REQUIRE_POSTGRES is set, but there is no PostgreSQL: {reason}"),
        Err(_) => None,
    }
}

/// A server on which tests create databases.
pub(crate) struct Server {
    url: Url,
    /// Kept alive for the whole run. Rust does not drop statics, so the script stops it at the end of the process.
    _cluster: Option<Cluster>,
}

impl Server {
    /// The URL of a database on this server.
    pub(crate) fn url(&self, database: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(database);
        url
    }

    /// A connection to the server's default database.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(&parse(&self.url)).unwrap()
    }
}

pub(crate) fn parse(url: &Url) -> DatabaseUrl {
    DatabaseUrl::parse(url.as_str()).unwrap().0
}

fn find() -> Result<Server, String> {
    if let Some(url) = env_var("TEST_DATABASE_URL") {
        let url = Url::parse(&url).expect("TEST_DATABASE_URL is a URL");
        return Ok(Server { url, _cluster: None });
    }
    let started = start_server(None);
    if let Err(reason) = &started {
        let hint = "install PostgreSQL, set TEST_DATABASE_URL, or run scripts/test, which installs it";
        super::report_skipped(&format!("EVERYTHING ON POSTGRESQL, because {reason}; {hint}"));
    }
    started
}

/// Starts a separate server with TLS, which stops when it is dropped. `directory` contains `server.crt` and
/// `server.key`. Returns `None` if PostgreSQL is not installed.
pub(crate) fn with_tls(directory: &Path) -> Option<Server> {
    match start_server(Some(directory)) {
        Ok(server) => Some(server),
        Err(reason) if is_required() => panic!("REQUIRE_POSTGRES is set, but there is no PostgreSQL: {reason}"),
        Err(reason) => {
            super::report_skipped(&format!("TLS to PostgreSQL, because {reason}"));
            None
        }
    }
}

fn start_server(tls: Option<&Path>) -> Result<Server, String> {
    let cluster = Cluster::start("off", tls)?;
    Ok(Server { url: cluster.url.clone(), _cluster: Some(cluster) })
}

/// A port that no other test of this process uses, and that is free now. Another process may bind it before the caller
/// does. The port is below those that the system assigns, so no other socket gets it while the caller's server is down.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(getrandom::u32().unwrap() % COUNT));
    let next = || u16::try_from(FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT).unwrap();
    std::iter::repeat_with(next).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// The directory of PostgreSQL's programs: `TEST_POSTGRES_BIN`, or that of the newest installed version.
pub(super) fn bin_directory() -> Result<PathBuf, String> {
    if let Some(bin) = env_var("TEST_POSTGRES_BIN") {
        return Ok(bin.into());
    }
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let on_path = env_var("PATH").unwrap_or_default();
    let configured = Command::new("pg_config").arg("--bindir").output().ok();
    packaged
        .map(|entry| entry.path().join("bin"))
        .chain(std::env::split_paths(&on_path).collect::<Vec<_>>())
        .chain(configured.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())))
        .filter(|bin| ["initdb", "pg_ctl", "pg_basebackup"].iter().all(|program| bin.join(program).exists()))
        .filter_map(|bin| Some((version(&bin)?, bin)))
        .filter(|(version, _)| *version >= OLDEST)
        .max()
        .map(|(_, bin)| bin)
        .ok_or(format!("no PostgreSQL {OLDEST} or newer is installed"))
}

/// The major version: 15 of `initdb (PostgreSQL) 15.14 (Debian …)`.
fn version(bin: &std::path::Path) -> Option<u32> {
    let output = Command::new(bin.join("initdb")).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(|character: char| !character.is_ascii_digit()).find(|number| !number.is_empty())?.parse().ok()
}

pub(crate) fn is_required() -> bool {
    env_var("REQUIRE_POSTGRES").is_some_and(|value| value != "0")
}

#[expect(clippy::disallowed_methods, reason = "these configure the tests, not the service")]
pub(crate) fn env_var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
