//! A streaming replica serves those who read without a key, and nobody sees less for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use posts_api::config::Config;
use posts_api::db::{DatabaseUrl, ReplicaOptions};
use serde_json::{Value, json};

use crate::support::api::ADMIN_KEY;
use crate::support::cluster::Cluster;
use crate::support::pooler::Pooler;
use crate::support::program::{Process, Sandbox};
use crate::support::{Api, Engine, TestDatabase, postgres, wait_until};

/// Every kind of read that a replica may serve.
const READS: [&str; 5] = [
    "/api/posts",
    "/api/posts?q=first&count=exact",
    "/api/posts?view=summary&published_after=2020-01-01T00:00:00Z",
    "/api/posts/1",
    "/api/posts/by-slug/first",
];

/// The promise is 10 s for every request; the rest is for a busy machine.
const DEADLINE: Duration = Duration::from_secs(10 + 3);

/// A primary and a standby that follows it. Both end with this.
struct Pair {
    standby: Cluster,
    database: Arc<TestDatabase>,
    _primary: Cluster,
}

impl Pair {
    /// `None`: PostgreSQL is not installed here.
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

    fn sandbox(&self) -> Sandbox {
        Sandbox::new([
            ("DATABASE_URL", self.database.url.as_str()),
            ("DATABASE_READ_URL", self.standby.url.as_str()),
            ("MAX_REPLICA_LAG", "1"),
            ("CACHE_BYTES", "0"),
            ("PORT", "0"),
            ("ADMIN_API_KEY", ADMIN_KEY),
        ])
    }

    /// Changes a title as nobody can notice: what shows it, has read the primary.
    fn change_unnoticed(&self, id: i64, title: &str) {
        self.database.execute(&format!(
            "DO $$ BEGIN SET LOCAL session_replication_role = replica;
             UPDATE posts SET title = '{title}' WHERE id = {id}; END $$"
        ));
    }
}

fn served(api: &Api) -> u64 {
    api.server.connections.replica_reads().unwrap()
}

/// Waits until the replica serves, and until the search for changes has found all that were made before. It tells how old
/// its knowledge is: past an age the primary is read.
async fn is_served_by_the_replica(api: &Api) {
    const TRUSTED_FOR: Duration = Duration::from_millis(100);
    let (began, number) = (Instant::now(), AtomicU64::new(0));
    wait_until("the replica serves", async || {
        let (is_late, before) = (began.elapsed() > TRUSTED_FOR, served(api));
        // Each time something else, which no cache has.
        api.get(&format!("/api/posts?slug=none-{}", number.fetch_add(1, Ordering::Relaxed))).await.expect(200);
        is_late && served(api) > before
    })
    .await;
}

/// The title of the first post, as each kind of read shows it.
async fn titles(api: &Api) -> Vec<String> {
    let mut titles = Vec::new();
    for path in READS {
        let answer = api.get(path).await.json(200);
        let post =
            answer["items"].as_array().map_or(&answer, |items| items.iter().find(|post| post["id"] == 1).unwrap());
        titles.push(post["title"].as_str().unwrap().to_owned());
    }
    titles
}

fn all(title: &str) -> Vec<String> {
    vec![title.to_owned(); READS.len()]
}

