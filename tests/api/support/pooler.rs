//! PgBouncer in transaction mode: it assigns a server session to a client for one transaction at a time.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use posts_api::db::Connection;
use tempfile::TempDir;
use url::Url;

use super::postgres;

/// A PgBouncer that runs until this is dropped, or until the test process ends.
pub(crate) struct Pooler {
    /// The URL of the pooler, with the parameter `pgbouncer=true` for the service.
    pub(crate) url: String,
    /// The script kills PgBouncer when its standard input closes.
    script: Child,
    _directory: TempDir,
}

/// Runs PgBouncer as another user if the tests run as root, which PgBouncer refuses.
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
    /// Starts a pooler in front of the server of `database`, with at most `sessions` server sessions per database.
    /// Returns `None` if PgBouncer is not installed.
    pub(crate) fn start(database: &str, sessions: u32) -> Option<Self> {
        let Some(program) = program() else {
            assert!(!postgres::is_required(), "REQUIRE_POSTGRES is set, but PgBouncer is not installed");
            super::report_skipped("transaction pooling, because PgBouncer is not installed");
            return None;
        };
        // Another process may bind the free port first, so retry.
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
        while began.elapsed() < super::WAIT_LIMIT {
            if Connection::open(&postgres::parse(&url)).is_ok() {
                return Some(pooler);
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        super::report_skipped(&format!("PgBouncer on port {port}: {}", std::fs::read_to_string(&log).unwrap()));
        None
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

/// Searches the sbin directories too, where Debian installs PgBouncer.
fn program() -> Option<PathBuf> {
    let path = postgres::env_var("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join("pgbouncer"))
        .find(|program| program.exists())
}
