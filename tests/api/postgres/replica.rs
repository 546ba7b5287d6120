//! A streaming replica serves public reads, and no response is older for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel::{RunQueryDsl, sql_query};
use futures_util::future::join_all;
use posts_api::config::Config;
use posts_api::db::{Backend, DatabaseUrl, ReplicaOptions};
use serde_json::json;

use crate::support::cluster::Cluster;
use crate::support::pooler::Pooler;
use crate::support::{Api, TestDatabase, postgres, wait_for, wait_until};

/// Every kind of read that a replica may serve.
const READS: [&str; 5] = [
    "/api/posts",
    "/api/posts?q=first&count=exact",
    "/api/posts?view=summary&published_after=2020-01-01T00:00:00Z",
    "/api/posts/1",
    "/api/posts/by-slug/first",
];

/// How long an instance may be unaware of a change that another instance has committed.
const TRUSTED_FOR: Duration = Duration::from_millis(100);

/// A primary and its standby. Both stop when this is dropped.
struct Pair {
    standby: Cluster,
    database: Arc<TestDatabase>,
    _primary: Cluster,
}

impl Pair {
    /// Returns `None` if PostgreSQL is not installed.
    fn start() -> Option<Self> {
        let primary = Cluster::durable()?;
        let standby = primary.standby();
        Some(Self { standby, database: Arc::new(TestDatabase::of(&primary)), _primary: primary })
    }

    /// A service that reads from the standby.
    fn api(&self, change: impl FnOnce(&mut Config)) -> Api {
        Api::start(&self.database, |config| {
            let url = postgres::parse(&self.standby.url);
            config.endpoints.replica = Some(ReplicaOptions { url, max_lag: Duration::from_mins(10) });
            change(config);
        })
    }

    /// Changes a title without the trigger that reports changes, so that no instance notices. A response with this
    /// title comes from the primary.
    fn change_unnoticed(&self, id: i64, title: &str) {
        self.database.execute(&format!(
            "DO $$ BEGIN ALTER TABLE posts DISABLE TRIGGER posts_log_update;
             UPDATE posts SET title = '{title}' WHERE id = {id};
             ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_log_update; END $$"
        ));
    }
}

fn replica_reads(api: &Api) -> u64 {
    api.server.connections.replica_reads().unwrap()
}

/// Waits until the replica serves reads, and until the change poller has noticed every change made before this call:
/// the replica serves only while the last poll is younger than [`TRUSTED_FOR`].
async fn wait_for_replica(api: &Api) {
    let (start, number) = (Instant::now(), AtomicU64::new(0));
    wait_until("the replica to serve reads", async || {
        let (is_settled, before) = (start.elapsed() > TRUSTED_FOR, replica_reads(api));
        // Each request differs from the one before, so that no cache serves it.
        api.get(&format!("/api/posts?slug=none-{}", number.fetch_add(1, Ordering::Relaxed))).await.expect(200);
        is_settled && replica_reads(api) > before
    })
    .await;
}

/// The title of the first post in each of [`READS`], in their order.
async fn titles(api: &Api) -> Vec<String> {
    let mut titles = Vec::new();
    for path in READS {
        let body = api.get(path).await.json(200);
        let post = body["items"].as_array().map_or(&body, |items| items.iter().find(|post| post["id"] == 1).unwrap());
        titles.push(post["title"].as_str().unwrap().to_owned());
    }
    titles
}

/// The titles that `clients` concurrent clients receive from the replica alone. On a busy machine the replica or the
/// revision may be out of date for a moment, and then the primary serves: such an attempt is repeated.
async fn replica_titles(api: &Api, clients: usize) -> BTreeSet<String> {
    let reads = (clients * READS.len()) as u64;
    wait_for("the replica to serve every read", async || {
        let before = replica_reads(api);
        let titles = join_all((0..clients).map(|_| titles(api))).await;
        (replica_reads(api) == before + reads).then(|| titles.into_iter().flatten().collect())
    })
    .await
}

fn only(title: &str) -> BTreeSet<String> {
    BTreeSet::from([title.to_owned()])
}

fn all(title: &str) -> Vec<String> {
    vec![title.to_owned(); READS.len()]
}

