//! The failures of `docs/operate/runbook.md`, made to happen: clients see what it says, and so do the metrics.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use posts_api::db::{PoolOptions, ReplicaOptions};
use serde_json::json;

use crate::faults::full_disk::SmallDisk;
use crate::operations::metrics::{Samples, assert_value, scrape, scrape_at, start, start_with, value};
use crate::support::cluster::Cluster;
use crate::support::database::execute;
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, TestDatabase, postgres, wait_until};

const PRIMARY_UP: &str = "posts_api_db_up{database=\"primary\"}";
const REPLICA_UP: &str = "posts_api_db_up{database=\"replica\"}";

async fn shows(api: &Api, what: &str, is_so: impl Fn(&Samples) -> bool) {
    wait_until(what, async || is_so(&scrape(api).await)).await;
}

#[tokio::test]
async fn a_database_that_is_gone_is_told_and_found_again() {
    let Some(mut cluster) = Cluster::durable() else { return };
    let api = start(TestDatabase::of(&cluster));
    api.create(json!({"title": "Before", "published": true})).await;
    let get = async |path: &str| api.get(path).await;
    shows(&api, "it to be up and the cache to be usable", |samples| {
        value(samples, PRIMARY_UP) > 0.0 && value(samples, "posts_api_cache_usable") > 0.0
    })
    .await;
    cluster.crash();
    let refused = get("/api/posts?limit=7").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    get("/health/ready").await.expect(503);
    get("/health/live").await.expect(200);
    shows(&api, "it to be down and the cache to be unusable", |samples| {
        value(samples, PRIMARY_UP) == 0.0
            && value(samples, "posts_api_cache_usable") == 0.0
            && value(samples, "posts_api_cache_capacity_bytes") > 0.0
            && value(samples, "posts_api_db_errors_total{kind=\"unreachable\"}") > 0.0
    })
    .await;
    cluster.restart();
    shows(&api, "it to be up again", |samples| value(samples, PRIMARY_UP) > 0.0).await;
    wait_until("it to be ready", async || get("/health/ready").await.status == 200).await;
    get("/api/posts?limit=7").await.expect(200);
}

#[tokio::test]
async fn a_database_that_hangs_is_down_however_many_wait_for_it() {
    let Some(cluster) = Cluster::durable() else { return };
    let api = start_with(TestDatabase::of(&cluster), |config| {
        config.pool = PoolOptions { size: 1, wait: Duration::from_millis(500) };
    });
    let editor = api.editor();
    editor.post("/api/posts", &json!({"title": "Before"})).await.expect(201);
    assert_value(&scrape(&api).await, PRIMARY_UP, 1.0);
    let paused = cluster.pause();
    let hangs = tokio::spawn(editor.post("/api/posts", &json!({"title": "Meanwhile"})).into_future());
    let in_use = "posts_api_db_pool_in_use{pool=\"primary\"}";
    shows(&api, "its one connection to be in use", |samples| value(samples, in_use) > 0.0).await;
    shows(&api, "it to be down", |samples| samples.get(PRIMARY_UP) == Some(&0.0)).await;
    drop(paused);
    hangs.await.unwrap();
    shows(&api, "it to be up again", |samples| samples.get(PRIMARY_UP) == Some(&1.0)).await;
}

#[tokio::test]
async fn a_full_disk_is_told() {
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
async fn a_log_that_grows_under_a_long_read_is_told() {
    const MIB: f64 = 1024.0 * 1024.0;
    let api = start(TestDatabase::create(Engine::Sqlite).unwrap());
    let editor = api.editor();
    let post = json!({"title": "Long", "content": "x".repeat(400_000)});
    editor.post("/api/posts", &post).await.expect(201);
    let mut other = api.server.database.connect();
    execute(&mut other, "BEGIN");
    execute(&mut other, "SELECT count(*) FROM posts");
    wait_until("the log to be long", async || {
        editor.post("/api/posts", &post).await.expect(201);
        value(&scrape(&api).await, "posts_api_db_wal_bytes") > 20.0 * MIB
    })
    .await;
    execute(&mut other, "COMMIT");
    shows(&api, "the log to be short", |samples| value(samples, "posts_api_db_wal_bytes") < MIB).await;
}

#[tokio::test]
async fn a_replica_that_is_down_is_told_and_the_primary_answers() {
    let Some(primary) = Cluster::durable() else { return };
    let mut standby = primary.standby();
    let api = start_with(TestDatabase::of(&primary), |config| {
        let url = postgres::parse(&standby.url);
        config.endpoints.replica = Some(ReplicaOptions { url, max_lag: Duration::from_mins(10) });
        config.cache_bytes = 0;
    });
    api.create(json!({"title": "First", "published": true})).await;
    shows(&api, "the replica to be taken in", |samples| value(samples, REPLICA_UP) > 0.0).await;
    standby.crash();
    shows(&api, "the replica to be left out", |samples| samples.get(REPLICA_UP) == Some(&0.0)).await;
    assert_value(&scrape(&api).await, PRIMARY_UP, 1.0);
    api.get("/api/posts").await.expect(200);
    standby.restart();
    shows(&api, "the replica to be taken back", |samples| value(samples, REPLICA_UP) > 0.0).await;
}

/// Its work is given up, too, and it is not counted as a success.
#[tokio::test]
async fn a_client_that_has_gone_is_counted_as_one_that_abandoned_its_request() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let database = Arc::new(database);
    let api = Api::start(&database, |config| config.admin_port = Some(0));
    let mut held = database.connect();
    execute(&mut held, "BEGIN");
    execute(&mut held, "LOCK TABLE posts IN ACCESS EXCLUSIVE MODE");
    let mut client = TcpStream::connect(api.server.address).unwrap();
    client.write_all(b"GET /api/posts?count=exact HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let in_use = "posts_api_db_pool_in_use{pool=\"primary\"}";
    shows(&api, "it to be carried out", |samples| value(samples, in_use) > 0.0).await;
    drop(client);
    let abandoned = "posts_api_http_requests_total{method=\"GET\",route=\"/api/posts\",status=\"abandoned\"}";
    shows(&api, "it to be given up", |samples| value(samples, abandoned) > 0.0).await;
    execute(&mut held, "ROLLBACK");
}

#[tokio::test]
async fn an_instance_that_is_killed_has_another_start_time_when_it_is_back() {
    let place = Sandbox::new([("PORT", "0"), ("ADMIN_PORT", "0")]);
    let mut last = 0.0;
    for name in ["first", "second"] {
        let mut server = place.start(name, &[]);
        server.base_url().await;
        let base = server.admin_base_url().await;
        let started = scrape_at(&base).await["posts_api_start_time_seconds"];
        assert!(started > last, "{name}: {started}");
        assert!((scrape_at(&base).await["posts_api_start_time_seconds"] - started).abs() < f64::EPSILON);
        last = started;
        server.kill();
    }
}
