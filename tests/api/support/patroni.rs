//! A highly available PostgreSQL cluster: three nodes under Patroni, with synchronous replication, behind HAProxy.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};
use url::Url;

use super::{postgres, wait_for, wait_until};

const NODES: usize = 3;

/// A cluster that `patroni.sh` runs until this is dropped. Nodes are numbered from 0.
pub(crate) struct Patroni {
    /// Leads through HAProxy to the primary.
    pub(crate) url: String,
    /// The base URLs of Patroni's REST API.
    nodes: Vec<String>,
    client: reqwest::Client,
    /// The script stops the cluster when this pipe closes.
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _script: Child,
}

/// How a primary fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Not a failure: an operator moves the primary to another node.
    Switchover,
    /// SIGKILL of PostgreSQL.
    Crash,
    /// SIGSTOP of PostgreSQL and Patroni: the host hangs, and its connections stay open.
    Pause,
    /// SIGKILL of PostgreSQL and Patroni: the host is lost.
    Kill,
}

impl Patroni {
    /// Starts a cluster and waits until it has a synchronous standby. Returns `None` if a program is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let bin = match programs() {
            Ok(bin) => bin,
            Err(reason) if postgres::is_required() => panic!("REQUIRE_POSTGRES is set, but {reason}"),
            Err(reason) => {
                super::report_skipped(&format!("failovers, because {reason}"));
                return None;
            }
        };
        let ports: Vec<u16> = (0..3 + 2 * NODES).map(|_| postgres::free_port()).collect();
        let mut script = Command::new("sh")
            .args(["-c", include_str!("patroni.sh"), "patroni.sh", &bin])
            .args(ports.iter().map(u16::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipes = (script.stdin.take().unwrap(), BufReader::new(script.stdout.take().unwrap()));
        let cluster = Self {
            url: format!("postgres://postgres@127.0.0.1:{}/postgres", ports[0]),
            nodes: (0..NODES).map(|node| format!("http://127.0.0.1:{}", ports[4 + 2 * node])).collect(),
            client: super::http_client().timeout(super::WAIT_LIMIT).build().unwrap(),
            pipes: Mutex::new(pipes),
            _script: script,
        };
        assert_eq!(cluster.line(), "ready\n");
        cluster.wait_until_healthy().await;
        let url = postgres::parse(&Url::parse(&cluster.url).unwrap());
        wait_until("HAProxy to find the primary", async || posts_api::db::Connection::open(&url).is_ok()).await;
        Some(cluster)
    }

    /// The node that holds the leader lock, if one does.
    pub(crate) async fn primary(&self) -> Option<usize> {
        for (node, base) in self.nodes.iter().enumerate() {
            // A suspended node accepts the connection and sends nothing.
            let request = self.client.get(format!("{base}/primary")).timeout(std::time::Duration::from_secs(1));
            if request.send().await.is_ok_and(|response| response.status() == 200) {
                return Some(node);
            }
        }
        None
    }

    /// Waits until one node is the primary, one is a synchronous standby, and all have followed the last failover.
    pub(crate) async fn wait_until_healthy(&self) {
        wait_until("a primary and a synchronous standby", async || {
            let Some(cluster) = self.members().await else { return false };
            let members = cluster["members"].as_array().unwrap();
            let count = |role: &str| members.iter().filter(|member| member["role"] == role).count();
            let is_running = |member: &Value| matches!(member["state"].as_str(), Some("running" | "streaming"));
            members.len() == NODES
                && members.iter().all(|member| is_running(member) && member["timeline"] == members[0]["timeline"])
                && (count("leader"), count("sync_standby")) == (1, 1)
        })
        .await;
    }

    async fn members(&self) -> Option<Value> {
        let response = self.client.get(format!("{}/cluster", self.nodes[self.primary().await?])).send().await.ok()?;
        response.json().await.ok()
    }

    /// Makes `primary` fail. Returns when another node has become the primary.
    pub(crate) async fn fail_over(&self, primary: usize, failure: Failure) {
        let script = |command: &str| self.command(&format!("{command} {}", primary + 1));
        match failure {
            Failure::Switchover => {
                let body = json!({"leader": format!("node{}", primary + 1)});
                let url = format!("{}/switchover", self.nodes[primary]);
                // The response arrives after the switchover, which `wait_for` below detects as well.
                let request = self.client.post(url).json(&body).send();
                tokio::spawn(request);
            }
            Failure::Crash => script("crash"),
            Failure::Pause => script("pause"),
            Failure::Kill => script("kill"),
        }
        wait_for("another primary", async || self.primary().await.filter(|node| *node != primary)).await;
    }

    /// Ends the failure of `node`, and waits until the node has rejoined the cluster.
    pub(crate) async fn recover(&self, node: usize, failure: Failure) {
        match failure {
            Failure::Switchover | Failure::Crash => {}
            Failure::Pause => self.command(&format!("resume {}", node + 1)),
            Failure::Kill => self.command(&format!("start {}", node + 1)),
        }
        self.wait_until_healthy().await;
    }

    fn command(&self, line: &str) {
        writeln!(self.pipes.lock().unwrap().0, "{line}").unwrap();
        assert_eq!(self.line(), "done\n", "{line}");
    }

    fn line(&self) -> String {
        let mut line = String::new();
        self.pipes.lock().unwrap().1.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (1..=NODES).for_each(|node| self.command(&format!("log {node}")));
        }
    }
}

/// The directory of PostgreSQL's programs, if everything that `patroni.sh` starts is installed.
fn programs() -> Result<String, String> {
    let path = postgres::env_var("PATH").unwrap_or_default();
    let directories: Vec<_> = std::env::split_paths(&path).chain(["/usr/sbin".into()]).collect();
    for program in ["patroni", "etcd", "haproxy", "setpriv"] {
        if !directories.iter().any(|directory| directory.join(program).exists()) {
            return Err(format!("{program} is not installed"));
        }
    }
    // Patroni may run on another Python than the one in PATH.
    let has_module = "read -r line <\"$(command -v patroni)\" && ${line#??} -c 'import etcd'";
    let has_module = Command::new("sh").args(["-c", has_module]).stderr(Stdio::null()).status();
    if !has_module.is_ok_and(|status| status.success()) {
        return Err("Python's module etcd is not installed".to_owned());
    }
    Ok(postgres::bin_directory()?.to_str().unwrap().to_owned())
}
