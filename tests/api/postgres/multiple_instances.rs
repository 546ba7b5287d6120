//! Three instances share one PostgreSQL: none of them has anything that the others lack.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::api::ADMIN_KEY;
use crate::support::balancer::Balancer;
use crate::support::journal::Journal;
use crate::support::program::{Process, Sandbox};
use crate::support::{Api, Engine, TestDatabase, fault_rounds, ids, report_figures, wait_for, wait_until};

/// So old may an answer be where another instance has written.
const TRUSTED_FOR: Duration = Duration::from_millis(100);

fn three() -> Option<(Arc<TestDatabase>, [Api; 3])> {
    let database = Arc::new(TestDatabase::create(Engine::Postgres)?);
    let apis = [(); 3].map(|()| Api::start(&database, |_| ()));
    Some((database, apis))
}

#[tokio::test]
async fn an_instance_shows_its_own_writes_at_once_and_those_of_others_100_ms_later() {
    const ROUNDS: usize = 30;
    const PATHS: [&str; 3] = ["/api/posts", "/api/posts/1", "/api/posts/by-slug/shared"];
    let Some((_database, apis)) = three() else { return };
    apis[0].create(json!({"title": "Shared", "slug": "shared", "published": true})).await;
    let title = async |api: &Api, path: &str| {
        let answer = api.get(path).await.json(200);
        let post = answer["items"].as_array().map_or(&answer, |items| &items[0]);
        post["title"].as_str().unwrap().to_owned()
    };
    for api in &apis {
        // What is kept is what could be stale.
        wait_until("the cache serves", async || {
            let before = api.server.cache.reads();
            for path in PATHS.iter().chain(&PATHS) {
                api.get(path).await;
            }
            api.server.cache.reads() == before
        })
        .await;
    }
    let (mut stale, mut fresh) = (0, 0);
    for round in 0..ROUNDS {
        let expected = format!("Round {round}");
        let (writer, path) = (&apis[round % 3], PATHS[round / 3 % 3]);
        writer.editor().patch("/api/posts/1", &json!({"title": expected})).await.expect(200);
        let answered = Instant::now();
        for path in PATHS {
            assert_eq!(title(writer, path).await, expected, "{path} of the instance that wrote");
        }
        let others = (1..3).map(|other| &apis[(round + other) % 3]);
        let shown = join_all(others.map(|other| async {
            let mut stale = 0;
            loop {
                let asked = Instant::now();
                if title(other, path).await == expected {
                    return stale;
                }
                // Not that it is quick is the promise, but that nothing older is shown.
                assert!(
                    asked.duration_since(answered) <= TRUSTED_FOR,
                    "{path} was stale {:?} later",
                    answered.elapsed()
                );
                stale += 1;
                tokio::task::yield_now().await;
            }
        }))
        .await;
        stale += shown.iter().sum::<usize>();
        fresh += shown.len();
    }
    assert_eq!(fresh, 2 * ROUNDS);
    report_figures(&format!("{ROUNDS} writes shown by two other instances after {stale} answers without them"));
}

#[tokio::test]
async fn keys_idempotency_and_the_schedule_are_shared() {
    const DUE: usize = 20;
    let Some((database, apis)) = three() else { return };
    let made = apis[0].admin().post("/api/keys", &json!({"name": "shared", "role": "editor"})).await.json(201);
    let editors = apis.each_ref().map(|api| api.with_key(made["key"].as_str().unwrap()));

    // The same request to all at once is carried out by one; the others repeat its answer, or say that it runs.
    for number in 0..10 {
        let post = json!({"title": format!("Once {number}")});
        let name = format!("once-{number}");
        let send = |editor: &Api| editor.post("/api/posts", &post).header("idempotency-key", &name).into_future();
        let answers = join_all(editors.iter().map(send)).await;
        let first: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status == 201 && answer.header("idempotency-replayed").is_none())
            .collect();
        assert_eq!(first.len(), 1, "{number}");
        for answer in &answers {
            assert!(answer.status == 409 || answer.body == first[0].body, "{} {}", answer.status, answer.text());
        }
        for editor in &editors {
            let again = send(editor).await.expect(201);
            assert_eq!((again.header("idempotency-replayed"), &again.body), (Some("true"), &first[0].body));
        }
    }
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts"), 10);

    // All look for what is due; together they publish each post once.
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300)).to_string();
    for number in 0..DUE {
        let draft = editors[number % 3].post("/api/posts", &json!({"title": "Soon"})).await.json(201);
        let publish = format!("/api/posts/{}/publish", draft["id"]);
        editors[number % 3].post(&publish, &json!({"at": soon})).await.expect(200);
    }
    wait_until("all are published", async || ids(&apis[0].get("/api/posts").await.json(200)).len() == DUE).await;
    // Those that came too late for a time to come were published by their request.
    let by_schedule: u64 = apis.iter().map(|api| api.server.schedule.published()).sum();
    let scheduled = "SELECT count(*) AS number FROM posts WHERE published AND version = 3";
    assert_eq!(i64::try_from(by_schedule).unwrap(), database.query_number(scheduled));
    assert_eq!(database.query_number("SELECT max(version) AS number FROM posts"), 3);

    // A key that one revokes is refused by all at the next request.
    apis[1].admin().delete(&format!("/api/keys/{}", made["id"])).await.expect(204);
    for editor in &editors {
        editor.get("/api/posts").await.problem(401, "key_invalid");
    }
}

#[tokio::test]
async fn of_three_instances_one_is_killed_under_load_and_no_acknowledged_write_is_lost() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let place = Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
    let (balancer, journal) = (Balancer::start(), Journal::new());
    let start = async |name: String| {
        let mut server = place.start(&name, &[]);
        let base = server.base_url().await;
        balancer.add(&base);
        (server, base)
    };
    let mut servers: Vec<(Process, String)> = join_all((0..3).map(|number| start(format!("first-{number}")))).await;
    let rounds = fault_rounds();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let write = async || {
        while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
            journal.write(&balancer.base_url()).await;
        }
    };
    let more = async |count: u64| {
        let enough = journal.acknowledged() + count;
        wait_for("writes to be acknowledged", async || (journal.acknowledged() > enough).then_some(())).await;
    };
    let kill = async {
        for round in 0..rounds {
            more(50).await;
            let (mut server, base) = servers.remove(0);
            server.kill();
            // The balancer finds out by itself, and the two that are left go on.
            more(50).await;
            balancer.remove(&base);
            servers.push(start(format!("round-{round}")).await);
        }
        more(50).await;
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    tokio::join!(join_all((0..9).map(|_| write())), kill);
    journal.resend_unconfirmed(&balancer.base_url()).await;
    for (mut server, _) in servers {
        server.kill();
    }
    // The ends of connections that the server has not noticed yet may still be carried out.
    let others = "SELECT count(*) AS number FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    wait_until("the other connections to end", async || database.query_number(others) == 0).await;
    journal.check(&database);
    report_figures(&format!("{rounds} of three instances killed behind a balancer: {}", journal.figures()));
}
