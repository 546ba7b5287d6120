//! PostgreSQL crashes or loses a connection: no response is wrong, and the service recovers without a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use posts_api::db::DatabaseUrl;
use serde_json::json;

use crate::support::api::ADMIN_KEY;
use crate::support::cluster::Cluster;
use crate::support::journal::Journal;
use crate::support::program::Sandbox;
use crate::support::proxy::{Cut, Proxy};
use crate::support::{Api, Engine, TestDatabase, fault_rounds, report_figures, wait_for, wait_until};

/// Crashes the cluster and starts it again. Returns it and the time from its start to the first acknowledged write.
async fn crash_and_restart(mut cluster: Cluster, journal: &Journal) -> (Cluster, Duration) {
    let wait_for_writes = async |count: u64| {
        wait_until("writes to be acknowledged", async || journal.acknowledged() > count).await;
    };
    wait_for_writes(journal.acknowledged() + 50).await;
    let crash = move || {
        cluster.crash();
        cluster
    };
    let mut cluster = tokio::task::spawn_blocking(crash).await.unwrap();
    let unconfirmed = journal.unconfirmed();
    wait_until("writes to fail", async || journal.unconfirmed() > unconfirmed + 10).await;
    let restart = move || {
        cluster.restart();
        (cluster, Instant::now())
    };
    let before = journal.acknowledged();
    let (cluster, restarted) = tokio::task::spawn_blocking(restart).await.unwrap();
    wait_for_writes(before).await;
    (cluster, restarted.elapsed())
}

#[tokio::test]
async fn crash_under_load_loses_no_acknowledged_write() {
    let Some(mut cluster) = Cluster::durable() else { return };
    let database = TestDatabase::of(&cluster);
    let sandbox = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("RATE_LIMIT", "off"),
    ]);
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let journal = Journal::new();
    let is_done = AtomicBool::new(false);
    let write = async || {
        while !is_done.load(Ordering::Relaxed) {
            if !journal.write(&base).await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    let crash = async {
        let mut slowest = Duration::ZERO;
        // Each takes seconds.
        for _ in 0..fault_rounds().min(5) {
            let recovery;
            (cluster, recovery) = crash_and_restart(cluster, &journal).await;
            slowest = slowest.max(recovery);
        }
        is_done.store(true, Ordering::Relaxed);
        (cluster, slowest)
    };
    let (_, (_cluster, slowest)) = tokio::join!(join_all((0..8).map(|_| write())), crash);
    // The same process still listens at the same address.
    journal.resend_unconfirmed(&base).await;
    journal.check(&database);
    report_figures(&format!("PostgreSQL crashed: first write {slowest:?} after its restart; {}", journal.figures()));
    server.kill();
}

#[tokio::test]
async fn retry_after_a_cut_commit_stores_the_write_once() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let database = Arc::new(database);
    let proxy = Proxy::start(&database.url);
    let api = Api::start(&database, |config| config.database = DatabaseUrl::parse(proxy.url()).unwrap().0);
    let admin = api.admin();
    for round in 0..fault_rounds().max(8) {
        for cut in [Cut::BeforeCommit, Cut::AfterCommit] {
            for (path, success) in [("/api/posts", 201), ("/api/posts/batch", 200)] {
                let title = format!("{cut:?} {path} {round}");
                let post = json!({"title": title, "published": true});
                let body = if success == 201 { post } else { json!({"posts": [post]}) };
                let send = || admin.post(path, &body).header("idempotency-key", &title.replace(' ', "-"));
                proxy.arm(cut);
                send().await.problem(503, "database_unavailable");
                assert!(!proxy.is_armed());
                let rows = format!("SELECT count(*) AS number FROM posts WHERE title = '{title}'");
                assert_eq!(database.query_number(&rows), i64::from(cut == Cut::AfterCommit), "{title}");
                // The response is 409 until PostgreSQL notices that the first request has lost its connection.
                let retry = wait_for("the first request to end", async || {
                    Some(send().await).filter(|reply| reply.status != 409)
                })
                .await
                .expect(success);
                assert_eq!(retry.header("idempotency-replayed").is_some(), cut == Cut::AfterCommit, "{title}");
                assert_eq!(database.query_number(&rows), 1, "{title}");
            }
        }
    }
}

/// The service does not know whether the write is stored, so it must invalidate the cache in case it is.
#[tokio::test]
async fn lost_commit_response_still_invalidates_the_cache() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let database = Arc::new(database);
    let proxy = Proxy::start(&database.url);
    let api = Api::start(&database, |config| config.database = DatabaseUrl::parse(proxy.url()).unwrap().0);
    let total = async || api.get("/api/posts").await.json(200)["items"].as_array().unwrap().len();
    for number in 0..3 {
        assert_eq!(total().await, number);
        proxy.arm(Cut::AfterCommit);
        let post = json!({"title": "A post", "published": true});
        api.admin().post("/api/posts/batch", &json!({"posts": [post]})).await.problem(503, "database_unavailable");
        assert_eq!(total().await, number + 1);
    }
}
