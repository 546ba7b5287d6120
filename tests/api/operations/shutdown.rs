//! The end of the process: nobody notices, and nothing holds it up.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::api::ADMIN_KEY;
use crate::support::cluster::Cluster;
use crate::support::program::{Process, Sandbox};
use crate::support::{Engine, TestDatabase, fault_rounds, on_both, report_figures, wait_for};

/// Requests in progress get 30 seconds, and queries that nobody waits for 5 more; the rest is for a busy machine.
const ENDED_WITHIN: Duration = Duration::from_secs(30 + 5 + 5);

fn sandbox(database: &TestDatabase, grace: &str) -> Sandbox {
    Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("RATE_LIMIT", "off"),
        ("SHUTDOWN_GRACE", grace),
    ])
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap()
}

/// Instances behind a load balancer that asks for their readiness, and sends a request to another one where it cannot
/// connect. It does not repeat what it has sent.
struct Balancer {
    client: reqwest::Client,
    ready: Mutex<BTreeSet<String>>,
    next: AtomicU64,
    requests: AtomicU64,
    moved: AtomicU64,
    is_done: AtomicBool,
}

impl Balancer {
    fn instances(&self) -> Vec<String> {
        self.ready.lock().unwrap().iter().cloned().collect()
    }

    async fn is_ready(&self, base: &str) -> bool {
        let answer = self.client.get(format!("{base}/health/ready")).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// Looks every 50 ms; one that is not ready is left out until [`Balancer::add`].
    async fn look(&self) {
        while !self.is_done.load(Ordering::Relaxed) {
            for base in self.instances() {
                if !self.is_ready(&base).await {
                    self.ready.lock().unwrap().remove(&base);
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn add(&self, base: String) {
        wait_for("the new instance to be ready", async || self.is_ready(&base).await.then_some(())).await;
        self.ready.lock().unwrap().insert(base);
    }

    /// Reads and writes, one request after the other.
    async fn send(&self, writes: bool) {
        while !self.is_done.load(Ordering::Relaxed) {
            let instances = self.instances();
            let first = usize::try_from(self.next.fetch_add(1, Ordering::Relaxed)).unwrap();
            let mut tries = (0..instances.len()).map(|number| &instances[(first + number) % instances.len()]);
            loop {
                let base = tries.next().expect("no instance takes connections");
                let request = if writes {
                    let post = json!({"title": "A post", "published": true});
                    self.client.post(format!("{base}/api/posts")).bearer_auth(ADMIN_KEY).json(&post)
                } else {
                    self.client.get(format!("{base}/api/posts"))
                };
                match request.send().await {
                    Ok(answer) => assert_eq!(answer.status(), if writes { 201 } else { 200 }),
                    Err(error) if error.is_connect() => {
                        self.moved.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    Err(error) => panic!("a request failed: {error:?}"),
                }
                self.requests.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
    }
}

/// A request of which only a part has arrived.
fn stall(base: &str, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Asks for posts and takes the answer so slowly that it would take minutes, but goes on taking it.
struct SlowClient {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl SlowClient {
    /// About 70 kB a second. The server notices only where a third of what the socket holds for it has been taken, which
    /// must not take half a minute.
    const BYTES: usize = 7 * 1024;
    const PAUSE: Duration = Duration::from_millis(100);

    fn start(base: &str) -> Self {
        let mut stream = stall(base, "GET /api/posts HTTP/1.1\r\nHost: x\r\n\r\n");
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let (mut taken, mut buffer) = (0, [0; Self::BYTES]);
            while !told.load(Ordering::Relaxed) {
                match stream.read(&mut buffer) {
                    Ok(count @ 1..) => taken += count,
                    _ => break,
                }
                std::thread::park_timeout(Self::PAUSE);
            }
            taken
        });
        Self { is_over, thread }
    }

    /// How many bytes it has taken.
    fn end(self) -> usize {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

async fn ends_in_time(server: &mut Process, what: &str) {
    let began = Instant::now();
    server.signal("TERM");
    let status = server.wait_for_exit().await;
    let took = began.elapsed();
    assert!(took < ENDED_WITHIN, "{what}: {took:?}");
    assert!(status.success(), "{what}: {status} {}", server.stderr());
    report_figures(&format!("{what}: the process ended after {took:?}"));
}

#[on_both]
async fn stalled_client_does_not_delay_shutdown_past_deadline(database: TestDatabase) {
    let place = sandbox(&database, "0");
    let mut server = place.start("server", &[]);
    let base = server.base_url().await;
    let content = "x".repeat(400 * 1024);
    for _ in 0..20 {
        let post = json!({"title": "Long", "content": content, "published": true});
        let created = client().post(format!("{base}/api/posts")).bearer_auth(ADMIN_KEY).json(&post).send().await;
        assert_eq!(created.unwrap().status(), 201);
    }
    let head = "POST /api/posts HTTP/1.1\r\nHost: x\r\n";
    let body = format!(
        "{head}Authorization: Bearer {ADMIN_KEY}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{{"
    );
    // Half a head, half a body, an answer of 8 MB that is not read, and one that is read on and on.
    let stalled = [stall(&base, head), stall(&base, &body), stall(&base, "GET /api/posts HTTP/1.1\r\nHost: x\r\n\r\n")];
    let slow = SlowClient::start(&base);
    let mut idle = stall(&base, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");
    idle.read_exact(&mut [0; 8]).unwrap();
    ends_in_time(&mut server, &format!("clients stall on {:?}", database.engine)).await;
    assert!(slow.end() < 20 * content.len(), "it had taken all, and held up nothing");
    drop((stalled, idle));
}

#[on_both]
async fn keep_alive_ends_while_stopping(database: TestDatabase) {
    let place = sandbox(&database, "600");
    let mut server = place.start("server", &[]);
    let base = server.base_url().await;
    let client = client();
    let ask = async |path: &str| client.get(format!("{base}{path}")).send().await.unwrap();
    assert!(!ask("/api/posts").await.headers().contains_key("connection"));
    server.signal("TERM");
    wait_for("readiness to turn", async || (ask("/health/ready").await.status() == 503).then_some(())).await;
    for path in ["/api/posts", "/api/posts/1", "/api/nothing", "/health/live"] {
        assert_eq!(ask(path).await.headers()["connection"], "close", "{path}");
    }
    server.signal("TERM");
    assert!(server.wait_for_exit().await.success());
}

#[on_both]
async fn rolling_restart_of_two_instances_fails_no_request(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        // One instance serves a file.
        return;
    }
    let place = sandbox(&database, "1");
    let balancer = Balancer {
        client: client(),
        ready: Mutex::default(),
        next: AtomicU64::new(0),
        requests: AtomicU64::new(0),
        moved: AtomicU64::new(0),
        is_done: AtomicBool::new(false),
    };
    let mut servers = Vec::new();
    for name in ["first", "second"] {
        let mut server = place.start(name, &[]);
        balancer.add(server.base_url().await).await;
        servers.push(server);
    }
    let restart = async {
        for round in 0..fault_rounds() {
            let mut old = servers.remove(0);
            old.signal("TERM");
            assert!(old.wait_for_exit().await.success(), "{}", old.stderr());
            let mut new = place.start(&format!("round-{round}"), &[]);
            balancer.add(new.base_url().await).await;
            servers.push(new);
        }
        balancer.is_done.store(true, Ordering::Relaxed);
    };
    let send = join_all((0..8).map(|number| balancer.send(number % 2 == 0)));
    tokio::join!(restart, send, balancer.look());
    let (requests, moved) = (balancer.requests.into_inner(), balancer.moved.into_inner());
    report_figures(&format!(
        "{} rolling restarts: {requests} requests, none failed, {moved} went elsewhere for want of a connection",
        fault_rounds()
    ));
}

#[tokio::test]
async fn hung_database_does_not_delay_shutdown_past_deadline() {
    let Some(cluster) = Cluster::durable() else { return };
    let database = TestDatabase::of(&cluster);
    let mut place = sandbox(&database, "0");
    place.set("CACHE_BYTES", "0");
    // More than the requests below, so that a query of the service's own tasks hangs too, for which no client waits.
    place.set("DB_POOL_SIZE", "40");
    let mut server = place.start("server", &[]);
    let base = server.base_url().await;
    let posts = format!("{base}/api/posts?count=exact");
    assert_eq!(client().get(&posts).send().await.unwrap().status(), 200);
    let _paused = cluster.pause();
    // All of them hang, or wait for one that does.
    let hang = join_all((0..20).map(|_| client().get(&posts).send()));
    let stop = async {
        let hangs = async || (client().get(&posts).send().await.unwrap().status() == 503).then_some(());
        wait_for("the requests to hang", hangs).await;
        ends_in_time(&mut server, "PostgreSQL hangs").await;
    };
    let (answers, ()) = tokio::join!(hang, stop);
    // In progress when the signal came, they were answered.
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.status() == 503)));
}
