//! Graceful shutdown: no request fails, and neither clients nor the database delay it past its deadline. These tests
//! bound no time from above: a shutdown without a deadline fails by the wait for the exit.

use std::collections::BTreeMap;
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
use crate::support::{Engine, TestDatabase, fault_rounds, http_client, on_both, report_figures, wait_for, wait_until};

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
    http_client().timeout(Duration::from_mins(1)).build().unwrap()
}

/// A load balancer that probes the readiness of its instances. If it cannot connect to one, it sends the request to
/// another. It does not retry a request that it has sent.
struct Balancer {
    client: reqwest::Client,
    /// Every instance, and whether its last probe succeeded.
    instances: Mutex<BTreeMap<String, bool>>,
    /// The instance of every request that is in progress.
    in_progress: Mutex<Vec<String>>,
    next: AtomicU64,
    /// The number of responses.
    requests: AtomicU64,
    /// The number of requests that went to another instance.
    moved: AtomicU64,
    is_done: AtomicBool,
}

impl Balancer {
    fn ready_instances(&self) -> Vec<String> {
        let instances = self.instances.lock().unwrap();
        instances.iter().filter(|(_, is_ready)| **is_ready).map(|(base, _)| base.clone()).collect()
    }

    async fn is_ready(&self, base: &str) -> bool {
        let response = self.client.get(format!("{base}/health/ready")).send().await;
        response.is_ok_and(|response| response.status() == 200)
    }

    /// Whether the balancer has noticed that an instance is not ready, and has received the responses to all that it
    /// sent to it.
    fn has_drained(&self, base: &String) -> bool {
        !self.ready_instances().contains(base) && !self.in_progress.lock().unwrap().contains(base)
    }

