//! The metrics of the database, its connections, and the scheduler.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use posts_api::db::PoolOptions;
use serde_json::json;

use crate::operations::metrics::{assert_value, scrape, start, value};
use crate::support::database::execute;
use crate::support::{Api, Engine, TestDatabase, on_both, queued_writes, wait_until};

const UP: &str = "posts_api_db_up{database=\"primary\"}";
const BUSY: &str = "posts_api_http_problems_total{code=\"database_busy\"}";

#[on_both]
async fn connection_waits_are_reported_during_and_after(database: TestDatabase) {
    let database = Arc::new(database);
    let api = Api::start(&database, |config| {
        config.admin_port = Some(0);
        config.pool = PoolOptions::new(1, Duration::from_secs(1));
    });
    let pool = if api.engine() == Engine::Sqlite { "write" } else { "primary" };
    let name = |name: &str| format!("posts_api_db_pool_{name}{{pool=\"{pool}\"}}");
    let refusals = format!("posts_api_db_pool_refusals_total{{pool=\"{pool}\",reason=\"timeout\"}}");
    let editor = api.editor();
    let before = value(&scrape(&api).await, &refusals);
    let mut lock = database.connect();
    match database.engine {
        Engine::Sqlite => execute(&mut lock, "BEGIN IMMEDIATE"),
        Engine::Postgres => {
            execute(&mut lock, "BEGIN");
            execute(&mut lock, "LOCK TABLE posts IN ACCESS EXCLUSIVE MODE");
        }
    }
    // Each writer repeats its request until it succeeds, so that some request always waits.
    let write = || {
        let editor = editor.clone();
        tokio::spawn(async move {
            let mut statuses = BTreeSet::new();
            while !statuses.contains(&201) {
                statuses.insert(editor.post("/api/posts", &json!({"title": "Waits"})).await.status);
            }
            statuses
        })
    };
    let writers = [write(), write(), write(), write()];
    // A busy database is not down.
    wait_until("a request to write, another to wait, and the database to be up", async || {
        let samples = scrape(&api).await;
        [name("in_use"), name("waiting"), UP.to_owned()].iter().all(|name| value(&samples, name) > 0.0)
    })
    .await;
    // The pool may also refuse the record of a key's use, which no client sees.
    wait_until("a request to be refused", async || {
        let samples = scrape(&api).await;
        value(&samples, &refusals) > before && value(&samples, BUSY) > 0.0
    })
    .await;
    execute(&mut lock, "ROLLBACK");
    let mut statuses = BTreeSet::new();
    for writer in writers {
        statuses.extend(writer.await.unwrap());
    }
    assert_eq!(statuses, BTreeSet::from([201, 503]));
    wait_until("no request to wait", async || value(&scrape(&api).await, &name("waiting")) == 0.0).await;
    let samples = scrape(&api).await;
    // A pool of one connection has another one for long reads. SQLite's writer has none.
    let size = if api.engine() == Engine::Sqlite { 1.0 } else { 2.0 };
    assert_value(&samples, &name("size"), size);
    assert!(value(&samples, &format!("posts_api_db_pool_wait_seconds_count{{pool=\"{pool}\"}}")) > 0.0, "{samples:#?}");
    assert!(value(&samples, "posts_api_db_errors_total{kind=\"busy\"}") > 0.0, "{samples:#?}");
}

#[on_both]
async fn scheduler_lag_and_polls_are_reported(database: TestDatabase) {
    database.migrate();
    let at = "2020-01-01T00:00:00Z";
    let post = |id: i64| json!({"id": id, "slug": format!("due-{id}"), "title": "Due", "scheduled_for": at});
    database.import(&[post(1), post(2)]);
    let api = start(database);
    let count = "posts_api_schedule_lag_seconds_count";
    wait_until("both posts to be published", async || value(&scrape(&api).await, count) > 1.0).await;
    let samples = scrape(&api).await;
    assert_value(&samples, count, 2.0);
    assert_value(&samples, "posts_api_schedule_lag_seconds_bucket{le=\"3600.0\"}", 0.0);
    let last_poll = "posts_api_schedule_last_poll_timestamp_seconds";
    let first = value(&samples, last_poll);
    assert!(first > value(&samples, "posts_api_start_time_seconds") - 1.0, "{samples:#?}");
    wait_until("another poll", async || value(&scrape(&api).await, last_poll) > first).await;
}

#[on_both]
async fn build_info_and_database_status_are_reported(database: TestDatabase) {
    let api = start(database);
    let backend = if api.engine() == Engine::Sqlite { "sqlite" } else { "postgresql" };
    let samples = scrape(&api).await;
    let version = env!("CARGO_PKG_VERSION");
    assert_value(&samples, &format!("posts_api_build_info{{version=\"{version}\",database=\"{backend}\"}}"), 1.0);
    wait_until("the database to be up", async || value(&scrape(&api).await, UP) > 0.0).await;
    if api.engine() == Engine::Postgres {
        api.server.database.destroy();
        wait_until("the database to be down", async || scrape(&api).await.get(UP) == Some(&0.0)).await;
    }
}

#[tokio::test]
async fn sqlite_group_commits_are_reported() {
    let database = Arc::new(TestDatabase::create(Engine::Sqlite).unwrap());
    let api = Api::start(&database, |config| config.admin_port = Some(0));
    let editor = api.editor();
    // The first use of a key may record its day, which is a write.
    editor.get("/api/posts").await.expect(200);
    let commits = "posts_api_db_group_commit_writes_count";
    wait_until("the key's use to be recorded", async || value(&scrape(&api).await, commits) > 0.0).await;
    // A batch ends after 10 ms, so on a busy machine six writes may take more commits. Then the attempt is repeated.
    wait_until("five queued writes to share a commit", async || {
        let before = scrape(&api).await;
        let mut lock = database.connect();
        execute(&mut lock, "BEGIN IMMEDIATE");
        let write = |()| {
            let call = editor.post("/api/posts", &json!({"title": "A post"}));
            tokio::spawn(async move { call.await.status })
        };
        let writes = [(); 6].map(write);
        wait_until("five writes to be queued", async || queued_writes(&api.server.connections) >= Some(5)).await;
        execute(&mut lock, "ROLLBACK");
        for write in writes {
            assert_eq!(write.await.unwrap(), 201);
        }
        let after = scrape(&api).await;
        let increase = |name: &str| {
            let name = format!("posts_api_db_group_commit_{name}");
            value(&after, &name) - value(&before, &name)
        };
        assert!((increase("writes_sum") - 6.0).abs() < f64::EPSILON, "{after:#?}");
        let commits = increase("writes_count");
        assert!((increase("duration_seconds_count") - commits).abs() < f64::EPSILON, "{after:#?}");
        // The first write may have its own commit. The bucket counts the commits of at most four writes.
        commits <= 2.0 && increase("writes_bucket{le=\"4.0\"}") < commits
    })
    .await;
    wait_until("the WAL's size", async || value(&scrape(&api).await, "posts_api_db_wal_bytes") > 0.0).await;
}
