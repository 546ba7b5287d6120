//! A database that has no time: requests wait for a bounded while, then get 503, and everything recovers.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use posts_api::db::{Connection, Database, PoolOptions};
use serde_json::json;

use crate::support::database::execute;
use crate::support::{Api, Engine, Fixture, TestDatabase, on_both, wait_for};

/// One connection, and a short wait for it.
fn narrow(database: TestDatabase) -> Api {
    Api::start(&Arc::new(database), |config| config.pool = PoolOptions { size: 1, wait: Duration::from_millis(100) })
}

/// Holds what every write needs, until [`release`].
fn hold(api: &Api) -> Connection {
    let mut conn = api.server.database.connect();
    match api.engine() {
        Engine::Sqlite => execute(&mut conn, "BEGIN IMMEDIATE"),
        Engine::Postgres => {
            execute(&mut conn, "BEGIN");
            // Reads go on, or the task that publishes scheduled posts would take the only connection.
            execute(&mut conn, "LOCK TABLE posts IN SHARE MODE");
        }
    }
    conn
}

fn release(mut conn: Connection) {
    execute(&mut conn, "ROLLBACK");
}

#[on_both]
async fn requests_that_wait_too_long_get_503_and_later_ones_are_served(database: TestDatabase) {
    let api = narrow(database);
    let (admin, editor) = (api.admin(), api.editor());
    // The use of this key is not noted: that would be a write, too, and perhaps the first of those below.
    admin.post("/api/posts", &json!({"title": "Before"})).await.expect(201);
    let held = hold(&api);
    // The first of these has the connection, and waits in the database itself. An admin's key needs no look-up.
    let writes = (0..5).map(|_| admin.post("/api/posts", &json!({"title": "Meanwhile"})).into_future());
    let mut writes: futures_util::stream::FuturesUnordered<_> = writes.collect();
    for _ in 0..4 {
        let reply = futures_util::StreamExt::next(&mut writes).await.unwrap().expect(503);
        assert_eq!(reply.header("retry-after"), Some("1"));
        reply.problem(503, "database_busy");
    }
    release(held);
    futures_util::StreamExt::next(&mut writes).await.unwrap().expect(201);
    editor.post("/api/posts", &json!({"title": "After"})).await.expect(201);
    let slugs = editor.get("/api/posts?published=any").await.json(200);
    assert_eq!(slugs["items"].as_array().unwrap().len(), 3);
}

#[on_both]
async fn sqlite_reads_go_on_while_another_process_writes(database: TestDatabase) {
    if database.engine == Engine::Postgres {
        return;
    }
    let api = narrow(database);
    api.create(json!({"title": "Before", "published": true})).await;
    let held = hold(&api);
    assert_eq!(api.get("/api/posts").await.json(200)["items"].as_array().unwrap().len(), 1);
    // SQLite's own wait ends after five seconds.
    let reply = api.admin().post("/api/posts", &json!({"title": "Refused"})).await.expect(503);
    assert_eq!(reply.header("retry-after"), Some("1"));
    reply.problem(503, "database_busy");
    release(held);
    api.admin().post("/api/posts", &json!({"title": "After"})).await.expect(201);
}

#[on_both]
async fn health_says_that_a_busy_database_does_not_answer(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let api = narrow(database);
    let mut held = hold(&api);
    execute(&mut held, "LOCK TABLE posts IN ACCESS EXCLUSIVE MODE");
    let admin = api.admin();
    let waiting = admin.get("/api/posts").into_future();
    let ready = async {
        wait_for("readiness to turn", async || (api.get("/health/ready").await.status == 503).then_some(())).await;
        api.get("/health/live").await.expect(200);
        release(held);
    };
    let (list, ()) = tokio::join!(waiting, ready);
    // The task that publishes scheduled posts may have had the connection first.
    assert!([200, 503].contains(&list.status), "{}", list.status);
    while api.get("/health/ready").await.status != 200 {}
}

/// A read of few rows runs on the thread of its request, unless such reads have lately been slow: that thread has others
/// to serve.
#[tokio::test]
async fn after_a_slow_read_on_a_thread_that_serves_requests_the_next_ones_run_elsewhere_for_a_while() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let connections = Database::new(&database.parsed(), PoolOptions { size: 2, wait: Duration::from_secs(2) }).unwrap();
    let here = thread::current().id();
    let read = async |time: Duration| {
        let body = move |_: &mut Connection| {
            thread::park_timeout(time);
            Ok(thread::current().id())
        };
        connections.read_inline(body).await.unwrap()
    };
    let is_here = async || read(Duration::ZERO).await == here;
    // A connection is opened elsewhere, when it is first needed.
    wait_for("reads to run here", async || is_here().await.then_some(())).await;
    let slow = Duration::from_millis(25);
    // More than once only where this test did not get the processor for a second.
    wait_for("reads to run elsewhere", async || (read(slow).await == here && !is_here().await).then_some(())).await;
    wait_for("reads to run here again", async || is_here().await.then_some(())).await;
}

/// Reads that may take long run elsewhere, whatever there is to do.
#[tokio::test]
async fn long_reads_hold_up_no_short_ones() {
    const POOL: u32 = 4;
    let Some(api) = Api::on(Engine::Sqlite) else { return };
    let post = api.create(json!({"title": "A post", "published": true})).await;
    let (end, until_end) = mpsc::channel::<()>();
    let until_end = Arc::new(Mutex::new(until_end));
    let began = Arc::new(AtomicU32::new(0));
    let long = (1..POOL).map(|_| {
        let (until_end, began) = (Arc::clone(&until_end), Arc::clone(&began));
        api.server.connections.read(move |conn| {
            conn.snapshot(|conn| {
                execute(conn, "SELECT count(*) FROM posts");
                began.fetch_add(1, Ordering::Relaxed);
                // The first one waits for the end, the others for the first.
                Ok(until_end.lock().unwrap().recv_timeout(Duration::from_secs(9)))
            })
        })
    });
    let short = async {
        wait_for("the long reads to run", async || (began.load(Ordering::Relaxed) == POOL - 1).then_some(())).await;
        let path = format!("/api/posts/{}", post["id"]);
        for number in 1..50 {
            for path in
                [path.clone(), format!("/api/posts?limit={number}"), format!("/api/posts?q=post&limit={number}")]
            {
                api.reader().get(&path).await.expect(200);
            }
        }
        drop(end);
    };
    let (long, ()) = tokio::join!(join_all(long), short);
    for ended in long {
        assert_eq!(ended.unwrap(), Err(RecvTimeoutError::Disconnected), "it ended before the short ones did");
    }
}