    /// Probes every instance every 50 ms.
    async fn probe(&self) {
        while !self.is_done.load(Ordering::Relaxed) {
            let bases: Vec<String> = self.instances.lock().unwrap().keys().cloned().collect();
            for base in bases {
                let is_ready = self.is_ready(&base).await;
                self.instances.lock().unwrap().insert(base, is_ready);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn add(&self, base: String) {
        wait_until("the new instance to be ready", async || self.is_ready(&base).await).await;
        self.instances.lock().unwrap().insert(base, true);
    }

    /// Sends reads or writes, one after the other.
    async fn send(&self, is_writer: bool) {
        while !self.is_done.load(Ordering::Relaxed) {
            let instances = wait_for("a ready instance", async || {
                Some(self.ready_instances()).filter(|instances| !instances.is_empty())
            })
            .await;
            let first = usize::try_from(self.next.fetch_add(1, Ordering::Relaxed)).unwrap();
            let mut attempts = (0..instances.len()).map(|number| &instances[(first + number) % instances.len()]);
            loop {
                let base = attempts.next().expect("no instance accepts connections");
                let request = if is_writer {
                    let post = json!({"title": "A post", "published": true});
                    self.client.post(format!("{base}/api/posts")).bearer_auth(ADMIN_KEY).json(&post)
                } else {
                    self.client.get(format!("{base}/api/posts"))
                };
                self.in_progress.lock().unwrap().push(base.clone());
                let result = request.send().await;
                let mut in_progress = self.in_progress.lock().unwrap();
                let index = in_progress.iter().position(|other| other == base).unwrap();
                in_progress.swap_remove(index);
                drop(in_progress);
                match result {
                    Ok(response) => assert_eq!(response.status(), if is_writer { 201 } else { 200 }),
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

/// Sends a part of a request.
fn stall(base: &str, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// A client that reads the list of posts continuously, but so slowly that it would take minutes.
struct SlowClient {
    is_done: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl SlowClient {
    /// About 70 kB a second. The server's socket becomes writable only when the client has read a third of its buffer,
    /// which must happen within the server's write timeout of 30 seconds.
    const BYTES: usize = 7 * 1024;
    const PAUSE: Duration = Duration::from_millis(100);

    fn start(base: &str) -> Self {
        let mut stream = stall(base, "GET /api/posts HTTP/1.1\r\nHost: x\r\n\r\n");
        let is_done = Arc::new(AtomicBool::new(false));
        let should_stop = Arc::clone(&is_done);
        let thread = std::thread::spawn(move || {
            let (mut total, mut buffer) = (0, [0; Self::BYTES]);
            while !should_stop.load(Ordering::Relaxed) {
                match stream.read(&mut buffer) {
                    Ok(count @ 1..) => total += count,
                    _ => break,
                }
                std::thread::park_timeout(Self::PAUSE);
            }
            total
        });
        Self { is_done, thread }
    }

    /// Stops reading, and returns the number of bytes read.
    fn stop(self) -> usize {
        self.is_done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

async fn stop_server(server: &mut Process, what: &str) {
    let start = Instant::now();
    server.signal("TERM");
    let status = server.wait_for_exit().await;
    assert!(status.success(), "{what}: {status} {}", server.stderr());
    report_figures(&format!("{what}: the process exited after {:?}", start.elapsed()));
}

#[on_both]
async fn stalled_client_does_not_delay_shutdown_past_deadline(database: TestDatabase) {
    let sandbox = sandbox(&database, "0");
    let mut server = sandbox.start("server", &[]);
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
    // Half a head, half a body, a response of 8 MB that the client does not read, and one that it reads slowly.
    let stalled = [stall(&base, head), stall(&base, &body), stall(&base, "GET /api/posts HTTP/1.1\r\nHost: x\r\n\r\n")];
    let slow = SlowClient::start(&base);
    let mut idle = stall(&base, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");
    idle.read_exact(&mut [0; 8]).unwrap();
    stop_server(&mut server, &format!("clients stall on {:?}", database.engine)).await;
    assert!(slow.stop() < 20 * content.len(), "the client read everything, so it did not delay the shutdown");
    drop((stalled, idle));
}

#[on_both]
async fn keep_alive_ends_while_stopping(database: TestDatabase) {
    let sandbox = sandbox(&database, "600");
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let client = client();
    let get = async |path: &str| client.get(format!("{base}{path}")).send().await.unwrap();
    assert!(!get("/api/posts").await.headers().contains_key("connection"));
    server.signal("TERM");
    wait_until("readiness to fail", async || get("/health/ready").await.status() == 503).await;
    for path in ["/api/posts", "/api/posts/1", "/api/nothing", "/health/live"] {
        assert_eq!(get(path).await.headers()["connection"], "close", "{path}");
    }
    server.signal("TERM");
    assert!(server.wait_for_exit().await.success());
}

#[on_both]
async fn rolling_restart_of_two_instances_fails_no_request(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        // A rolling restart needs two instances on one database.
        return;
    }
    // The grace period lasts until the balancer sends no more requests, however long that takes. A second signal ends
    // it.
    let sandbox = sandbox(&database, "600");
    let balancer = Balancer {
        client: client(),
        instances: Mutex::default(),
        in_progress: Mutex::default(),
        next: AtomicU64::new(0),
        requests: AtomicU64::new(0),
        moved: AtomicU64::new(0),
        is_done: AtomicBool::new(false),
    };
    let mut servers = Vec::new();
    for name in ["first", "second"] {
        let mut server = sandbox.start(name, &[]);
        balancer.add(server.base_url().await).await;
        servers.push(server);
    }
    let restart = async {
        for round in 0..fault_rounds() {
            let mut old = servers.remove(0);
            let base = old.base_url().await;
            old.signal("TERM");
            wait_until("the balancer to send no more requests", async || balancer.has_drained(&base)).await;
            old.signal("TERM");
            assert!(old.wait_for_exit().await.success(), "{}", old.stderr());
            let mut new = sandbox.start(&format!("round-{round}"), &[]);
            balancer.add(new.base_url().await).await;
            servers.push(new);
        }
        balancer.is_done.store(true, Ordering::Relaxed);
    };
    let send = join_all((0..8).map(|number| balancer.send(number % 2 == 0)));
    tokio::join!(restart, send, balancer.probe());
    let (requests, moved) = (balancer.requests.into_inner(), balancer.moved.into_inner());
    report_figures(&format!(
        "{} rolling restarts: {requests} requests, none failed, {moved} went to another instance",
        fault_rounds()
    ));
}

#[tokio::test]
async fn hung_database_does_not_delay_shutdown_past_deadline() {
    let Some(cluster) = Cluster::durable() else { return };
    let database = TestDatabase::of(&cluster);
    let mut sandbox = sandbox(&database, "0");
    sandbox.set("CACHE_BYTES", "0");
    // More connections than the requests below use, so that queries of background tasks hang too.
    sandbox.set("DB_POOL_SIZE", "40");
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let posts = format!("{base}/api/posts?count=exact");
    assert_eq!(client().get(&posts).send().await.unwrap().status(), 200);
    let _paused = cluster.pause();
    let requests = join_all((0..20).map(|_| client().get(&posts).send()));
    let stop = async {
        wait_until("the requests to hang", async || client().get(&posts).send().await.unwrap().status() == 503).await;
        stop_server(&mut server, "PostgreSQL hangs").await;
    };
    let (responses, ()) = tokio::join!(requests, stop);
    // Requests in progress at the signal still get a response.
    assert!(responses.iter().all(|response| response.as_ref().is_ok_and(|response| response.status() == 503)));
}
