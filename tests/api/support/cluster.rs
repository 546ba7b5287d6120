//! A PostgreSQL cluster for one test, which may stop, pause, and restart it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use posts_api::db::{Backend, Connection};
use url::Url;

use super::database::execute;
use super::postgres;

/// A cluster that `cluster.sh` runs until this is dropped.
pub(crate) struct Cluster {
    pub(crate) url: Url,
    /// The script stops the cluster when this pipe closes.
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    script: Child,
}

/// The ids of a cluster's processes, all suspended with SIGSTOP until this is dropped. Clients see a server that hangs.
pub(crate) struct PausedCluster(Vec<String>);

impl Cluster {
    /// Starts a cluster with `synchronous_commit = on`: commits survive a crash of its processes. Returns `None` if
    /// PostgreSQL is not installed.
    pub(crate) fn durable() -> Option<Self> {
        match Self::start("on", None) {
            Ok(cluster) => Some(cluster),
            Err(reason) if postgres::is_required() => {
                panic!("REQUIRE_POSTGRES is set, but a cluster cannot start: {reason}")
            }
            Err(reason) => {
                super::report_skipped(&format!("PostgreSQL failures, because {reason}"));
                None
            }
        }
    }

    pub(super) fn start(synchronous_commit: &str, tls: Option<&Path>) -> Result<Self, String> {
        Self::launch(synchronous_commit, tls, "")
    }

    /// Starts a standby that replicates this cluster by streaming.
    pub(crate) fn standby(&self) -> Self {
        Self::launch("on", None, &self.url.port().unwrap().to_string()).expect("the standby starts")
    }

    /// Resumes or pauses a standby's WAL replay, and waits until the new state holds.
    pub(crate) fn set_replay(&self, resume: bool) {
        let mut conn = Connection::open(&postgres::parse(&self.url)).unwrap();
        let (command, state) = if resume { ("resume", "not paused") } else { ("pause", "paused") };
        execute(&mut conn, &format!("SELECT pg_wal_replay_{command}()"));
        let query = "SELECT pg_get_wal_replay_pause_state() AS text";
        let began = Instant::now();
        while text(&mut conn, query) != state {
            assert!(began.elapsed() < super::WAIT_LIMIT, "timed out: WAL replay does not {command}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// For a standby, `primary` is the port of its primary; otherwise it is empty.
    fn launch(synchronous_commit: &str, tls: Option<&Path>, primary: &str) -> Result<Self, String> {
        let bin = postgres::bin_directory()?;
        let tls = tls.unwrap_or(Path::new(""));
        let start = |port: u16| {
            let mut script = Command::new("sh")
                .args(["-c", include_str!("cluster.sh"), "cluster.sh"])
                .arg(&bin)
                .args([&port.to_string(), synchronous_commit])
                .arg(tls)
                .arg(primary)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let url = Url::parse(&format!("postgres://postgres@127.0.0.1:{port}/postgres")).unwrap();
            let (input, output) = (script.stdin.take().unwrap(), BufReader::new(script.stdout.take().unwrap()));
            let mut cluster = Self { url, input, output, script };
            (cluster.line() == "ready\n").then_some(cluster)
        };
        // Another process may bind the free port first, so retry.
        (0..3).find_map(|_| start(postgres::free_port())).ok_or_else(|| "it did not start".to_owned())
    }

    /// Stops the cluster without a shutdown checkpoint (`pg_ctl stop --mode=immediate`), as a crash would.
    pub(crate) fn crash(&mut self) {
        self.command("stop");
    }

    /// Starts the cluster after [`Cluster::crash`], and waits until it accepts connections.
    pub(crate) fn restart(&mut self) {
        self.command("start");
    }

    pub(crate) fn pause(&self) -> PausedCluster {
        let mut paused = PausedCluster(vec![self.postmaster()]);
        // Suspend the postmaster first, so that it forks no more backends.
        paused.signal("STOP");
        let children = format!("/proc/{0}/task/{0}/children", paused.0[0]);
        let children = std::fs::read_to_string(children).expect("Linux with /proc/PID/task/TID/children");
        paused.0.extend(children.split_whitespace().map(str::to_owned));
        paused.signal("STOP");
        paused
    }

    /// The process id of the postmaster, the parent of all backends.
    fn postmaster(&self) -> String {
        let mut conn = Connection::open(&postgres::parse(&self.url)).unwrap();
        text(&mut conn, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS text")
    }

    fn command(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
        assert_eq!(self.line(), "done\n", "{line}");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        if line.is_empty() {
            self.script.wait().unwrap();
        }
        line
    }
}

/// The column `text` of a query's only row.
fn text(conn: &mut Connection, query: &str) -> String {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        text: String,
    }
    let Backend::Postgres(conn) = &mut conn.backend else { panic!("expected PostgreSQL") };
    diesel::sql_query(query).get_result::<Row>(conn).unwrap().text
}

impl PausedCluster {
    fn signal(&self, name: &str) {
        // Fails for a process that has ended in the meantime.
        let _ = Command::new("kill").args(["-s", name]).args(&self.0).stderr(Stdio::null()).status().unwrap();
    }
}

impl Drop for PausedCluster {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}
