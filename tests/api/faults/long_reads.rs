//! Long reads: unindexed lists, searches, and counts. They leave connections to other calls, they end in time, and they
//! are canceled when their client has gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel::{QueryResult, RunQueryDsl, sql_query};
use futures_util::FutureExt;
use futures_util::future::join_all;
use posts_api::db::{Backend, CallCounts, Connection, Error, PoolOptions};
use serde_json::json;

use crate::support::api::POOL_WAIT;
use crate::support::database::execute;
use crate::support::pooler::Pooler;
use crate::support::{Api, Engine, TestDatabase, on_both, postgres, wait_for, wait_until};

/// A query that does not end before it is canceled.
pub(super) fn run_endless_query(conn: &mut Connection) -> QueryResult<()> {
    match &mut conn.backend {
        Backend::Postgres(conn) => sql_query("SELECT pg_sleep(3600)").execute(conn),
        Backend::Sqlite(conn) => sql_query(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n FROM numbers WHERE check_canceled()) \
             SELECT count(*) FROM numbers",
        )
        .execute(conn),
    }
    .map(drop)
}

/// Counts the endless queries that run.
#[derive(Default)]
struct Running {
    now: AtomicUsize,
    maximum: AtomicUsize,
}

impl Running {
    fn run(&self, conn: &mut Connection) -> QueryResult<()> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.maximum.fetch_max(now, Ordering::SeqCst);
        if let Backend::Postgres(conn) = &mut conn.backend {
            // Otherwise the server would end the query by itself.
            sql_query("SET statement_timeout = 0").execute(conn)?;
        }
        let result = run_endless_query(conn);
        self.now.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

/// The counters of all pools together.
fn counts(api: &Api) -> CallCounts {
    api.server.connections.pool_stats().iter().map(|pool| pool.calls).fold(CallCounts::default(), |sum, calls| {
        CallCounts {
            canceled: sum.canceled + calls.canceled,
            closed: sum.closed + calls.closed,
            long_rejected_full: sum.long_rejected_full + calls.long_rejected_full,
            long_rejected_timeout: sum.long_rejected_timeout + calls.long_rejected_timeout,
        }
    })
}

pub(super) fn start(database: TestDatabase, size: u32) -> Api {
    Api::start(&Arc::new(database), |config| {
        config.pool = PoolOptions::new(size, POOL_WAIT);
        config.cache_bytes = 0;
    })
}

/// Starts a service whose anonymous long reads never end by themselves, and checks that everything else works.
async fn check_other_requests(database: TestDatabase, size: u32, expected_maximum: usize) {
    let api = start(database, size);
    let post = api.create(json!({"title": "A post", "published": true})).await;
    let path = format!("/api/posts/{}", post["id"]);
    let running = Arc::new(Running::default());
    let attack = join_all((0..3 * size + 2).map(|_| {
        let running = Arc::clone(&running);
        api.server.connections.read_public(false, move |conn| running.run(conn))
    }));
    let check = async {
        wait_until("the long reads to run", async || running.now.load(Ordering::SeqCst) == expected_maximum).await;
        for _ in 0..3 {
            api.get("/health/ready").await.expect(200);
            api.get(&path).await.expect(200);
            api.get("/api/posts").await.expect(200);
            api.create(json!({"title": "Another post"})).await;
        }
        if size > 2 {
            // Callers with a key have connections for long reads that the others do not use.
            api.reader().get("/api/posts?q=post&count=exact").await.expect(200);
        }
    };
    let (results, ()) = tokio::join!(attack, check);
    for result in results {
        // A read that has waited for long may reach the deadline of all calls first.
        assert!(matches!(result, Err(Error::TooExpensive | Error::Busy(_) | Error::Deadline)), "{result:?}");
    }
    assert_eq!(running.maximum.load(Ordering::SeqCst), expected_maximum);
    wait_until("the canceled queries to end", async || running.now.load(Ordering::SeqCst) == 0).await;
}

#[on_both]
async fn long_reads_leave_most_of_the_connections(database: TestDatabase) {
    let cores = std::thread::available_parallelism().unwrap().get();
    // SQLite runs statements on this machine's cores, half of which are left to other requests.
    let expected_maximum = if database.engine == Engine::Sqlite { (cores / 2).clamp(1, 2) } else { 2 };
    check_other_requests(database, 8, expected_maximum).await;
}

#[on_both]
async fn long_reads_leave_a_connection_of_two(database: TestDatabase) {
    check_other_requests(database, 2, 1).await;
}

#[on_both]
async fn long_reads_leave_the_only_connection(database: TestDatabase) {
    check_other_requests(database, 1, 1).await;
}

#[on_both]
async fn long_reads_beyond_the_queue_are_refused(database: TestDatabase) {
    let api = start(database, 2);
    let read = || api.server.connections.read_public(false, run_endless_query).boxed_local();
    let mut reads: Vec<_> = (0..200).map(|_| read()).collect();
    // Polls each read once: those that find the queue full end at once.
    let refused = reads.iter_mut().filter_map(FutureExt::now_or_never);
    let refused: Vec<_> = refused.collect();
    assert!(refused.iter().all(|result| matches!(result, Err(Error::Busy(_)))));
    assert!((1..200).contains(&refused.len()), "{}", refused.len());
    assert_eq!(counts(&api).long_rejected_full, refused.len() as u64);
    api.get("/health/ready").await.expect(200);
}

/// Keyed long reads leave a connection to short reads and writes, too.
#[on_both]
async fn keyed_long_reads_leave_a_connection(database: TestDatabase) {
    let api = start(database, 4);
    let running = Arc::new(Running::default());
    let mut reads = Box::pin(join_all((0..8).map(|_| {
        let running = Arc::clone(&running);
        api.server.connections.read(move |conn| running.run(conn))
    })));
    assert!((&mut reads).now_or_never().is_none());
    let check = async {
        wait_until("the long reads to run", async || running.now.load(Ordering::SeqCst) == 3).await;
        api.get("/health/ready").await.expect(200);
        api.create(json!({"title": "A post"})).await;
        assert_eq!(running.maximum.load(Ordering::SeqCst), 3);
    };
    tokio::select! {
        _ = &mut reads => {}
        () = check => {}
    }
    drop(reads);
    wait_until("the canceled queries to end", async || running.now.load(Ordering::SeqCst) == 0).await;
}

#[on_both]
async fn dropped_reads_are_canceled(database: TestDatabase) {
    let api = start(database, 4);
    let running = Arc::new(Running::default());
    let running_read = Arc::clone(&running);
    let mut read = Box::pin(api.server.connections.read(move |conn| running_read.run(conn)));
    assert!((&mut read).now_or_never().is_none());
    tokio::select! {
        result = &mut read => panic!("{result:?}"),
        () = wait_until("the read to run", async || running.now.load(Ordering::SeqCst) == 1) => {}
    }
    drop(read);
    wait_until("the canceled query to end", async || running.now.load(Ordering::SeqCst) == 0).await;
    assert_eq!(counts(&api).canceled, 1);
    assert_eq!(counts(&api).closed, 0);
}

#[tokio::test]
async fn statement_of_a_disconnected_client_is_canceled() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let api = start(database, 4);
    let mut lock = api.server.database.connect();
    execute(&mut lock, "BEGIN");
    execute(&mut lock, "LOCK TABLE posts IN ACCESS EXCLUSIVE MODE");
    // Repeated if this machine is too busy for the steps of one attempt.
    wait_until("a statement to end before its timeout", async || abandoned_statement_ends_first(&api).await).await;
    execute(&mut lock, "ROLLBACK");
}