#[tokio::test]
async fn public_reads_use_the_replica_unless_it_is_stale() {
    let Some(pair) = Pair::start() else { return };
    let uncached = pair.api(|config| config.cache_bytes = 0);
    let cached = pair.api(|_| ());
    let post = json!({"title": "The first", "slug": "first", "content": "first", "published": true});
    uncached.create(post).await;
    for api in [&uncached, &cached] {
        wait_for_replica(api).await;
    }
    pair.standby.set_replay(false);

    // Only reads with a key show what the replica has not replayed.
    pair.change_unnoticed(1, "The first, unnoticed");
    assert_eq!(replica_titles(&uncached, 1).await, only("The first"));
    let before = replica_reads(&uncached);
    assert_eq!(titles(&uncached.reader()).await, all("The first, unnoticed"));
    assert_eq!(replica_reads(&uncached), before);
    // A draft is no public change, so the replica keeps serving.
    uncached.create(json!({"title": "A draft"})).await;
    assert_eq!(replica_titles(&uncached, 1).await, only("The first"));

    // After a write of this instance, every read comes from the primary.
    let before = replica_reads(&uncached);
    for title in ["The first, changed", "The first, changed again"] {
        uncached.editor().patch("/api/posts/1", &json!({"title": title})).await.expect(200);
        assert_eq!(titles(&uncached).await, all(title));
    }
    assert_eq!(replica_reads(&uncached), before);
    // Another instance notices it in time. From then on it neither reads from the replica nor caches stale responses.
    tokio::time::sleep(TRUSTED_FOR).await;
    let before = replica_reads(&cached);
    assert_eq!(titles(&cached).await, all("The first, changed again"));
    wait_until("the cache to serve", async || {
        let reads = cached.server.cache.reads();
        assert_eq!(titles(&cached).await, all("The first, changed again"));
        cached.server.cache.reads() - reads < READS.len() as u64
    })
    .await;
    cached.editor().patch("/api/posts/1", &json!({"title": "The first at last"})).await.expect(200);
    assert_eq!(titles(&cached).await, all("The first at last"));
    assert_eq!(replica_reads(&cached), before);
    // The same holds for a change by an external writer.
    pair.database.execute("UPDATE posts SET title = 'The first by hand' WHERE id = 1");
    for api in [&uncached, &cached] {
        wait_until("the change to show", async || titles(api).await == all("The first by hand")).await;
    }

    pair.standby.set_replay(true);
    for api in [&uncached, &cached] {
        wait_for_replica(api).await;
        assert_eq!(titles(api).await, all("The first by hand"));
    }
}

#[tokio::test]
async fn pooled_replica_is_checked_in_the_reading_transaction() {
    let Some(pair) = Pair::start() else { return };
    let Some(pooler) = Pooler::start(pair.standby.url.as_str(), 2) else { return };
    let api = pair.api(|config| {
        config.cache_bytes = 0;
        config.endpoints.replica.as_mut().unwrap().url = DatabaseUrl::parse(&pooler.url).unwrap().0;
    });
    api.create(json!({"title": "The first", "slug": "first", "content": "first", "published": true})).await;
    wait_for_replica(&api).await;
    pair.standby.set_replay(false);
    pair.change_unnoticed(1, "The first, unnoticed");
    for _ in 0..5 {
        assert_eq!(replica_titles(&api, 4).await, only("The first"));
    }
    api.editor().patch("/api/posts/1", &json!({"title": "The first, changed"})).await.expect(200);
    for _ in 0..5 {
        let titles = join_all((0..4).map(|_| titles(&api))).await;
        assert!(titles.iter().all(|titles| *titles == all("The first, changed")), "{titles:?}");
    }
}

