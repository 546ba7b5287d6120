//! A busy database: requests wait for a bounded time and then get 503. The service recovers when the database does.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use posts_api::db::{Connection, Database, Endpoints, PoolOptions};
use serde_json::{Value, json};

use crate::support::database::execute;
use crate::support::{Api, Call, Engine, Fixture, Reply, TestDatabase, on_both, wait_for, wait_until};

/// Starts a service with one connection and a short wait for it.
fn start(database: TestDatabase) -> Api {
    Api::start(&Arc::new(database), |config| config.pool = PoolOptions::new(1, Duration::from_millis(500)))
}

/// Blocks every write until [`unlock`].
fn lock(api: &Api) -> Connection {
    let mut conn = api.server.database.connect();
    match api.engine() {
        Engine::Sqlite => execute(&mut conn, "BEGIN IMMEDIATE"),
        Engine::Postgres => {
            execute(&mut conn, "BEGIN");
            // Permits reads. Otherwise the scheduler would hold the only connection.
            execute(&mut conn, "LOCK TABLE posts IN SHARE MODE");
        }
    }
    conn
}

fn unlock(mut conn: Connection) {
    execute(&mut conn, "ROLLBACK");
}

/// Repeats a request until it is not refused. A background task may hold the only connection, which on a busy machine
/// can take longer than the wait.
async fn until_served(request: impl Fn() -> Call) -> Reply {
    wait_for("a request to be served", async || Some(request().await).filter(|reply| reply.status != 503)).await
}

/// Sends five writes while the database is locked. The first one to get the connection waits in the database, the
/// others are refused. Returns whether that one was executed after the lock was released.
async fn one_write_waits_in_the_database(api: &Api) -> bool {
    let (lock, admin) = (lock(api), api.admin());
    let writes = (0..5).map(|_| admin.post("/api/posts", &json!({"title": "Meanwhile"})).into_future());
    let mut writes: FuturesUnordered<_> = writes.collect();
    for _ in 0..4 {
        let reply = writes.next().await.unwrap().expect(503);
        assert_eq!(reply.header("retry-after"), Some("1"));
        reply.problem(503, "database_busy");
    }
    unlock(lock);
    writes.next().await.unwrap().status == 201
}

#[on_both]
async fn requests_time_out_with_503_then_service_recovers(database: TestDatabase) {
    let api = start(database);
    // The administrator's key needs no lookup and no record of its use, which would be a write.
    let (admin, editor) = (api.admin(), api.editor());
    until_served(|| admin.post("/api/posts", &json!({"title": "Before"}))).await.expect(201);
    // A background task may hold the connection for longer than the wait. Then every write is refused, and this is
    // repeated.
    wait_until("a write to get the connection", async || one_write_waits_in_the_database(&api).await).await;
    until_served(|| editor.post("/api/posts", &json!({"title": "After"}))).await.expect(201);
    let posts = until_served(|| editor.get("/api/posts?published=any")).await.json(200);
    assert_eq!(posts["items"].as_array().unwrap().len(), 3);
}

#[on_both]
async fn sqlite_reads_continue_while_another_process_writes(database: TestDatabase) {
    if database.engine == Engine::Postgres {
        return;
    }
    let api = start(database);
    let admin = api.admin();
    until_served(|| admin.post("/api/posts", &json!({"title": "Before", "published": true}))).await.expect(201);
    let lock = lock(&api);
    let posts = until_served(|| api.get("/api/posts")).await.json(200);
    assert_eq!(posts["items"].as_array().unwrap().len(), 1);
    // SQLite waits for the lock for 5 seconds.
    let reply = admin.post("/api/posts", &json!({"title": "Refused"})).await.expect(503);
    assert_eq!(reply.header("retry-after"), Some("1"));
    reply.problem(503, "database_busy");
    unlock(lock);
    until_served(|| admin.post("/api/posts", &json!({"title": "After"}))).await.expect(201);
}

