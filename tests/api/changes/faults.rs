//! Instances are killed, PostgreSQL crashes, and the disk is full: no committed change is skipped, and none is
//! invented.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Follower, rows};
use crate::support::api::ADMIN_KEY;
use crate::support::cluster::Cluster;
use crate::support::database::{execute, query_number, try_execute};
use crate::support::journal::Journal;
use crate::support::program::{Process, Sandbox};
use crate::support::{
    Api, Engine, Fixture, TestDatabase, fault_rounds, http_client, on_both, report_figures, wait_until,
};

fn random(below: u64) -> u64 {
    getrandom::u64().unwrap() % below
}

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("RATE_LIMIT", "off"),
    ])
}

fn client() -> reqwest::Client {
    http_client().timeout(Duration::from_secs(30)).build().unwrap()
}

/// Reads a page from any of the instances, which may be down. Returns whether there are more, or `None`.
async fn read_from(follower: &mut Follower, client: &reqwest::Client, base: &str) -> Option<bool> {
    let response = client.get(format!("{base}{}", follower.path(100))).send().await.ok()?;
    let (status, page) = (response.status().as_u16(), response.json::<Value>().await.ok()?);
    match status {
        200 => Some(follower.apply(&page)),
        503 => None,
        _ => panic!("{status}: {page}"),
    }
}

/// Asserts that every row of the log was delivered exactly once and in order. Each post has one row.
fn assert_complete(follower: &Follower, database: &TestDatabase) {
    let delivered: Vec<i64> = follower.items.iter().map(|item| item["id"].as_i64().unwrap()).collect();
    let logged: Vec<i64> = rows(database).into_iter().map(|row| row.post_id).collect();
    assert_eq!(delivered, logged);
}

