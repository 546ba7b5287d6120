//! Three instances share one PostgreSQL database, and no state is local to one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::api::ADMIN_KEY;
use crate::support::balancer::Balancer;
use crate::support::journal::Journal;
use crate::support::program::{Process, Sandbox};
use crate::support::{Api, Engine, TestDatabase, fault_rounds, report_figures, wait_until};

/// The maximum age of a response after another instance has written.
const TRUSTED_FOR: Duration = Duration::from_millis(100);

fn start_three() -> Option<(Arc<TestDatabase>, [Api; 3])> {
    let database = Arc::new(TestDatabase::create(Engine::Postgres)?);
    let apis = [(); 3].map(|()| Api::start(&database, |_| ()));
    Some((database, apis))
}

#[tokio::test]
async fn writes_show_at_once_here_and_within_100_ms_elsewhere() {
    const ROUNDS: usize = 30;
    const PATHS: [&str; 3] = ["/api/posts", "/api/posts/1", "/api/posts/by-slug/shared"];
    let Some((_database, apis)) = start_three() else { return };
    apis[0].create(json!({"title": "Shared", "slug": "shared", "published": true})).await;
    let title = async |api: &Api, path: &str| {
        let body = api.get(path).await.json(200);
        let post = body["items"].as_array().map_or(&body, |items| &items[0]);
        post["title"].as_str().unwrap().to_owned()
    };
    for api in &apis {
        // Only cached responses can be stale.
        wait_until("the cache to serve", async || {
            let before = api.server.cache.reads();
            for path in PATHS.iter().chain(&PATHS) {
                api.get(path).await;
            }
            api.server.cache.reads() == before
        })
        .await;
    }
    let mut stale = 0;
    for round in 0..ROUNDS {
        let expected = format!("Round {round}");
        let (writer, path) = (&apis[round % 3], PATHS[round / 3 % 3]);
        writer.editor().patch("/api/posts/1", &json!({"title": expected})).await.expect(200);
        let acknowledged = Instant::now();
        for path in PATHS {
            assert_eq!(title(writer, path).await, expected, "{path} on the instance that wrote");
        }
        let readers = (1..3).map(|offset| &apis[(round + offset) % 3]);
        let stale_counts = join_all(readers.map(|reader| async {
            let mut stale = 0;
            loop {
                let requested = Instant::now();
                if title(reader, path).await == expected {
                    return stale;
                }
                // A slow response is allowed. A response that was stale when the client requested it is not.
                let age = requested.duration_since(acknowledged);
                assert!(age <= TRUSTED_FOR, "{path} was stale {age:?} after the write");
                stale += 1;
                tokio::task::yield_now().await;
            }
        }))
        .await;
        stale += stale_counts.iter().sum::<usize>();
    }
    report_figures(&format!("{ROUNDS} writes shown by two other instances after {stale} stale responses"));
}

/// Clients of one instance read one URL while another instance changes it. A response that a client requests after any
/// client has received a version contains at least this version. Across URLs and instances, this does not hold.
#[tokio::test]
async fn one_instance_never_goes_back_to_an_older_version() {
    const WRITES: i64 = 100;
    let Some(database) = TestDatabase::create(Engine::Postgres).map(Arc::new) else { return };
    let [reader, writer] = [(); 2].map(|()| Api::start(&database, |_| ()));
    writer.create(json!({"title": "Shared", "slug": "shared", "published": true})).await;
    for path in ["/api/posts", "/api/posts/1", "/api/posts/by-slug/shared"] {
        let (newest, is_done) = (AtomicI64::new(0), AtomicBool::new(false));
        let read = async || {
            while !is_done.load(Ordering::Relaxed) {
                let minimum = newest.load(Ordering::SeqCst);
                let body = reader.get(path).await.json(200);
                let post = body["items"].as_array().map_or(&body, |items| &items[0]);
                let version = post["version"].as_i64().unwrap();
                assert!(version >= minimum, "{path}: version {version} after {minimum}");
                newest.fetch_max(version, Ordering::SeqCst);
            }
        };
        let write = async {
            for number in 0..WRITES {
                let patch = json!({"title": format!("{path} {number}")});
                let version = writer.admin().patch("/api/posts/1", &patch).await.json(200)["version"].as_i64().unwrap();
                // Every other change is followed by the next one before all readers have seen it.
                if number % 2 == 0 {
                    wait_until("the change to show", async || newest.load(Ordering::SeqCst) >= version).await;
                }
            }
            is_done.store(true, Ordering::Relaxed);
        };
        tokio::join!(join_all((0..8).map(|_| read())), write);
    }
}