/// Whether the statement of a client that has disconnected ends before that of another client, which began earlier. If
/// both ended by their timeout, it would end later.
async fn abandoned_statement_ends_first(api: &Api) -> bool {
    let reader = api.reader();
    let waiting = |column: &str| {
        api.server.database.query_number(&format!(
            "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() \
             AND wait_event_type = 'Lock' AND query LIKE '%WHERE%{column}%'"
        ))
    };
    wait_until("earlier statements to end", async || waiting("updated_at") + waiting("slug") == 0).await;
    let control = reader.get("/api/posts?sort=title&updated_after=2020-01-01T00:00:00Z").into_future();
    let abandon = async {
        wait_until("the control request to wait", async || waiting("updated_at") == 1).await;
        let abandoned = tokio::spawn(reader.get("/api/posts?slug=abandoned").into_future());
        wait_until("the request to wait", async || waiting("slug") == 1).await;
        abandoned.abort();
        wait_until("the statement to end", async || waiting("slug") == 0).await;
    };
    tokio::select! {
        _ = control => false,
        () = abandon => true,
    }
}

/// Cancels queries at about the time at which they end by themselves. No other query of the same connection fails.
async fn race_cancellations(api: &Api, other: &mut Connection) {
    fn sleep(conn: &mut Connection) -> QueryResult<()> {
        let Backend::Postgres(conn) = &mut conn.backend else { panic!("expected PostgreSQL") };
        sql_query("SELECT pg_sleep(0.003)").execute(conn).map(drop)
    }
    let connections = &api.server.connections;
    for round in 0..200_u64 {
        let limit = Duration::from_micros(1000 + 40 * round);
        let _ = tokio::time::timeout(limit, connections.read(sleep)).await;
        sleep(other).unwrap();
        connections.read_inline(sleep).await.unwrap();
        connections.read(sleep).await.unwrap();
    }
}

