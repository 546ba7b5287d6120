//! Causes the failures that the operations document describes, and checks what clients and metrics show.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use posts_api::db::{PoolOptions, ReplicaOptions};
use serde_json::json;

use crate::faults::full_disk::SmallDisk;
use crate::operations::metrics::{Samples, assert_value, scrape, scrape_at, start, start_with, value};
use crate::postgres::read_only::make_read_only;
use crate::support::cluster::Cluster;
use crate::support::database::execute;
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, TestDatabase, postgres, wait_until};

const PRIMARY_UP: &str = "posts_api_db_up{database=\"primary\"}";
const REPLICA_UP: &str = "posts_api_db_up{database=\"replica\"}";

async fn wait_for_metrics(api: &Api, what: &str, condition: impl Fn(&Samples) -> bool) {
    wait_until(what, async || condition(&scrape(api).await)).await;
}

#[tokio::test]
async fn metrics_report_database_outage_and_recovery() {
    let Some(mut cluster) = Cluster::durable() else { return };
    let api = start(TestDatabase::of(&cluster));
    api.create(json!({"title": "Before", "published": true})).await;
    let get = async |path: &str| api.get(path).await;
    wait_for_metrics(&api, "the database to be up and the cache to be usable", |samples| {
        value(samples, PRIMARY_UP) > 0.0 && value(samples, "posts_api_cache_usable") > 0.0
    })
    .await;
    cluster.crash();
    let reply = get("/api/posts?limit=7").await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    get("/health/ready").await.expect(503);
    get("/health/live").await.expect(200);
    wait_for_metrics(&api, "the database to be down and the cache to be unusable", |samples| {
        value(samples, PRIMARY_UP) == 0.0
            && value(samples, "posts_api_cache_usable") == 0.0
            && value(samples, "posts_api_cache_capacity_bytes") > 0.0
            && value(samples, "posts_api_db_errors_total{kind=\"unreachable\"}") > 0.0
    })
    .await;
    cluster.restart();
    wait_for_metrics(&api, "the database to be up again", |samples| value(samples, PRIMARY_UP) > 0.0).await;
    wait_until("readiness to recover", async || get("/health/ready").await.status == 200).await;
    wait_until("reads to recover", async || get("/api/posts?limit=7").await.status == 200).await;
}

#[tokio::test]
async fn metrics_report_a_read_only_database_as_down() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let api = start(database);
    api.create(json!({"title": "Before", "published": true})).await;
    make_read_only(&api.server.database);
    let write = async || api.admin().post("/api/posts", &json!({"title": "After"})).await;
    wait_until("writes to fail", async || write().await.status == 503).await;
    wait_for_metrics(&api, "the database to be down", |samples| {
        value(samples, PRIMARY_UP) == 0.0 && value(samples, "posts_api_db_errors_total{kind=\"read_only\"}") > 0.0
    })
    .await;
    api.get("/api/posts").await.expect(200);
}

#[tokio::test]
async fn metrics_report_a_hung_database_as_down() {
    let Some(cluster) = Cluster::durable() else { return };
    let api = start_with(TestDatabase::of(&cluster), |config| {
        config.pool = PoolOptions::new(1, Duration::from_millis(500));
    });
    let editor = api.editor();
    // A background task may hold the only connection, which on a busy machine can take longer than the wait.
    wait_until("a write to be served", async || {
        editor.post("/api/posts", &json!({"title": "Before"})).await.status == 201
    })
    .await;
    wait_for_metrics(&api, "the database to be up", |samples| value(samples, PRIMARY_UP) > 0.0).await;
    let paused = cluster.pause();
    let hung = tokio::spawn(editor.post("/api/posts", &json!({"title": "Meanwhile"})).into_future());
    let in_use = "posts_api_db_pool_in_use{pool=\"primary\"}";
    wait_for_metrics(&api, "the only connection to be in use", |samples| value(samples, in_use) > 0.0).await;
    wait_for_metrics(&api, "the database to be down", |samples| samples.get(PRIMARY_UP) == Some(&0.0)).await;
    drop(paused);
    hung.await.unwrap();
    wait_for_metrics(&api, "the database to be up again", |samples| samples.get(PRIMARY_UP) == Some(&1.0)).await;
}

