//! SQLite's writes that wait together share a commit, and nothing else.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::ADMIN_KEY;
use crate::support::database::execute;
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, TestDatabase, on_both, report_skipped};

/// By its lock on the file SQLite tells other programs that it uses it; one that finds no lock when it closes the file
/// takes the WAL away, and with it what is written there afterwards.
#[tokio::test]
async fn file_lock_is_held_while_the_service_runs() {
    use std::os::unix::fs::MetadataExt;
    let Ok(locks) = std::fs::read_to_string("/proc/locks") else { return report_skipped("locks: Linux only") };
    drop(locks);
    let place = Sandbox::new([("DATABASE_URL", "sqlite://posts.db"), ("PORT", "0")]);
    let mut server = place.start("server", &[]);
    let posts = format!("{}/api/posts", server.base_url().await);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let file = format!(":{} ", std::fs::metadata(place.path("posts.db")).unwrap().ino());
    for _ in 0..3 {
        // The readers are opened one after the other.
        let reads = join_all((1..=16).map(|limit| client.get(format!("{posts}?limit={limit}&count=exact")).send()));
        assert!(reads.await.iter().all(|reply| reply.as_ref().unwrap().status() == 200));
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        assert!(locks.lines().any(|lock| lock.contains(&file)), "no lock on the file:\n{locks}");
    }
}

/// Each of them waits for the other's lock, and none is told of it.
#[tokio::test]
async fn two_writing_processes_lose_and_refuse_no_write() {
    const WRITERS: usize = 8;
    const WRITES: usize = 12;
    let place = Sandbox::new([("DATABASE_URL", "sqlite://posts.db"), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
    let mut servers = ["first", "second"].map(|name| place.start(name, &[]));
    let mut bases = Vec::new();
    for server in &mut servers {
        bases.push(server.base_url().await);
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = async |writer: usize, method: Method, path: &str, tag: Option<&str>, body: Option<Value>| {
        let mut request =
            client.request(method, format!("{}{path}", bases[writer % bases.len()])).bearer_auth(ADMIN_KEY);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (status, shared) = send(0, Method::POST, "/api/posts", None, Some(json!({"title": "0"}))).await;
    assert_eq!(status, 201, "{shared}");
    let shared = format!("/api/posts/{}", shared["id"]);
    join_all((0..WRITERS).map(async |writer| {
        for number in 0..WRITES {
            let post = json!({"title": format!("Writer {writer}, post {number}")});
            let (status, post) = send(writer, Method::POST, "/api/posts", None, Some(post)).await;
            assert_eq!(status, 201, "{post}");
            // Counts on from what it has read, unless another one has counted meanwhile.
            loop {
                let (_, read) = send(writer, Method::GET, &shared, None, None).await;
                let next = read["title"].as_str().unwrap().parse::<usize>().unwrap() + 1;
                let tag = format!("\"{}-{}\"", read["id"], read["version"]);
                let change = json!({"title": next.to_string()});
                let (status, answer) = send(writer, Method::PATCH, &shared, Some(&tag), Some(change)).await;
                match status {
                    200 => break,
                    412 => {}
                    _ => panic!("{status}: {answer}"),
                }
            }
        }
    }))
    .await;
    let (_, counted) = send(0, Method::GET, &shared, None, None).await;
    assert_eq!(counted["title"], (WRITERS * WRITES).to_string());
    drop(servers);
    let database = TestDatabase::at(&place.path("posts.db"));
    let written = "SELECT count(DISTINCT title) AS number FROM posts WHERE title LIKE 'Writer %'";
    assert_eq!(database.query_number(written), i64::try_from(WRITERS * WRITES).unwrap());
}

#[on_both]
async fn queued_writes_share_a_commit_and_fail_separately(api: Api) {
    if api.engine() == Engine::Postgres {
        return;
    }
    let (admin, connections) = (api.admin(), &api.server.connections);
    api.create(json!({"title": "Taken"})).await;
    api.server.database.execute(
        "CREATE TRIGGER fail BEFORE INSERT ON posts WHEN new.title = 'Poison' BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    let before = connections.commits().unwrap();
    let mut held = api.server.database.connect();
    execute(&mut held, "BEGIN IMMEDIATE");
    let writes = join_all((0..40).map(async |number| {
        let post = match number % 4 {
            0 => json!({"title": format!("Post {number}"), "published": true}),
            1 => json!({"title": "Poison"}),
            2 => json!({"title": "Refused", "slug": "taken"}),
            _ => json!({"title": "The same title"}),
        };
        (number % 4, admin.post("/api/posts", &post).await.status)
    }));
    // The lock is given back when all of them have been sent.
    let release = async {
        crate::support::wait_until("the writes wait", async || connections.queued_writes() >= Some(39)).await;
        execute(&mut held, "ROLLBACK");
    };
    let (replies, ()) = tokio::join!(writes, release);
    for (kind, status) in replies {
        assert_eq!(status, [201, 500, 409, 201][kind], "{kind}");
    }
    let stored = api.server.database.query_number("SELECT count(*) AS number FROM posts");
    assert_eq!(stored, 21);
    let commits = connections.commits().unwrap() - before;
    // A group is also bounded in time, which a slow machine uses up before the writes.
    assert!(commits <= 10, "40 writes took {commits} commits");
}

#[on_both]
async fn aborted_transaction_loses_no_acknowledged_write(api: Api) {
    if api.engine() == Engine::Postgres {
        return;
    }
    let (admin, connections) = (api.admin(), &api.server.connections);
    api.server.database.execute(
        "CREATE TRIGGER ruin BEFORE INSERT ON posts WHEN new.title = 'Ruin' BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    );
    let mut held = api.server.database.connect();
    execute(&mut held, "BEGIN IMMEDIATE");
    let writes = join_all((0..30).map(async |number| {
        let title = if number == 15 { "Ruin".to_owned() } else { format!("Post {number}") };
        (title.clone(), admin.post("/api/posts", &json!({"title": title})).await.status)
    }));
    let release = async {
        crate::support::wait_until("the writes wait", async || connections.queued_writes() >= Some(29)).await;
        execute(&mut held, "ROLLBACK");
    };
    let (replies, ()) = tokio::join!(writes, release);
    let stored = |title: &str| {
        api.server.database.query_number(&format!("SELECT count(*) AS number FROM posts WHERE title = '{title}'"))
    };
    for (title, status) in &replies {
        assert_eq!(stored(title), i64::from(*status == 201), "{title}: {status}");
    }
    // Those of its group that came before it went with it; what comes later is served.
    assert!(replies.iter().filter(|(_, status)| *status == 500).count() > 1, "{replies:?}");
    admin.post("/api/posts", &json!({"title": "After"})).await.expect(201);
}

#[on_both]
async fn single_write_has_its_own_commit(api: Api) {
    let Some(before) = api.server.connections.commits() else { return };
    let admin = api.admin();
    for number in 0..5 {
        admin.post("/api/posts", &json!({"title": format!("Post {number}")})).await.expect(201);
    }
    assert_eq!(api.server.connections.commits(), Some(before + 5));
}
