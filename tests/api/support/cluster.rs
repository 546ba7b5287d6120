//! A PostgreSQL cluster that nobody else uses, so that it may be stopped, paused and started again.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use posts_api::db::{Backend, Connection};
use url::Url;

use super::database::execute;
use super::postgres;

/// Runs until it is dropped: see `cluster.sh`.
pub(crate) struct Cluster {
    pub(crate) url: Url,
    /// Their other ends keep the cluster alive.
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    script: Child,
}

/// All of its processes, stopped until this is dropped: to its clients it looks like a server that hangs.
pub(crate) struct Paused(Vec<String>);

impl Cluster {
    /// One whose commits survive the end of its processes. `None`: PostgreSQL is not installed here.
    pub(crate) fn durable() -> Option<Self> {
        match Self::start("on", None) {
            Ok(cluster) => Some(cluster),
            Err(reason) if postgres::is_required() => panic!("there is no PostgreSQL to stop and start: {reason}"),
            Err(reason) => {
                super::tell_skipped(&format!("what happens when PostgreSQL stops, because {reason}"));
                None
            }
        }
    }

    pub(super) fn start(synchronous_commit: &str, tls: Option<&Path>) -> Result<Self, String> {
        Self::launch(synchronous_commit, tls, "")
    }

    /// A standby that follows this one by streaming replication.
    pub(crate) fn standby(&self) -> Self {
        Self::launch("on", None, &self.url.port().unwrap().to_string()).expect("a standby of a cluster that runs")
    }

    /// Stops or goes on with the replay of a standby's log, and returns when that is so.
    pub(crate) fn replay(&self, goes_on: bool) {
        let mut conn = Connection::open(&postgres::parse(&self.url)).unwrap();
        let (order, state) = if goes_on { ("resume", "not paused") } else { ("pause", "paused") };
        execute(&mut conn, &format!("SELECT pg_wal_replay_{order}()"));
        let is_so = "SELECT pg_get_wal_replay_pause_state() AS text";
        let began = Instant::now();
        while text(&mut conn, is_so) != state {
            assert!(began.elapsed() < Duration::from_secs(30), "the replay does not {order}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// `primary` is the port of a standby's primary.
    fn launch(synchronous_commit: &str, tls: Option<&Path>, primary: &str) -> Result<Self, String> {
        let bin = postgres::programs()?;
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
        // Somebody else may take the port before the cluster does.
        (0..3).find_map(|_| start(postgres::free_port())).ok_or_else(|| "it did not start".to_owned())
    }

    /// Ends all of its processes at once, as a crash would.
    pub(crate) fn crash(&mut self) {
        self.tell("stop");
    }

    /// Starts it after [`Cluster::crash`], and returns when it takes connections.
    pub(crate) fn start_again(&mut self) {
        self.tell("start");
    }

    pub(crate) fn pause(&self) -> Paused {
        let mut paused = Paused(vec![self.postmaster()]);
        // First the one that starts the others.
        paused.signal("STOP");
        let children = format!("/proc/{0}/task/{0}/children", paused.0[0]);
        let children = std::fs::read_to_string(children).expect("a Linux that lists the children of a process");
        paused.0.extend(children.split_whitespace().map(str::to_owned));
        paused.signal("STOP");
        paused
    }

    /// The process that is the parent of all others of the cluster.
    fn postmaster(&self) -> String {
        let mut conn = Connection::open(&postgres::parse(&self.url)).unwrap();
        text(&mut conn, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS text")
    }

    fn tell(&mut self, line: &str) {
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

/// What a query answers as `text`.
fn text(conn: &mut Connection, query: &str) -> String {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        text: String,
    }
    let Backend::Postgres(conn) = &mut conn.backend else { panic!("this is PostgreSQL") };
    diesel::sql_query(query).get_result::<Row>(conn).unwrap().text
}

impl Paused {
    fn signal(&self, name: &str) {
        // One that has ended meanwhile is not there any more.
        let _ = Command::new("kill").args(["-s", name]).args(&self.0).stderr(Stdio::null()).status().unwrap();
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}
