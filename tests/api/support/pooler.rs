//! PgBouncer in transaction mode: a server session serves a client for one transaction and then another one.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use posts_api::db::Connection;
use tempfile::TempDir;
use url::Url;

use super::postgres;

/// Runs until it is dropped, or the test process ends in any way.
pub(crate) struct Pooler {
    /// With the parameter that tells the service of it.
    pub(crate) url: String,
    /// Its standard input's other end keeps it alive.
    script: Child,
    _directory: TempDir,
}

/// It refuses to run as root.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
if [ "$(id -u)" -eq 0 ]; then
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    set -- "$@" -u "$user"
fi
"$@" &
pid=$!
cat >/dev/null
kill -KILL "$pid"
"#;

impl Pooler {
    /// One in front of the server of `database`, with so many sessions for each database there. `None`: it is not
    /// installed here.
    pub(crate) fn start(database: &str, sessions: u32) -> Option<Self> {
        let Some(program) = program() else {
            assert!(!postgres::is_required(), "REQUIRE_POSTGRES is set, and there is no PgBouncer");
            super::tell_skipped("what happens behind a transaction pooler, because PgBouncer is not installed");
            return None;
        };
        // Somebody else may take the port before it does.
        let started = (0..3).find_map(|_| Self::launch(&program, database, sessions, postgres::free_port()));
        Some(started.expect("PgBouncer starts"))
    }

    fn launch(program: &PathBuf, database: &str, sessions: u32, port: u16) -> Option<Self> {
        let server = Url::parse(database).unwrap();
        let directory = TempDir::with_prefix("posts-api-test-pgbouncer-").unwrap();
        let file = directory.path().join("pgbouncer.ini");
        let password = server.password().map(|password| format!(" password={password}")).unwrap_or_default();
        let settings = format!(
            "[databases]\n* = host={} port={} user={}{password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = {sessions}\nmax_client_conn = 500\n",
            server.host_str().unwrap(),
            server.port().unwrap_or(5432),
            server.username(),
        );
        std::fs::write(&file, settings).unwrap();
        #[cfg(unix)]
        for (path, mode) in [(directory.path(), 0o755), (file.as_path(), 0o644)] {
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        }
        let log = directory.path().join("log");
        let script = Command::new("sh")
            .args(["-c", SCRIPT, "pgbouncer.sh"])
            .args([program, &file])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut url = server;
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(port)).unwrap();
        url.set_query(None);
        url.query_pairs_mut().append_pair("pgbouncer", "true");
        let pooler = Self { url: url.to_string(), script, _directory: directory };
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(10) {
            if Connection::open(&postgres::parse(&url)).is_ok() {
                return Some(pooler);
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        super::tell_skipped(&format!("PgBouncer on port {port}: {}", std::fs::read_to_string(&log).unwrap()));
        None
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

/// Debian keeps it where only root looks.
fn program() -> Option<PathBuf> {
    let path = postgres::variable("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join("pgbouncer"))
        .find(|program| program.exists())
}