#[tokio::test]
async fn reads_never_go_back_while_the_replica_lags() {
    const POSTS: usize = 3;
    let Some(pair) = Pair::start() else { return };
    let apis = [pair.api(|config| config.cache_bytes = 0), pair.api(|_| ())];
    for number in 0..POSTS * apis.len() {
        apis[0].create(json!({"title": format!("Post {number}"), "published": true})).await;
    }
    for api in &apis {
        wait_for_replica(api).await;
        wait_until("all posts to show", async || {
            api.get("/api/posts").await.json(200)["items"].as_array().unwrap().len() == POSTS * apis.len()
        })
        .await;
    }
    let standby = Arc::new(pair.standby);
    let is_done = AtomicBool::new(false);
    // Reads are current only for writes of the same instance, so each instance changes its own posts.
    let work = async |index: usize, api: &Api| {
        let acknowledged: Vec<AtomicI64> = (0..POSTS).map(|_| AtomicI64::new(1)).collect();
        let first = index * POSTS + 1;
        let write = async || {
            let editor = api.editor();
            let mut number = 0;
            while !is_done.load(Ordering::SeqCst) {
                let path = format!("/api/posts/{}", first + number % POSTS);
                let post = editor.patch(&path, &json!({"title": format!("Change {number}")})).await.json(200);
                acknowledged[number % POSTS].store(post["version"].as_i64().unwrap(), Ordering::SeqCst);
                number += 1;
                // Pauses between some of the writes, so that the replica can catch up.
                tokio::time::sleep(Duration::from_millis(if number % 20 < 10 { 30 } else { 0 })).await;
            }
        };
        let read = async || {
            while !is_done.load(Ordering::SeqCst) {
                let expected: Vec<i64> = acknowledged.iter().map(|version| version.load(Ordering::SeqCst)).collect();
                let page = api.get("/api/posts").await.json(200);
                for post in page["items"].as_array().unwrap() {
                    let id = usize::try_from(post["id"].as_i64().unwrap()).unwrap();
                    if (first..first + POSTS).contains(&id) {
                        assert!(post["version"].as_i64().unwrap() >= expected[id - first], "the list is stale");
                    }
                }
                let post = api.get(&format!("/api/posts/{first}")).await.json(200);
                assert!(post["version"].as_i64().unwrap() >= expected[0], "a post is stale");
            }
        };
        tokio::join!(write(), join_all((0..3).map(|_| read())));
    };
    let initial = apis.each_ref().map(replica_reads);
    let lag_and_catch_up = async {
        for _ in 0..5 {
            for resume in [false, true] {
                let standby = Arc::clone(&standby);
                tokio::task::spawn_blocking(move || standby.set_replay(resume)).await.unwrap();
                let counts = apis.each_ref().map(|api| (api.server.cache.reads(), replica_reads(api)));
                wait_until("the instances to read", async || {
                    apis.iter().zip(counts).all(|(api, (reads, by_replica))| {
                        api.server.cache.reads() > reads + 20 && (!resume || replica_reads(api) > by_replica)
                    })
                })
                .await;
            }
        }
        is_done.store(true, Ordering::SeqCst);
    };
    tokio::join!(work(0, &apis[0]), work(1, &apis[1]), lag_and_catch_up);
    for (api, initial) in apis.iter().zip(initial) {
        assert!(replica_reads(api) > initial, "the replica served nothing");
        assert!(api.server.cache.reads() > replica_reads(api), "the primary served nothing");
    }
}

/// Any error of a standby that the primary may not have, whatever its language: a recovery conflict, a canceled
/// statement, a lack of memory, a schema that is older, a shutdown.
#[tokio::test]
async fn reads_that_the_replica_fails_are_repeated_on_the_primary() {
    let Some(pair) = Pair::start() else { return };
    let api = pair.api(|_| {});
    for sqlstate in ["40001", "40P01", "57014", "53200", "42P01", "57P01"] {
        wait_for_replica(&api).await;
        let failed = Arc::new(AtomicBool::new(false));
        let is_failed = Arc::clone(&failed);
        let read = api.server.connections.read_public(true, move |conn| {
            let Backend::Postgres(conn) = &mut conn.backend else { panic!("expected PostgreSQL") };
            if diesel::select(sql::<Bool>("pg_is_in_recovery()")).get_result(conn)? {
                is_failed.store(true, Ordering::Relaxed);
                let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'Abbruch' USING ERRCODE = '{sqlstate}'; END $$");
                sql_query(raise).execute(conn)?;
            }
            Ok("from the primary")
        });
        assert_eq!(read.await.unwrap(), "from the primary", "{sqlstate}");
        assert!(failed.load(Ordering::Relaxed), "{sqlstate}: the replica was not asked");
    }
}