#[tokio::test]
async fn cancellation_never_hits_a_later_query() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let mut other = database.connect();
    let api = start(database, 2);
    race_cancellations(&api, &mut other).await;
}

#[tokio::test]
async fn cancellation_behind_a_pooler_hits_no_other_client() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let Some(pooler) = Pooler::start(&database.url, 1) else { return };
    let url = postgres::parse(&pooler.url.parse().unwrap());
    let mut other = Connection::open(&url).unwrap();
    let direct = database.parsed();
    let api = Api::start(&Arc::new(database), |config| {
        config.database = url;
        config.endpoints.direct = Some(direct);
        config.pool = PoolOptions::new(2, POOL_WAIT);
    });
    race_cancellations(&api, &mut other).await;
    let running = Arc::new(Running::default());
    let running_read = Arc::clone(&running);
    let mut read = Box::pin(api.server.connections.read(move |conn| running_read.run(conn)));
    assert!((&mut read).now_or_never().is_none());
    tokio::select! {
        result = &mut read => panic!("{result:?}"),
        () = wait_until("the read to run", async || running.now.load(Ordering::SeqCst) == 1) => {}
    }
    drop(read);
    // The server ends the statement after 10 seconds only; the only session is free before.
    api.get("/health/ready").await.expect(200);
    wait_until("the canceled query to end", async || running.now.load(Ordering::SeqCst) == 0).await;
}

/// Without a direct URL, no other connection can cancel a statement behind a pooler. The server ends it by itself.
#[tokio::test]
async fn pooled_reads_end_by_the_servers_timeout() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let Some(pooler) = Pooler::start(&database.url, 2) else { return };
    let api = Api::start(&Arc::new(database), |config| {
        config.database = postgres::parse(&pooler.url.parse().unwrap());
        config.pool = PoolOptions::new(2, POOL_WAIT);
    });
    let has_ended = Arc::new(AtomicUsize::new(0));
    let ended = Arc::clone(&has_ended);
    let read = move |conn: &mut Connection| {
        let result = run_endless_query(conn);
        ended.fetch_add(1, Ordering::SeqCst);
        result
    };
    let result = api.server.connections.read_public(false, read).await;
    assert!(matches!(result, Err(Error::TooExpensive | Error::Deadline)), "{result:?}");
    wait_until("the query to end", async || has_ended.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn expensive_query_gets_a_stable_code() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let api = start(database, 4);
    let mut lock = api.server.database.connect();
    execute(&mut lock, "BEGIN");
    execute(&mut lock, "LOCK TABLE posts IN ACCESS EXCLUSIVE MODE");
    // If this machine is too busy for the change poller, the database seems to be down.
    let reply = wait_for("the query to be too expensive", async || {
        let reply = api.get("/api/posts?q=anything").await.expect(503);
        assert_eq!(reply.header("retry-after"), Some("1"));
        reply.text().contains("query_too_expensive").then_some(reply)
    })
    .await;
    reply.problem(503, "query_too_expensive");
    execute(&mut lock, "ROLLBACK");
    api.get("/api/posts?q=anything").await.expect(200);
}