#[tokio::test]
async fn reads_without_a_key_come_from_the_replica_unless_it_lacks_a_change() {
    let Some(pair) = Pair::start() else { return };
    let api = pair.api(|config| config.cache_bytes = 0);
    let kept = pair.api(|_| ());
    let post = json!({"title": "The first", "slug": "first", "content": "first", "published": true});
    api.create(post).await;
    for api in [&api, &kept] {
        is_served_by_the_replica(api).await;
    }
    pair.standby.set_replay(false);

    // What the primary has and the replica has not is shown to those with a key only.
    pair.change_unnoticed(1, "The first, unnoticed");
    let before = served(&api);
    assert_eq!(titles(&api).await, all("The first"));
    assert_eq!(served(&api), before + READS.len() as u64);
    assert_eq!(titles(&api.reader()).await, all("The first, unnoticed"));
    assert_eq!(served(&api), before + READS.len() as u64);
    // What is no longer or not yet public changes nothing for those without one.
    api.create(json!({"title": "A draft"})).await;
    assert_eq!(titles(&api).await, all("The first"));

    // A write of this instance shows at once, in everything that is read.
    let before = served(&api);
    for title in ["The first, changed", "The first, changed again"] {
        api.editor().patch("/api/posts/1", &json!({"title": title})).await.expect(200);
        assert_eq!(titles(&api).await, all(title));
    }
    assert_eq!(served(&api), before);
    // One of another instance shows soon, and stays: what is kept was not read from the replica.
    let before = served(&kept);
    wait_until("it shows", async || titles(&kept).await == all("The first, changed again")).await;
    wait_until("it is kept", async || {
        let read = kept.server.cache.reads();
        assert_eq!(titles(&kept).await, all("The first, changed again"));
        kept.server.cache.reads() - read < READS.len() as u64
    })
    .await;
    kept.editor().patch("/api/posts/1", &json!({"title": "The first at last"})).await.expect(200);
    assert_eq!(titles(&kept).await, all("The first at last"));
    let after = served(&kept);
    assert!(after <= before + READS.len() as u64, "it was asked before the change was noticed, if at all");
    // Nor by another program.
    pair.database.execute("UPDATE posts SET title = 'The first by hand' WHERE id = 1");
    for api in [&api, &kept] {
        wait_until("it shows", async || titles(api).await == all("The first by hand")).await;
    }

    pair.standby.set_replay(true);
    for api in [&api, &kept] {
        is_served_by_the_replica(api).await;
        assert_eq!(titles(api).await, all("The first by hand"));
    }
}

#[tokio::test]
async fn behind_a_pooler_a_replica_is_asked_in_the_transaction_that_reads() {
    let Some(pair) = Pair::start() else { return };
    let Some(pooler) = Pooler::start(pair.standby.url.as_str(), 2) else { return };
    let api = pair.api(|config| {
        config.cache_bytes = 0;
        config.endpoints.replica.as_mut().unwrap().url = DatabaseUrl::parse(&pooler.url).unwrap().0;
    });
    api.create(json!({"title": "The first", "slug": "first", "content": "first", "published": true})).await;
    is_served_by_the_replica(&api).await;
    pair.standby.set_replay(false);
    pair.change_unnoticed(1, "The first, unnoticed");
    for _ in 0..5 {
        let seen = join_all((0..4).map(|_| titles(&api))).await;
        assert!(seen.into_iter().all(|titles| titles == all("The first")));
    }
    api.editor().patch("/api/posts/1", &json!({"title": "The first, changed"})).await.expect(200);
    for _ in 0..5 {
        let seen = join_all((0..4).map(|_| titles(&api))).await;
        assert!(seen.into_iter().all(|titles| titles == all("The first, changed")));
    }
}