#[on_both]
async fn readiness_fails_while_the_database_is_busy(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let api = start(database);
    let mut lock = lock(&api);
    execute(&mut lock, "LOCK TABLE posts IN ACCESS EXCLUSIVE MODE");
    let admin = api.admin();
    let waiting = admin.get("/api/posts").into_future();
    let check = async {
        wait_until("readiness to fail", async || api.get("/health/ready").await.status == 503).await;
        api.get("/health/live").await.expect(200);
        unlock(lock);
    };
    let (list, ()) = tokio::join!(waiting, check);
    // The scheduler may have taken the connection first.
    assert!([200, 503].contains(&list.status), "{}", list.status);
    wait_until("readiness to recover", async || api.get("/health/ready").await.status == 200).await;
}

/// Short reads run on the thread that serves their request. After a slow one, reads run on other threads for a while,
/// so that the thread's other requests do not wait.
#[tokio::test]
async fn reads_leave_the_request_thread_after_a_slow_read() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let connections =
        Database::new(&database.parsed(), &Endpoints::default(), PoolOptions::new(2, Duration::from_secs(2))).unwrap();
    let request_thread = thread::current().id();
    let read = async |time: Duration| {
        let body = move |_: &mut Connection| {
            thread::park_timeout(time);
            Ok(thread::current().id())
        };
        connections.read_inline(body).await.unwrap()
    };
    let is_inline = async || read(Duration::ZERO).await == request_thread;
    // The first read opens its connection on another thread.
    wait_until("reads to run on the request thread", async || is_inline().await).await;
    let slow = Duration::from_millis(25);
    // Repeated if this test does not run for a second: reads then return to the request thread.
    wait_until("reads to run on other threads", async || read(slow).await == request_thread && !is_inline().await)
        .await;
    wait_until("reads to return to the request thread", async || is_inline().await).await;
}

/// Long reads run on other threads and leave connections to the short ones. On a busy machine, 20 short reads may take
/// longer than a long read may run, so the scenario is repeated until they do not.
#[tokio::test]
async fn long_reads_do_not_delay_short_reads() {
    let Some(api) = Api::on(Engine::Sqlite) else { return };
    let post = api.create(json!({"title": "A post", "published": true})).await;
    wait_until("short reads to end before the long ones", async || short_reads_end_first(&api, &post["id"]).await)
        .await;
}

/// Runs long reads on half of the connections, and searches and short reads beside them. Returns whether every long
/// read was still running when the last short one ended.
async fn short_reads_end_first(api: &Api, id: &Value) -> bool {
    const LONG_READS: u32 = 2;
    let (end, until_end) = mpsc::channel::<()>();
    let until_end = Arc::new(Mutex::new(until_end));
    let started = Arc::new(AtomicU32::new(0));
    let long = (0..LONG_READS).map(|_| {
        let (until_end, started) = (Arc::clone(&until_end), Arc::clone(&started));
        api.server.connections.read(move |conn| {
            conn.snapshot(|conn| {
                execute(conn, "SELECT count(*) FROM posts");
                started.fetch_add(1, Ordering::Relaxed);
                // The first long read waits for the end, the others for the mutex. The deadline is 10 seconds.
                Ok(until_end.lock().unwrap().recv_timeout(Duration::from_secs(9)))
            })
        })
    });
    let short = async {
        wait_until("the long reads to run", async || started.load(Ordering::Relaxed) == LONG_READS).await;
        for limit in 1..=7 {
            for path in [
                format!("/api/posts/{id}"),
                format!("/api/posts?limit={limit}"),
                format!("/api/posts?q=post&limit={limit}"),
            ] {
                api.reader().get(&path).await.expect(200);
            }
        }
        drop(end);
    };
    let (long, ()) = tokio::join!(join_all(long), short);
    long.into_iter().all(|end| matches!(end, Ok(Err(RecvTimeoutError::Disconnected))))
}
