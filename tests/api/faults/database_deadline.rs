//! Every request ends at its deadline of 10 seconds, whatever the database does. These tests bound no time from above:
//! a request without a deadline fails by the client's timeout of one minute.

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

/// Every kind of request that uses the database, with a key that needs a lookup and one that does not.
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

/// The status of a response and the request line. Checks a 503 response.
async fn status(call: Call) -> (u16, String) {
    let reply = call.await;
    let (status, line) = (reply.status, reply.line.clone());
    if status == 503 {
        assert_eq!(reply.header("retry-after"), Some("1"));
        let code = if reply.text().contains("database_busy") { "database_busy" } else { "database_unavailable" };
        reply.problem(503, code);
    }
    (status, line)
}

/// Runs `work`, and requests `/health/live` until it ends. Returns the number of requests and the slowest response.
async fn check_liveness_during(api: &Api, work: impl Future<Output = ()>) -> (u32, Duration) {
    let is_done = AtomicBool::new(false);
    let work = async {
        work.await;
        is_done.store(true, Ordering::Relaxed);
    };
    let check = async {
        let (mut count, mut slowest) = (0, Duration::ZERO);
        while !is_done.load(Ordering::Relaxed) {
            let start = Instant::now();
            api.get("/health/live").await.expect(200);
            (count, slowest) = (count + 1, slowest.max(start.elapsed()));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        (count, slowest)
    };
    tokio::join!(work, check).1
}

/// A service with more connections than [`every_kind`] has requests.
fn start(database: &Arc<TestDatabase>, cache_bytes: u64) -> Api {
    Api::start(database, |config| {
        config.pool = PoolOptions::new(32, Duration::from_secs(2));
        config.cache_bytes = cache_bytes;
    })
}

async fn send_every_kind(api: &Api) -> Vec<(u16, String)> {
    join_all(every_kind(api).into_iter().map(status)).await
}

async fn wait_for_recovery(api: &Api) {
    wait_until("no request to get 503", async || send_every_kind(api).await.iter().all(|(status, _)| *status != 503))
        .await;
}

async fn requests_end_while_the_server_hangs(cache_bytes: u64, idle: Duration) {
    let Some(cluster) = Cluster::durable() else { return };
    let api = start(&Arc::new(TestDatabase::of(&cluster)), cache_bytes);
    api.create(json!({"title": "First", "published": true})).await;
    wait_for_recovery(&api).await;
    tokio::time::sleep(idle).await;
    let paused = cluster.pause();
    // Until then the cache may still serve.
    wait_until("the cache to be off", async || api.server.connections.revision().is_none()).await;
    let work = async {
        // In the second round, the requests of the first still hold many connections.
        for _ in 0..2 {
            for (status, line) in send_every_kind(&api).await {
                assert_eq!(status, 503, "{line}");
            }
        }
        api.get("/health/ready").await.problem(503, "not_ready");
    };
    let (count, slowest) = check_liveness_during(&api, work).await;
    assert!(count > 1, "/health/live did not respond while the requests waited");
    drop(paused);
    let resumed = Instant::now();
    wait_for_recovery(&api).await;
    let recovery = resumed.elapsed();
    report_figures(&format!("PostgreSQL hangs: /health/live within {slowest:?}; recovered {recovery:?} after its end"));
}

#[tokio::test]
async fn requests_get_503_while_postgresql_hangs_then_recover() {
    requests_end_while_the_server_hangs(64 * 1024 * 1024, Duration::ZERO).await;
}

/// A connection that was idle for more than a second is tested before it is used, and this test hangs too.
#[tokio::test]
async fn idle_connections_time_out_while_postgresql_hangs() {
    requests_end_while_the_server_hangs(0, Duration::from_millis(1100)).await;
}

#[tokio::test]
async fn opening_connections_times_out_while_postgresql_hangs() {
    let Some(cluster) = Cluster::durable() else { return };
    let database = Arc::new(TestDatabase::of(&cluster));
    database.migrate();
    let paused = cluster.pause();
    // The pool opens a connection at its first use.
    let api = Api::start_unmigrated(&database, |_| {});
    for _ in 0..2 {
        for (status, line) in join_all((0..40).map(|_| status(api.get("/api/posts")))).await {
            assert_eq!(status, 503, "{line}");
        }
    }
    drop(paused);
    wait_until("the pool to recover", async || api.get("/api/posts").await.status == 200).await;
}

/// A control request begins 5 seconds after the request under test. If the query had a deadline of its own, which would
/// begin when the key lookup ends, the control request would end first.
#[tokio::test]
async fn key_lookup_and_query_share_one_deadline() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let database = Arc::new(database);
    let api = start(&database, 0);
    let (admin, editor) = (api.admin(), api.editor());
    let (mut keys, mut posts) = (database.connect(), database.connect());
    for (conn, table) in [(&mut keys, "api_keys"), (&mut posts, "posts")] {
        execute(conn, "BEGIN");
        execute(conn, &format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"));
    }
    let end = async |call: Call| {
        let (status, line) = status(call).await;
        assert_eq!(status, 503, "{line}");
        Instant::now()
    };
    let control = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        // The administrator's key needs no lookup.
        end(admin.get("/api/posts?published=any")).await
    };
    let release = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        execute(&mut keys, "ROLLBACK");
    };
    let (end, control_end, ()) = tokio::join!(end(editor.get("/api/posts?published=any")), control, release);
    assert!(end < control_end, "the query had a deadline of its own");
}
