//! A replica that cannot serve is skipped, and no request fails or shows stale posts for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::api::ADMIN_KEY;
use crate::support::cluster::Cluster;
use crate::support::program::{Process, Sandbox};
use crate::support::{Engine, TestDatabase, http_client, wait_until};

const HEALTHY: &str = "the replica is healthy";
const UNHEALTHY: &str = "the replica is unhealthy";
const NO_RESPONSE: &str = "it does not respond";

fn sandbox(database: &TestDatabase, replica: &str) -> Sandbox {
    Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("DATABASE_READ_URL", replica),
        ("MAX_REPLICA_LAG", "1"),
        ("CACHE_BYTES", "0"),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
    ])
}

/// The last log line about the replica's health.
fn last_health(server: &Process) -> String {
    let log = server.stderr();
    let is_health = |line: &&str| line.contains(HEALTHY) || line.contains(UNHEALTHY);
    log.lines().rfind(is_health).unwrap_or_default().to_owned()
}

/// Sends reads until the log's last line about the replica contains `state`. Every read must return 200 and show what
/// was written before.
async fn read_until(server: &Process, base: &str, what: &str, state: &str) {
    // A request that hangs fails by this timeout.
    let client = http_client().timeout(Duration::from_mins(1)).build().unwrap();
    let is_done = AtomicBool::new(false);
    let get = async |path: &str| {
        let response = client.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(response.status(), 200, "{what}: {path}");
        response.json::<Value>().await.unwrap()
    };
    let read = async || {
        while !is_done.load(Ordering::Relaxed) {
            assert_eq!(get("/api/posts/1").await["title"], "The first", "{what}");
            get("/api/posts").await;
            // The instance stays ready without its replica.
            get("/health/ready").await;
        }
    };
    let wait = async {
        wait_until(what, async || last_health(server).contains(state)).await;
        is_done.store(true, Ordering::Relaxed);
    };
    tokio::join!(join_all((0..4).map(|_| read())), wait);
}

/// Crashes or restarts a cluster outside the test's thread, which meanwhile sends requests.
async fn in_background(mut cluster: Cluster, work: impl FnOnce(&mut Cluster) + Send + 'static) -> Cluster {
    tokio::task::spawn_blocking(move || {
        work(&mut cluster);
        cluster
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn unhealthy_replica_is_skipped_until_it_recovers() {
    let Some(primary) = Cluster::durable() else { return };
    let standby = primary.standby();
    let sandbox = sandbox(&TestDatabase::of(&primary), standby.url.as_str());
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let client = http_client().build().unwrap();
    let create = async |post: Value| {
        let created = client.post(format!("{base}/api/posts")).bearer_auth(ADMIN_KEY).json(&post).send().await.unwrap();
        assert_eq!(created.status(), 201);
    };
    create(json!({"title": "The first", "published": true})).await;
    read_until(&server, &base, "the replica to be healthy", HEALTHY).await;

    // On a busy machine the service may mark the replica unhealthy for another reason, and the log gives only the first
    // reason of an outage. So each outage is repeated until the log gives the expected one.
    loop {
        standby.set_replay(false);
        // A draft is no public change, but it adds to the lag.
        create(json!({"title": "A draft"})).await;
        read_until(&server, &base, "the lagging replica to be unhealthy", UNHEALTHY).await;
        let reason = last_health(&server);
        standby.set_replay(true);
        read_until(&server, &base, "the replica to be healthy after it caught up", HEALTHY).await;
        if reason.contains("its lag is") {
            break;
        }
    }

    let crash = in_background(standby, Cluster::crash);
    let (standby, ()) =
        tokio::join!(crash, read_until(&server, &base, "the crashed replica to be unhealthy", UNHEALTHY));
    let restart = in_background(standby, Cluster::restart);
    let (standby, ()) =
        tokio::join!(restart, read_until(&server, &base, "the restarted replica to be healthy", HEALTHY));

    loop {
        let paused = standby.pause();
        read_until(&server, &base, "the hung replica to be unhealthy", UNHEALTHY).await;
        let reason = last_health(&server);
        drop(paused);
        read_until(&server, &base, "the resumed replica to be healthy", HEALTHY).await;
        if reason.contains(NO_RESPONSE) {
            break;
        }
    }

    // A standby of another cluster.
    let Some(unrelated) = TestDatabase::create(Engine::Postgres) else { return };
    expect_unhealthy(&unrelated, standby.url.as_str(), "it is a standby of another server").await;
}

/// Asserts that the service never uses this replica, and logs the reason.
async fn expect_unhealthy(database: &TestDatabase, replica: &str, reason: &str) {
    let sandbox = sandbox(database, replica);
    for start in 0.. {
        let mut server = sandbox.start(&format!("server-{start}"), &[]);
        let base = server.base_url().await;
        if start == 0 {
            database.import(&[json!({"title": "The first", "published": true})]);
        }
        read_until(&server, &base, "the replica to be unhealthy", UNHEALTHY).await;
        assert!(!server.stderr().contains(HEALTHY), "{}", server.stderr());
        let line = last_health(&server);
        if line.contains(reason) {
            break;
        }
        // On a busy machine the first poll may take longer than its deadline.
        assert!(line.contains(NO_RESPONSE), "{line}");
    }
}

#[tokio::test]
async fn server_that_is_not_a_standby_is_skipped() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    expect_unhealthy(&database, &database.url, "it is not a standby").await;
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    expect_unhealthy(&database, "postgres://user:a-secret@127.0.0.1:9/nowhere", "cannot open").await;
}

#[test]
fn invalid_endpoint_settings_stop_the_start() {
    const SECRET: &str = "s3cret-of-the-tests";
    let postgres = "postgres://user@127.0.0.1:9/db";
    for (database, name, value, expected) in [
        ("sqlite://posts.db", "DATABASE_READ_URL", format!("postgres://u:{SECRET}@h/db"), "PostgreSQL"),
        (postgres, "DATABASE_READ_URL", "sqlite://posts.db".to_owned(), "PostgreSQL"),
        (postgres, "DATABASE_READ_URL", format!("mysql://u:{SECRET}@h/db"), "unknown scheme"),
        (postgres, "DATABASE_READ_URL", format!("postgres://u:{SECRET}@h/db?schema=other"), "schema"),
        ("sqlite://posts.db", "DATABASE_DIRECT_URL", format!("postgres://u:{SECRET}@h/db"), "PostgreSQL"),
        (postgres, "DATABASE_DIRECT_URL", format!("postgres://u:{SECRET}@h:99999/db"), "not a valid URL"),
        (postgres, "MAX_REPLICA_LAG", "0".to_owned(), "seconds"),
        (postgres, "MAX_REPLICA_LAG", "10s".to_owned(), "seconds"),
    ] {
        let sandbox = Sandbox::new([("DATABASE_URL", database), (name, &*value)]);
        let line = sandbox.run(&[]).error_line();
        assert!(line.starts_with(&format!("error: {name}: ")) && line.contains(expected), "{line}");
        assert!(!line.contains(SECRET), "{line}");
        assert_eq!(sandbox.files(), Vec::<String>::new());
    }
}