/// Inserts a post in a transaction that stays open for up to two seconds, and is sometimes rolled back.
fn hold(conn: &mut posts_api::db::Connection, engine: Engine, slug: &str) {
    execute(conn, if engine == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" });
    execute(conn, &format!("INSERT INTO posts (slug, title, published) VALUES ('{slug}', 'Held', TRUE)"));
    // On SQLite, no other writer can proceed meanwhile.
    let milliseconds = if engine == Engine::Sqlite { random(20) } else { random(2000) };
    std::thread::park_timeout(Duration::from_millis(milliseconds));
    execute(conn, if random(4) == 0 { "ROLLBACK" } else { "COMMIT" });
    if engine == Engine::Sqlite {
        // The other writers poll for the lock.
        std::thread::park_timeout(Duration::from_millis(random(20)));
    }
}

#[on_both]
async fn killed_instances_skip_and_repeat_nothing(database: TestDatabase) {
    let database = Arc::new(database);
    database.migrate();
    let engine = database.engine;
    let instances = if engine == Engine::Postgres { 3 } else { 1 };
    let sandbox = sandbox(&database);
    let client = client();
    let start = async |name: String| {
        let mut server = sandbox.start(&name, &[]);
        let base = server.base_url().await;
        (server, base)
    };
    let mut servers: Vec<(Process, String)> = join_all((0..instances).map(|n| start(format!("first-{n}")))).await;
    let bases = std::sync::Mutex::new(servers.iter().map(|(_, base)| base.clone()).collect::<Vec<_>>());
    let any_base = || {
        let bases = bases.lock().unwrap();
        bases[usize::try_from(random(bases.len() as u64)).unwrap()].clone()
    };
    let mut follower = Follower { cursor: Some("now".to_owned()), ..Follower::default() };
    let base = any_base();
    wait_until("the feed to be ready", async || read_from(&mut follower, &client, &base).await.is_some()).await;
    let (is_done, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let write = async |writer: usize| {
        let mut number = 0;
        while !is_done.load(Ordering::Relaxed) {
            number += 1;
            let post = json!({"title": "A", "slug": format!("api-{writer}-{number}"), "published": true});
            let request = client.post(format!("{}/api/posts", any_base())).bearer_auth(ADMIN_KEY).json(&post);
            if request.send().await.is_ok_and(|response| response.status() == 201) {
                written.fetch_add(1, Ordering::Relaxed);
            } else {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    let is_holding = Arc::new(AtomicBool::new(true));
    let holders: Vec<_> = (0..if engine == Engine::Postgres { 4 } else { 1 })
        .map(|holder| {
            let (database, is_holding) = (Arc::clone(&database), Arc::clone(&is_holding));
            tokio::task::spawn_blocking(move || {
                let mut conn = database.connect();
                for number in 0.. {
                    if !is_holding.load(Ordering::Relaxed) {
                        break;
                    }
                    hold(&mut conn, engine, &format!("held-{holder}-{number}"));
                }
            })
        })
        .collect();
    let kill = async {
        for round in 0..fault_rounds() {
            let minimum = written.load(Ordering::Relaxed) + 20;
            wait_until("posts to be written", async || written.load(Ordering::Relaxed) > minimum).await;
            tokio::time::sleep(Duration::from_millis(random(1000))).await;
            let (mut server, base) = servers.remove(0);
            server.kill();
            let (server, new_base) = start(format!("round-{round}")).await;
            bases.lock().unwrap().retain(|other| *other != base);
            bases.lock().unwrap().push(new_base.clone());
            servers.push((server, new_base));
        }
        is_holding.store(false, Ordering::Relaxed);
        is_done.store(true, Ordering::Relaxed);
    };
    let follow = async {
        while !is_done.load(Ordering::Relaxed) {
            read_from(&mut follower, &client, &any_base()).await;
        }
    };
    tokio::join!(join_all((0..4).map(&write)), kill, follow);
    for holder in holders {
        holder.await.unwrap();
    }
    let count = rows(&database).len();
    let base = any_base();
    wait_until("the follower to catch up", async || {
        read_from(&mut follower, &client, &base).await;
        follower.items.len() >= count
    })
    .await;
    assert_complete(&follower, &database);
    report_figures(&format!("{count} changes on {engine:?}, {} kills", fault_rounds()));
}

/// The version of a public post.
#[derive(diesel::QueryableByName)]
struct Public {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    id: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    version: i64,
}

/// After a crash, the sequence of PostgreSQL continues up to 32 values later, and all transactions that ran have ended.
#[tokio::test]
async fn a_crash_of_postgresql_skips_nothing() {
    let Some(mut cluster) = Cluster::durable() else { return };
    let database = TestDatabase::of(&cluster);
    database.migrate();
    let (sandbox, client, journal) = (sandbox(&database), client(), Journal::new());
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let is_done = AtomicBool::new(false);
    let write = async || {
        while !is_done.load(Ordering::Relaxed) {
            if !journal.write(&base).await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    let mut follower = Follower::default();
    let follow = async {
        while !is_done.load(Ordering::Relaxed) {
            read_from(&mut follower, &client, &base).await;
        }
    };
    let crash = async {
        for _ in 0..fault_rounds().min(5) {
            let minimum = journal.acknowledged() + 100;
            wait_until("writes to be acknowledged", async || journal.acknowledged() > minimum).await;
            cluster = tokio::task::spawn_blocking(move || {
                cluster.crash();
                cluster.restart();
                cluster
            })
            .await
            .unwrap();
        }
        let minimum = journal.acknowledged() + 100;
        wait_until("writes to be acknowledged", async || journal.acknowledged() > minimum).await;
        is_done.store(true, Ordering::Relaxed);
        cluster
    };
    let (_, _cluster, ()) = tokio::join!(join_all((0..8).map(|_| write())), crash, follow);
    let stored: BTreeMap<i64, i64> = database
        .rows::<Public>("SELECT id, version FROM posts WHERE published")
        .into_iter()
        .map(|post| (post.id, post.version))
        .collect();
    let copy = |follower: &Follower| -> BTreeMap<i64, i64> {
        follower.posts.iter().map(|(id, post)| (*id, post["version"].as_i64().unwrap())).collect()
    };
    wait_until("the follower to catch up", async || {
        read_from(&mut follower, &client, &base).await;
        copy(&follower).len() >= stored.len() && copy(&follower) == stored
    })
    .await;
    server.kill();
}

/// The post and its row are stored together, or neither.
#[tokio::test]
async fn a_full_disk_on_sqlite_stores_neither_post_nor_row() {
    let Some(disk) = crate::faults::full_disk::SmallDisk::mount(4) else { return };
    let database = TestDatabase::at(&disk.database());
    database.migrate();
    let mut conn = database.connect();
    let content = "x".repeat(20_000);
    let insert = |number: i64| {
        format!("INSERT INTO posts (slug, title, content, published) VALUES ('a-{number}', 'A', '{content}', TRUE)")
    };
    let refused = (0..10_000).find(|number| try_execute(&mut conn, &insert(*number)).is_err());
    assert!(refused.is_some(), "the disk is full");
    let difference = "SELECT count(*) - (SELECT count(*) FROM post_changes WHERE kind = 1) AS number FROM posts";
    assert_eq!(query_number(&mut conn, difference), 0);
}

/// The log cannot be written.
#[tokio::test]
async fn a_full_disk_on_postgresql_stores_neither_post_nor_row() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let database = &api.server.database;
    database.execute(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE 'could not extend file \"base/16384/16385\": No space left on device' USING ERRCODE = 'disk_full'; \
         END $$",
    );
    database.execute("CREATE TRIGGER no_room BEFORE INSERT ON post_changes EXECUTE FUNCTION no_room()");
    let post = json!({"title": "No room", "published": true});
    api.editor().post("/api/posts", &post).await.problem(507, "storage_full");
    api.editor().post("/api/posts/batch", &json!({"posts": [post]})).await.problem(507, "storage_full");
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts"), 0);
    assert_eq!(rows(database).len(), 0);
    // A draft needs no room in the log.
    api.create(json!({"title": "Draft"})).await;
    database.execute("DROP TRIGGER no_room ON post_changes");
    api.create(post).await;
    assert_eq!(rows(database).len(), 1);
}
