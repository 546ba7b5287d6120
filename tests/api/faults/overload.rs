//! Overload: excess requests are refused while the database is busy, and neither requests nor memory accumulate.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use posts_api::db::{Connection, PoolOptions};
use serde_json::{Value, json};

use crate::support::api::ADMIN_KEY;
use crate::support::database::execute;
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, TestDatabase, http_client, on_both, report_figures, wait_until};

const CLIENTS: usize = 200;
/// How much the resident memory may grow, in bytes.
const MEMORY_GROWTH: u64 = 64 * 1024 * 1024;

/// Blocks every query, on SQLite every write, until the returned transaction is rolled back.
fn lock(database: &TestDatabase) -> Connection {
    let mut conn = database.connect();
    match database.engine {
        Engine::Sqlite => execute(&mut conn, "BEGIN IMMEDIATE"),
        Engine::Postgres => {
            execute(&mut conn, "BEGIN");
            execute(&mut conn, "LOCK TABLE posts IN ACCESS EXCLUSIVE MODE");
        }
    }
    conn
}

struct Clients {
    client: reqwest::Client,
    posts: String,
}

impl Clients {
    /// Reads as an even client and writes as an odd one. Returns the status and how long the response took.
    async fn send(&self, number: usize) -> (u16, Duration) {
        let start = Instant::now();
        let request = if Self::is_reader(number) {
            self.client.get(format!("{}?limit={}", self.posts, number % 100 + 1))
        } else {
            self.client.post(&self.posts).bearer_auth(ADMIN_KEY).json(&json!({"title": "A post"}))
        };
        let response = request.send().await.unwrap();
        let (status, time) = (response.status().as_u16(), start.elapsed());
        if status == 503 {
            assert_eq!(response.headers()["retry-after"], "1");
            assert!(response.json::<Value>().await.unwrap()["code"].is_string());
        }
        (status, time)
    }

    fn is_reader(number: usize) -> bool {
        number.is_multiple_of(2)
    }

    fn success(number: usize) -> u16 {
        if Self::is_reader(number) { 200 } else { 201 }
    }

    /// Every client sends one request, and then more until the time is over. Returns the client, the status, and the
    /// time of each response.
    async fn send_all(&self, time: Duration) -> Vec<(usize, u16, Duration)> {
        let start = Instant::now();
        let send = async |number| {
            let mut responses = Vec::new();
            loop {
                let (status, time_taken) = self.send(number).await;
                responses.push((number, status, time_taken));
                if start.elapsed() >= time {
                    return responses;
                }
            }
        };
        join_all((0..CLIENTS).map(send)).await.into_iter().flatten().collect()
    }

    /// Waits until all clients at once succeed.
    async fn wait_for_success(&self) {
        wait_until("all clients to be served", async || {
            self.send_all(Duration::ZERO).await.iter().all(|(number, status, _)| *status == Self::success(*number))
        })
        .await;
    }
}

/// The number of connections to a port that at least one side has not closed.
fn open_connections(port: u16) -> usize {
    // The states LISTEN and TIME_WAIT (proc_pid_net(5)).
    let is_closed = |state: &str| ["0A", "06"].contains(&state);
    let is_open = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().unwrap_or_default().to_owned();
        local.ends_with(&format!(":{port:04X}")) && !fields.nth(1).is_some_and(is_closed)
    };
    std::fs::read_to_string("/proc/net/tcp").unwrap().lines().filter(|line| is_open(line)).count()
}

#[on_both]
async fn excess_requests_are_refused_in_time(database: TestDatabase) {
    let sandbox = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("RATE_LIMIT", "off"),
        ("DB_POOL_SIZE", "4"),
        ("CACHE_BYTES", "0"),
    ]);
    let mut server = sandbox.start("server", &[]);
    let posts = format!("{}/api/posts", server.base_url().await);
    // Every request uses a new connection. The server closes idle ones after 5 seconds, and a request that crosses with
    // that fails.
    let client = http_client().timeout(Duration::from_mins(1));
    let client = client.pool_max_idle_per_host(0).build().unwrap();
    let clients = Clients { client, posts };
    clients.wait_for_success().await;
    let (before, _) = server.memory();
    let mut lock = lock(&database);
    // Every response arrives while the lock is held. A request that waited for the lock would fail by the client's
    // timeout.
    let responses = clients.send_all(Duration::from_secs(4)).await;
    let (mut refused, mut slowest) = (0, Duration::ZERO);
    let mut served_readers = BTreeSet::new();
    for (number, status, time) in responses {
        if database.engine == Engine::Sqlite && Clients::is_reader(number) && status == 200 {
            served_readers.insert(number);
            continue;
        }
        assert_eq!(status, 503);
        refused += 1;
        slowest = slowest.max(time);
    }
    if database.engine == Engine::Sqlite {
        assert_eq!(served_readers.len(), CLIENTS / 2, "reads must continue while a write waits");
    }
    execute(&mut lock, "ROLLBACK");
    let released = Instant::now();
    clients.wait_for_success().await;
    let recovery = released.elapsed();
    let (after, _) = server.memory();
    assert!(after < before + MEMORY_GROWTH, "{before} bytes became {after}");
    report_figures(&format!(
        "overload on {:?}: {refused} refused, each within {slowest:?}; all served {recovery:?} after the release; \
         {before} bytes before, {after} after",
        database.engine
    ));
}

#[on_both]
async fn queued_work_is_dropped_when_its_client_disconnects(database: TestDatabase) {
    let database = Arc::new(database);
    let wait = Duration::from_secs(8);
    let api = Api::start(&database, |config| config.pool = PoolOptions::new(1, wait));
    let mut lock = lock(&database);
    let client = http_client().build().unwrap();
    let posts = format!("http://{}/api/posts", api.server.address);
    join_all((0..20).map(async |_| {
        let request = client.post(&posts).bearer_auth(ADMIN_KEY).json(&json!({"title": "Abandoned"}));
        let response = request.timeout(Duration::from_millis(500)).send().await;
        assert!(response.unwrap_err().is_timeout());
    }))
    .await;
    // When its timeout expires, the client has not closed yet, and the server may not have accepted the connection yet.
    wait_until("both sides to close", async || open_connections(api.server.address.port()) == 0).await;
    let release = async { execute(&mut lock, "ROLLBACK") };
    let admin = api.admin();
    let after = json!({"title": "After"});
    let (after, ()) = tokio::join!(admin.post("/api/posts", &after).into_future(), release);
    after.expect(201);
    // The first write already had the connection.
    let stored = database.query_number("SELECT count(*) AS number FROM posts WHERE title = 'Abandoned'");
    assert!(stored <= 1, "{stored} abandoned writes were executed");
}
