//! Every request ends in time, whatever the database does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use posts_api::db::PoolOptions;
use serde_json::json;

use crate::support::call::Call;
use crate::support::cluster::Cluster;
use crate::support::database::execute;
use crate::support::{Api, Engine, TestDatabase, report_figures, wait_until};

/// A request is answered within 10 seconds; the rest is for a busy machine.
const DEADLINE: Duration = Duration::from_secs(10 + 3);
/// The promise is 50 ms; the rest is for a busy machine.
const LIVE: Duration = Duration::from_secs(1);

/// Every kind of request that asks the database, with a key that is looked up and one that is not.
fn every_kind(api: &Api) -> Vec<Call> {
    let (admin, editor) = (api.admin(), api.editor());
    let mut calls = vec![
        api.get("/api/posts"),
        api.get("/api/posts?q=first&count=exact"),
        api.get("/api/posts/1"),
        api.get("/api/posts/by-slug/first"),
        admin.get("/api/keys"),
        admin.post("/api/keys", &json!({"name": "x", "role": "reader"})),
    ];
    for caller in [admin, editor] {
        let post = json!({"title": "Meanwhile"});
        calls.extend([
            caller.get("/api/posts?published=any"),
            caller.get("/api/posts/1"),
            caller.post("/api/posts", &post),
            caller.post("/api/posts", &post).header("idempotency-key", "a-request"),
            caller.post("/api/posts/batch", &json!({"posts": [post]})),
            caller.put("/api/posts/by-slug/first", &post),
            caller.patch("/api/posts/1", &post),
            caller.post_empty("/api/posts/1/publish"),
            caller.post_empty("/api/posts/1/unpublish"),
            caller.delete("/api/posts/1"),
        ]);
    }
    calls
}

async fn timed(call: Call) -> (Duration, u16, String) {
    let began = Instant::now();
    let reply = call.await;
    let (line, status, took) = (reply.line.clone(), reply.status, began.elapsed());
    assert!(took < DEADLINE, "{line} took {took:?}");
    if status == 503 {
        assert_eq!(reply.header("retry-after"), Some("1"));
        let code = if reply.text().contains("database_busy") { "database_busy" } else { "database_unavailable" };
        reply.problem(503, code);
    }
    (took, status, line)
}

/// The slowest answer of `/health/live` while `work` runs.
async fn slowest_sign_of_life(api: &Api, work: impl Future<Output = ()>) -> Duration {
    let is_done = AtomicBool::new(false);
    let work = async {
        work.await;
        is_done.store(true, Ordering::Relaxed);
    };
    let ask = async {
        let mut slowest = Duration::ZERO;
        while !is_done.load(Ordering::Relaxed) {
            let began = Instant::now();
            api.get("/health/live").await.expect(200);
            slowest = slowest.max(began.elapsed());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        slowest
    };
    tokio::join!(work, ask).1
}

fn wide(database: &Arc<TestDatabase>, cache_bytes: u64) -> Api {
    Api::start(database, |config| {
        config.pool = PoolOptions { size: 32, wait: Duration::from_secs(2) };
        config.cache_bytes = cache_bytes;
    })
}

async fn all(api: &Api) -> Vec<(Duration, u16, String)> {
    join_all(every_kind(api).into_iter().map(timed)).await
}

async fn is_well(api: &Api) -> bool {
    all(api).await.iter().all(|(_, status, _)| *status != 503)
}

async fn all_end_while_the_server_hangs(cache_bytes: u64, idle: Duration) {
    let Some(cluster) = Cluster::durable() else { return };
    let api = wide(&Arc::new(TestDatabase::of(&cluster)), cache_bytes);
    api.create(json!({"title": "First", "published": true})).await;
    assert!(is_well(&api).await);
    tokio::time::sleep(idle).await;
    let paused = cluster.pause();
    // So long what was asked before may still be answered from the cache.
    wait_until("the cache to be off", async || api.server.connections.revision().is_none()).await;
    let work = async {
        // The second time, many connections are still held by the first.
        for _ in 0..2 {
            for (took, status, line) in all(&api).await {
                assert_eq!(status, 503, "{line} after {took:?}");
            }
        }
        api.get("/health/ready").await.problem(503, "not_ready");
    };
    let slowest = slowest_sign_of_life(&api, work).await;
    assert!(slowest < LIVE, "/health/live took {slowest:?}");
    drop(paused);
    let began = Instant::now();
    wait_until("everything to recover", async || is_well(&api).await).await;
    let recovered = began.elapsed();
    report_figures(&format!("PostgreSQL hangs: /health/live within {slowest:?}; all well {recovered:?} after its end"));
}

#[tokio::test]
async fn while_postgresql_hangs_every_request_gets_503_in_its_deadline_and_all_recovers() {
    all_end_while_the_server_hangs(64 * 1024 * 1024, Duration::ZERO).await;
}

/// After a second, a connection is asked whether it lives before it serves: that hangs, too.
#[tokio::test]
async fn connections_that_were_idle_when_postgresql_began_to_hang_hold_nobody_either() {
    all_end_while_the_server_hangs(0, Duration::from_millis(1100)).await;
}

#[tokio::test]
async fn a_server_that_hangs_while_connections_are_opened_holds_nobody() {
    let Some(cluster) = Cluster::durable() else { return };
    let database = Arc::new(TestDatabase::of(&cluster));
    database.migrate();
    let paused = cluster.pause();
    // The pool opens connections when they are first needed.
    let api = Api::start_unmigrated(&database, |_| {});
    for _ in 0..2 {
        for (_, status, line) in join_all((0..40).map(|_| timed(api.get("/api/posts")))).await {
            assert_eq!(status, 503, "{line}");
        }
    }
    drop(paused);
    wait_until("the pool to recover", async || api.get("/api/posts").await.status == 200).await;
}

#[tokio::test]
async fn looking_up_the_key_and_the_work_itself_share_the_deadline() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let database = Arc::new(database);
    let api = wide(&database, 0);
    let editor = api.editor();
    let (mut keys, mut posts) = (database.connect(), database.connect());
    for (conn, table) in [(&mut keys, "api_keys"), (&mut posts, "posts")] {
        execute(conn, "BEGIN");
        execute(conn, &format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"));
    }
    let release = async {
        // Long enough for both together to exceed it.
        tokio::time::sleep(Duration::from_secs(6)).await;
        execute(&mut keys, "ROLLBACK");
    };
    let ((took, status, line), ()) = tokio::join!(timed(editor.get("/api/posts?published=any")), release);
    assert_eq!(status, 503, "{line} after {took:?}");
    assert!(took > Duration::from_secs(6), "{line} after {took:?}");
}
