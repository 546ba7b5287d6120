//! More work than there is time for: what cannot be served is refused in time, and nothing piles up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use posts_api::db::{Connection, PoolOptions};
use serde_json::{Value, json};

use crate::support::api::ADMIN_KEY;
use crate::support::database::execute;
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, TestDatabase, on_both, report_figures, wait_until};

const CLIENTS: usize = 200;
const POOL: usize = 4;
/// The promise is 2.5 s; the rest is for a busy machine.
const REFUSED_WITHIN: Duration = Duration::from_secs(5);
const WELL_WITHIN: Duration = Duration::from_secs(5);
/// In KiB.
const MEMORY: u64 = 64 * 1024;

/// Makes every query wait, on SQLite every write, until it is rolled back.
fn hold(database: &TestDatabase) -> Connection {
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
    /// Reads as one client of two does, and writes as the other; answers the status and how long it took.
    async fn ask(&self, number: usize) -> (u16, Duration) {
        let began = Instant::now();
        let request = if Self::reads(number) {
            self.client.get(format!("{}?limit={}", self.posts, number % 100 + 1))
        } else {
            self.client.post(&self.posts).bearer_auth(ADMIN_KEY).json(&json!({"title": "A post"}))
        };
        let response = request.send().await.unwrap();
        let (status, took) = (response.status().as_u16(), began.elapsed());
        if status == 503 {
            assert_eq!(response.headers()["retry-after"], "1");
            assert!(response.json::<Value>().await.unwrap()["code"].is_string());
        }
        (status, took)
    }

    fn reads(number: usize) -> bool {
        number.is_multiple_of(2)
    }

    /// Each asks once, and again until the time is over.
    async fn all(&self, time: Duration) -> Vec<(usize, u16, Duration)> {
        let began = Instant::now();
        let one = async |number| {
            let mut answers = Vec::new();
            loop {
                let (status, took) = self.ask(number).await;
                answers.push((number, status, took));
                if began.elapsed() >= time {
                    return answers;
                }
            }
        };
        join_all((0..CLIENTS).map(one)).await.into_iter().flatten().collect()
    }
}

/// The server's connections that have not been closed by both sides, accepted or not.
fn open(port: u16) -> usize {
    // The states LISTEN and TIME_WAIT (proc_pid_net(5)).
    let is_over = |state: &str| ["0A", "06"].contains(&state);
    let is_open = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().unwrap_or_default().to_owned();
        local.ends_with(&format!(":{port:04X}")) && !fields.nth(1).is_some_and(is_over)
    };
    std::fs::read_to_string("/proc/net/tcp").unwrap().lines().filter(|line| is_open(line)).count()
}

#[on_both]
async fn of_200_clients_of_a_pool_of_4_those_not_served_are_refused_in_time(database: TestDatabase) {
    let place = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("RATE_LIMIT", "off"),
        ("DB_POOL_SIZE", "4"),
        ("CACHE_BYTES", "0"),
    ]);
    let mut server = place.start("server", &[]);
    let posts = format!("{}/api/posts", server.base_url().await);
    // The server closes a connection after 5 s without a request. Who sends one then learns no outcome, so a client of
    // any server stops using its connections before that.
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1));
    let client = client.pool_idle_timeout(Duration::from_secs(3)).build().unwrap();
    let clients = Clients { client, posts };
    let expected = |number| if Clients::reads(number) { 200 } else { 201 };
    for (number, status, _) in clients.all(Duration::ZERO).await {
        assert_eq!(status, expected(number));
    }
    let (before, _) = server.memory();
    let mut held = hold(&database);
    let answers = clients.all(Duration::from_secs(4)).await;
    let (mut refused, mut slow, mut slowest) = (0, 0, Duration::ZERO);
    for (number, status, took) in answers {
        if database.engine == Engine::Sqlite && Clients::reads(number) {
            assert_eq!(status, 200, "reads go on while a write waits");
            continue;
        }
        assert_eq!(status, 503);
        refused += 1;
        if took > REFUSED_WITHIN {
            slow += 1;
        } else {
            slowest = slowest.max(took);
        }
    }
    // Those that have a connection wait in the database itself.
    assert!(slow <= POOL, "{slow} of {refused} were refused too late");
    execute(&mut held, "ROLLBACK");
    let released = Instant::now();
    wait_until("all to be served", async || {
        clients.all(Duration::ZERO).await.iter().all(|(number, status, _)| *status == expected(*number))
    })
    .await;
    let well = released.elapsed();
    assert!(well < WELL_WITHIN, "it took {well:?} until all were served");
    let (after, _) = server.memory();
    assert!(after < before + MEMORY * 1024, "{before} bytes became {after}");
    report_figures(&format!(
        "overload on {:?}: {refused} refused within {slowest:?}, {slow} later; all well after {well:?}; \
         {before} bytes before, {after} after",
        database.engine
    ));
}

#[on_both]
async fn work_that_waits_is_not_started_when_its_client_has_gone(database: TestDatabase) {
    let database = Arc::new(database);
    let wait = Duration::from_secs(8);
    let api = Api::start(&database, |config| config.pool = PoolOptions { size: 1, wait });
    let mut held = hold(&database);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let posts = format!("http://{}/api/posts", api.server.address);
    join_all((0..20).map(async |_| {
        let request = client.post(&posts).bearer_auth(ADMIN_KEY).json(&json!({"title": "Abandoned"}));
        let answer = request.timeout(Duration::from_millis(500)).send().await;
        assert!(answer.unwrap_err().is_timeout());
    }))
    .await;
    // The client has closed nothing yet when it gives up, and the server may not have accepted it.
    wait_until("both sides to close", async || open(api.server.address.port()) == 0).await;
    let release = async { execute(&mut held, "ROLLBACK") };
    let admin = api.admin();
    let after = json!({"title": "After"});
    let (after, ()) = tokio::join!(admin.post("/api/posts", &after).into_future(), release);
    after.expect(201);
    // The first of them had the connection already.
    let stored = database.query_number("SELECT count(*) AS number FROM posts WHERE title = 'Abandoned'");
    assert!(stored <= 1, "{stored} were carried out for nobody");
}