#[tokio::test]
async fn no_reader_is_shown_less_than_what_was_answered_while_a_replica_falls_behind_and_catches_up() {
    const POSTS: usize = 3;
    let Some(pair) = Pair::start() else { return };
    let apis = [pair.api(|config| config.cache_bytes = 0), pair.api(|_| ())];
    for number in 0..POSTS * apis.len() {
        apis[0].create(json!({"title": format!("Post {number}"), "published": true})).await;
    }
    for api in &apis {
        is_served_by_the_replica(api).await;
        wait_until("all posts show", async || {
            api.get("/api/posts").await.json(200)["items"].as_array().unwrap().len() == POSTS * apis.len()
        })
        .await;
    }
    let standby = Arc::new(pair.standby);
    let is_done = AtomicBool::new(false);
    // Each instance promises it for its own writes, so each changes posts of its own.
    let work = async |index: usize, api: &Api| {
        let answered: Vec<AtomicI64> = (0..POSTS).map(|_| AtomicI64::new(1)).collect();
        let first = index * POSTS + 1;
        let write = async || {
            let editor = api.editor();
            let mut number = 0;
            while !is_done.load(Ordering::SeqCst) {
                let path = format!("/api/posts/{}", first + number % POSTS);
                let post = editor.patch(&path, &json!({"title": format!("Change {number}")})).await.json(200);
                answered[number % POSTS].store(post["version"].as_i64().unwrap(), Ordering::SeqCst);
                number += 1;
                // The replica gets time to catch up between some of them.
                tokio::time::sleep(Duration::from_millis(if number % 20 < 10 { 30 } else { 0 })).await;
            }
        };
        let read = async || {
            while !is_done.load(Ordering::SeqCst) {
                let expected: Vec<i64> = answered.iter().map(|version| version.load(Ordering::SeqCst)).collect();
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
    let begun = apis.each_ref().map(served);
    let fall_behind = async {
        for _ in 0..5 {
            for goes_on in [false, true] {
                let standby = Arc::clone(&standby);
                tokio::task::spawn_blocking(move || standby.set_replay(goes_on)).await.unwrap();
                let reads = apis.each_ref().map(|api| (api.server.cache.reads(), served(api)));
                wait_until("the instances to read", async || {
                    apis.iter().zip(reads).all(|(api, (read, by_replica))| {
                        api.server.cache.reads() > read + 20 && (!goes_on || served(api) > by_replica)
                    })
                })
                .await;
            }
        }
        is_done.store(true, Ordering::SeqCst);
    };
    tokio::join!(work(0, &apis[0]), work(1, &apis[1]), fall_behind);
    for (api, begun) in apis.iter().zip(begun) {
        assert!(served(api) > begun, "the replica served nothing");
        assert!(api.server.cache.reads() > served(api), "the primary served nothing");
    }
}

/// How often the log has a line with this.
fn told(server: &Process, what: &str) -> usize {
    server.stderr().lines().filter(|line| line.contains(what)).count()
}

const IN: &str = "the replica is healthy";
const OUT: &str = "the replica is unhealthy";

/// Reads until `is_so`; every read is answered in time, and each has what was written before.
async fn read_until(base: &str, what: &str, is_so: impl Fn() -> bool) {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
    let is_done = AtomicBool::new(false);
    let get = async |path: &str| {
        let began = Instant::now();
        let answer = client.get(format!("{base}{path}")).send().await.unwrap();
        assert!(began.elapsed() < DEADLINE, "{what}: {path} took {:?}", began.elapsed());
        assert_eq!(answer.status(), 200, "{what}: {path}");
        answer.json::<Value>().await.unwrap()
    };
    let read = async || {
        while !is_done.load(Ordering::Relaxed) {
            assert_eq!(get("/api/posts/1").await["title"], "The first", "{what}");
            get("/api/posts").await;
            // Where only the replica is away, the instance is of use.
            get("/health/ready").await;
        }
    };
    let wait = async {
        wait_until(what, async || is_so()).await;
        is_done.store(true, Ordering::Relaxed);
    };
    tokio::join!(join_all((0..4).map(|_| read())), wait);
}

#[tokio::test]
async fn a_replica_that_is_behind_down_or_hangs_is_left_out_and_taken_back() {
    let Some(mut pair) = Pair::start() else { return };
    let place = pair.sandbox();
    let mut server = place.start("server", &[]);
    let base = server.base_url().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let create = async |post: Value| {
        let created = client.post(format!("{base}/api/posts")).bearer_auth(ADMIN_KEY).json(&post).send().await.unwrap();
        assert_eq!(created.status(), 201);
    };
    create(json!({"title": "The first", "published": true})).await;
    read_until(&base, "the replica to be taken in", || told(&server, IN) == 1).await;
    assert_eq!(told(&server, OUT), 0, "{}", server.stderr());

    pair.standby.set_replay(false);
    // Not even a public change: it is far behind all the same.
    create(json!({"title": "A draft"})).await;
    read_until(&base, "the replica to be left out as it is behind", || told(&server, OUT) == 1).await;
    assert_eq!(told(&server, "its lag is"), 1, "{}", server.stderr());
    pair.standby.set_replay(true);
    read_until(&base, "the replica to be taken back when it has caught up", || told(&server, IN) == 2).await;

    let crash = async {
        pair.standby = tokio::task::spawn_blocking(move || {
            pair.standby.crash();
            pair.standby
        })
        .await
        .unwrap();
        pair
    };
    let (mut pair, ()) =
        tokio::join!(crash, read_until(&base, "the replica to be left out as it is down", || told(&server, OUT) == 2));
    let start = async {
        pair.standby = tokio::task::spawn_blocking(move || {
            pair.standby.restart();
            pair.standby
        })
        .await
        .unwrap();
        pair
    };
    let (pair, ()) =
        tokio::join!(start, read_until(&base, "the replica to be taken back when it is up", || told(&server, IN) == 3));

    let paused = pair.standby.pause();
    read_until(&base, "the replica to be left out as it hangs", || told(&server, OUT) == 3).await;
    assert_eq!(told(&server, "it does not respond"), 1, "{}", server.stderr());
    drop(paused);
    read_until(&base, "the replica to be taken back when it answers", || told(&server, IN) == 4).await;
    // Nobody was told anything else.
    assert_eq!(told(&server, OUT), 3, "{}", server.stderr());

    // A server that follows another one, beside the database of another cluster.
    let Some(elsewhere) = TestDatabase::create(Engine::Postgres) else { return };
    is_left_out(&elsewhere, pair.standby.url.as_str(), "it is a standby of another server").await;
}

async fn is_left_out(database: &TestDatabase, replica: &str, reason: &str) {
    let place = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("DATABASE_READ_URL", replica),
        ("CACHE_BYTES", "0"),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
    ]);
    let mut server = place.start("server", &[]);
    let base = server.base_url().await;
    database.import(&[json!({"title": "The first", "published": true})]);
    read_until(&base, "the replica to be left out", || told(&server, OUT) == 1).await;
    assert_eq!(told(&server, reason), 1, "{}", server.stderr());
    assert_eq!(told(&server, IN), 0);
}

#[tokio::test]
async fn a_server_that_is_no_replica_of_the_primary_is_not_read_from() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    is_left_out(&database, &database.url, "it is not a standby").await;
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    is_left_out(&database, "postgres://user:a-secret@127.0.0.1:9/nowhere", "cannot open").await;
}