#[tokio::test]
async fn keys_idempotency_and_schedule_are_shared() {
    const SCHEDULED: usize = 20;
    let Some((database, apis)) = start_three() else { return };
    let key = apis[0].admin().post("/api/keys", &json!({"name": "shared", "role": "editor"})).await.json(201);
    let editors = apis.each_ref().map(|api| api.with_key(key["key"].as_str().unwrap()));

    // One instance executes a request that all receive at once. The others replay its response or return 409.
    for number in 0..10 {
        let post = json!({"title": format!("Once {number}")});
        let name = format!("once-{number}");
        let send = |editor: &Api| editor.post("/api/posts", &post).header("idempotency-key", &name).into_future();
        let replies = join_all(editors.iter().map(send)).await;
        let first: Vec<_> = replies
            .iter()
            .filter(|reply| reply.status == 201 && reply.header("idempotency-replayed").is_none())
            .collect();
        assert_eq!(first.len(), 1, "{number}");
        for reply in &replies {
            assert!(reply.status == 409 || reply.body == first[0].body, "{} {}", reply.status, reply.text());
        }
        for editor in &editors {
            let replay = send(editor).await.expect(201);
            assert_eq!((replay.header("idempotency-replayed"), &replay.body), (Some("true"), &first[0].body));
        }
    }
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts"), 10);

    // Every instance polls for due posts. Together they publish each post once.
    for number in 0..SCHEDULED {
        apis[number % 3].create_scheduled().await;
    }
    let published = || apis.iter().map(|api| api.server.schedule.lags().count).sum::<u64>();
    wait_until("all posts to be published", async || published() == SCHEDULED as u64).await;
    let published_once = "SELECT count(*) AS number FROM posts WHERE published AND version = 3";
    assert_eq!(database.query_number(published_once), i64::try_from(SCHEDULED).unwrap());

    // After one instance revokes a key, every instance refuses the next request.
    apis[1].admin().delete(&format!("/api/keys/{}", key["id"])).await.expect(204);
    for editor in &editors {
        editor.get("/api/posts").await.problem(401, "key_invalid");
    }
}

#[tokio::test]
async fn killing_one_of_three_loses_no_acknowledged_write() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
    let (balancer, journal) = (Balancer::start(), Journal::new());
    let start = async |name: String| {
        let mut server = sandbox.start(&name, &[]);
        let base = server.base_url().await;
        balancer.add(&base);
        (server, base)
    };
    let mut servers: Vec<(Process, String)> = join_all((0..3).map(|number| start(format!("first-{number}")))).await;
    let rounds = fault_rounds();
    let is_done = AtomicBool::new(false);
    let write = async || {
        while !is_done.load(Ordering::Relaxed) {
            journal.write(&balancer.base_url()).await;
        }
    };
    let wait_for_writes = async || {
        let minimum = journal.acknowledged() + 50;
        wait_until("writes to be acknowledged", async || journal.acknowledged() > minimum).await;
    };
    let kill = async {
        for round in 0..rounds {
            wait_for_writes().await;
            let (mut server, base) = servers.remove(0);
            server.kill();
            // The balancer still lists the killed instance, and clients reach the other two.
            wait_for_writes().await;
            balancer.remove(&base);
            servers.push(start(format!("round-{round}")).await);
        }
        wait_for_writes().await;
        is_done.store(true, Ordering::Relaxed);
    };
    tokio::join!(join_all((0..9).map(|_| write())), kill);
    journal.resend_unconfirmed(&balancer.base_url()).await;
    for (mut server, _) in servers {
        server.kill();
    }
    database.wait_for_other_sessions_to_end().await;
    journal.check(&database);
    report_figures(&format!("{rounds} of three instances killed behind a balancer: {}", journal.figures()));
}
