//! PostgreSQL goes away and comes back: no answer is wrong, and the service goes on by itself.

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
use crate::support::{Api, Engine, TestDatabase, fault_rounds, report_figures, wait_for};

/// The promise is 2 s; the rest is for a busy machine.
const FIRST_SUCCESS: Duration = Duration::from_secs(2 + 3);

/// Takes the cluster down as a crash would, and up again; answers how long the first write took after that.
async fn crash_and_come_back(mut cluster: Cluster, journal: &Journal) -> (Cluster, Duration) {
    let acknowledged_after = async |count: u64| {
        wait_for("writes to be acknowledged", async || (journal.acknowledged() > count).then_some(())).await;
    };
    acknowledged_after(journal.acknowledged() + 50).await;
    let crash = move || {
        cluster.crash();
        cluster
    };
    let mut cluster = tokio::task::spawn_blocking(crash).await.unwrap();
    let refused = journal.unconfirmed();
    wait_for("writes to fail", async || (journal.unconfirmed() > refused + 10).then_some(())).await;
    let come_back = move || {
        cluster.restart();
        (cluster, Instant::now())
    };
    let before = journal.acknowledged();
    let (cluster, back) = tokio::task::spawn_blocking(come_back).await.unwrap();
    acknowledged_after(before).await;
    (cluster, back.elapsed())
}

#[tokio::test]
async fn a_crash_of_postgresql_under_load_loses_nothing_and_the_service_goes_on_by_itself() {
    let Some(mut cluster) = Cluster::durable() else { return };
    let database = TestDatabase::of(&cluster);
    let place = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("RATE_LIMIT", "off"),
    ]);
    let mut server = place.start("server", &[]);
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
            let took;
            (cluster, took) = crash_and_come_back(cluster, &journal).await;
            assert!(took < FIRST_SUCCESS, "the first success came {took:?} after PostgreSQL");
            slowest = slowest.max(took);
        }
        is_done.store(true, Ordering::Relaxed);
        (cluster, slowest)
    };
    let (_, (_cluster, slowest)) = tokio::join!(join_all((0..8).map(|_| write())), crash);
    // The process is the same: it still listens at the same address.
    journal.resend_unconfirmed(&base).await;
    journal.check(&database);
    report_figures(&format!("PostgreSQL crashed: first success {slowest:?} after its return; {}", journal.figures()));
    server.kill();
}

#[tokio::test]
async fn a_write_that_was_cut_off_at_its_commit_is_stored_once_when_it_is_sent_again() {
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
                // PostgreSQL may not have noticed yet that the first request has lost its connection: 409 until then.
                let again = wait_for("the first request to end", async || {
                    let again = send().await;
                    (again.status != 409).then_some(again)
                })
                .await
                .expect(success);
                assert_eq!(again.header("idempotency-replayed").is_some(), cut == Cut::AfterCommit, "{title}");
                assert_eq!(database.query_number(&rows), 1, "{title}");
            }
        }
    }
}

/// What is read without a key after a commit whose answer was lost shows what was stored.
#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_hidden_by_the_cache() {
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