#[test]
fn what_cannot_be_a_replica_stops_the_start() {
    const SECRET: &str = "s3cret-of-the-tests";
    let postgres = "postgres://user@127.0.0.1:9/db";
    for (database, name, value, says) in [
        ("sqlite://posts.db", "DATABASE_READ_URL", format!("postgres://u:{SECRET}@h/db"), "PostgreSQL"),
        (postgres, "DATABASE_READ_URL", "sqlite://posts.db".to_owned(), "PostgreSQL"),
        (postgres, "DATABASE_READ_URL", format!("mysql://u:{SECRET}@h/db"), "unknown scheme"),
        (postgres, "DATABASE_READ_URL", format!("postgres://u:{SECRET}@h/db?schema=other"), "schema"),
        ("sqlite://posts.db", "DATABASE_DIRECT_URL", format!("postgres://u:{SECRET}@h/db"), "PostgreSQL"),
        (postgres, "DATABASE_DIRECT_URL", format!("postgres://u:{SECRET}@h:99999/db"), "not a valid URL"),
        (postgres, "MAX_REPLICA_LAG", "0".to_owned(), "seconds"),
        (postgres, "MAX_REPLICA_LAG", "10s".to_owned(), "seconds"),
    ] {
        let place = Sandbox::new([("DATABASE_URL", database), (name, &*value)]);
        let line = place.run(&[]).error_line();
        assert!(line.starts_with(&format!("error: {name}: ")) && line.contains(says), "{line}");
        assert!(!line.contains(SECRET), "{line}");
        assert_eq!(place.files(), Vec::<String>::new());
    }
}