#[tokio::test]
async fn metrics_count_storage_full_responses() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let api = start(TestDatabase::at(&disk.database()));
    let editor = api.editor();
    let full = "posts_api_http_problems_total{code=\"storage_full\"}";
    assert_value(&scrape(&api).await, full, 0.0);
    let post = json!({"title": "Long", "content": "x".repeat(200_000)});
    wait_until("the disk to be full", async || editor.post("/api/posts", &post).await.status == 507).await;
    assert_value(&scrape(&api).await, full, 1.0);
    api.get("/api/posts").await.expect(200);
}

#[tokio::test]
async fn metrics_report_wal_growth_under_a_long_read() {
    const MIB: f64 = 1024.0 * 1024.0;
    let api = start(TestDatabase::create(Engine::Sqlite).unwrap());
    let editor = api.editor();
    let post = json!({"title": "Long", "content": "x".repeat(400_000)});
    editor.post("/api/posts", &post).await.expect(201);
    let mut reader = api.server.database.connect();
    execute(&mut reader, "BEGIN");
    execute(&mut reader, "SELECT count(*) FROM posts");
    wait_until("the WAL to grow", async || {
        editor.post("/api/posts", &post).await.expect(201);
        value(&scrape(&api).await, "posts_api_db_wal_bytes") > 20.0 * MIB
    })
    .await;
    execute(&mut reader, "COMMIT");
    wait_for_metrics(&api, "the WAL to be truncated", |samples| value(samples, "posts_api_db_wal_bytes") < MIB).await;
}

#[tokio::test]
async fn metrics_report_replica_outage_and_reads_continue() {
    let Some(primary) = Cluster::durable() else { return };
    let mut standby = primary.standby();
    let api = start_with(TestDatabase::of(&primary), |config| {
        let url = postgres::parse(&standby.url);
        config.endpoints.replica = Some(ReplicaOptions { url, max_lag: Duration::from_mins(10) });
        config.cache_bytes = 0;
    });
    api.create(json!({"title": "First", "published": true})).await;
    wait_for_metrics(&api, "the replica to be healthy", |samples| value(samples, REPLICA_UP) > 0.0).await;
    standby.crash();
    wait_for_metrics(&api, "the replica to be unhealthy and the primary to be up", |samples| {
        samples.get(REPLICA_UP) == Some(&0.0) && value(samples, PRIMARY_UP) > 0.0
    })
    .await;
    api.get("/api/posts").await.expect(200);
    standby.restart();
    wait_for_metrics(&api, "the replica to be healthy again", |samples| value(samples, REPLICA_UP) > 0.0).await;
}

/// A request whose client disconnects is canceled, and not counted as a success.
#[tokio::test]
async fn metrics_count_abandoned_requests() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let database = Arc::new(database);
    let api = Api::start(&database, |config| config.admin_port = Some(0));
    let mut lock = database.connect();
    execute(&mut lock, "BEGIN");
    execute(&mut lock, "LOCK TABLE posts IN ACCESS EXCLUSIVE MODE");
    let mut client = TcpStream::connect(api.server.address).unwrap();
    client.write_all(b"GET /api/posts?count=exact HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let in_use = "posts_api_db_pool_in_use{pool=\"primary\"}";
    wait_for_metrics(&api, "the request to use a connection", |samples| value(samples, in_use) > 0.0).await;
    drop(client);
    let abandoned = "posts_api_http_requests_total{method=\"GET\",route=\"/api/posts\",status=\"abandoned\"}";
    wait_for_metrics(&api, "the request to be counted as abandoned", |samples| value(samples, abandoned) > 0.0).await;
    execute(&mut lock, "ROLLBACK");
}

#[tokio::test]
async fn start_time_metric_changes_after_a_restart() {
    let sandbox = Sandbox::new([("PORT", "0"), ("ADMIN_PORT", "0")]);
    let mut last_start = 0.0;
    for name in ["first", "second"] {
        let mut server = sandbox.start(name, &[]);
        server.base_url().await;
        let base = server.admin_base_url().await;
        let start = scrape_at(&base).await["posts_api_start_time_seconds"];
        assert!(start > last_start, "{name}: {start}");
        assert!((scrape_at(&base).await["posts_api_start_time_seconds"] - start).abs() < f64::EPSILON);
        last_start = start;
        server.kill();
    }
}
