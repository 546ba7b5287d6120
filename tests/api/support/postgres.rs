//! The PostgreSQL server that the tests use: the one that `TEST_DATABASE_URL` names, or a throw-away cluster made from
//! the programs on this machine, or none.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use posts_api::db::{Connection, DatabaseUrl};
use url::Url;

use super::cluster::Cluster;

/// The oldest version that the service supports.
const OLDEST: u32 = 15;

/// The server, started at the first use. `None`: there is none on this machine.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: LazyLock<Result<Server, String>> = LazyLock::new(find);
    match &*SERVER {
        Ok(server) => Some(server),
        Err(reason) if is_required() => panic!("REQUIRE_POSTGRES is set, and there is no PostgreSQL: {reason}"),
        Err(_) => None,
    }
}

/// A server on which databases can be made.
pub(crate) struct Server {
    url: Url,
    /// Statics are never dropped.
    _cluster: Option<Cluster>,
}

impl Server {
    /// The URL of a database on this server.
    pub(crate) fn url(&self, database: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(database);
        url
    }

    /// A connection to the database that is always there.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(&parse(&self.url)).unwrap()
    }
}

pub(crate) fn parse(url: &Url) -> DatabaseUrl {
    DatabaseUrl::parse(url.as_str()).unwrap().0
}

fn find() -> Result<Server, String> {
    if let Some(url) = variable("TEST_DATABASE_URL") {
        let url = Url::parse(&url).expect("TEST_DATABASE_URL is a URL");
        return Ok(Server { url, _cluster: None });
    }
    let started = started(None);
    if let Err(reason) = &started {
        let hint = "install PostgreSQL, set TEST_DATABASE_URL, or run scripts/test, which does it all";
        super::tell_skipped(&format!("NOTHING IS TESTED ON POSTGRESQL, because {reason}; {hint}"));
    }
    started
}

/// A server of its own that speaks TLS with the `server.crt` and `server.key` of this directory, and ends when it is
/// dropped. `None`: there are no programs for it on this machine.
pub(crate) fn with_tls(directory: &Path) -> Option<Server> {
    match started(Some(directory)) {
        Ok(server) => Some(server),
        Err(reason) if is_required() => panic!("REQUIRE_POSTGRES is set, and there is no PostgreSQL: {reason}"),
        Err(reason) => {
            super::tell_skipped(&format!("TLS to PostgreSQL, because {reason}"));
            None
        }
    }
}

fn started(tls: Option<&Path>) -> Result<Server, String> {
    let cluster = Cluster::start("off", tls)?;
    Ok(Server { url: cluster.url.clone(), _cluster: Some(cluster) })
}

/// A port that is free now; somebody else may take it.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The directory with the newest PostgreSQL of this machine.
pub(super) fn programs() -> Result<PathBuf, String> {
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let on_path = variable("PATH").unwrap_or_default();
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

/// The 15 of `initdb (PostgreSQL) 15.14 (Debian …)`.
fn version(bin: &std::path::Path) -> Option<u32> {
    let output = Command::new(bin.join("initdb")).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(|character: char| !character.is_ascii_digit()).find(|number| !number.is_empty())?.parse().ok()
}

pub(crate) fn is_required() -> bool {
    variable("REQUIRE_POSTGRES").is_some_and(|value| value != "0")
}

#[expect(clippy::disallowed_methods, reason = "these are settings of the tests and not of the service")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
