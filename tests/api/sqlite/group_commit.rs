//! Group commit on SQLite: queued writes share a commit, but each fails on its own.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::ADMIN_KEY;
use crate::support::database::execute;
use crate::support::program::Sandbox;
use crate::support::{
    Api, Engine, TestDatabase, commits, http_client, on_both, queued_writes, report_skipped, wait_until,
};

/// SQLite marks an open database by its lock on the file. A program that closes the file and finds no lock removes the
/// WAL, and later writes of this service would be lost.
#[tokio::test]
async fn file_lock_is_held_while_the_service_runs() {
    use std::os::unix::fs::MetadataExt;
    if std::fs::read_to_string("/proc/locks").is_err() {
        return report_skipped("file locks, because only Linux has /proc/locks");
    }
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db"), ("PORT", "0")]);
    let mut server = sandbox.start("server", &[]);
    let posts = format!("{}/api/posts", server.base_url().await);
    let client = http_client().build().unwrap();
    let file = format!(":{} ", std::fs::metadata(sandbox.path("posts.db")).unwrap().ino());
    for _ in 0..3 {
        // Concurrent reads, so that the pool opens all of its connections.
        let reads = join_all((1..=16).map(|limit| client.get(format!("{posts}?limit={limit}&count=exact")).send()));
        assert!(reads.await.iter().all(|reply| reply.as_ref().unwrap().status() == 200));
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        assert!(locks.lines().any(|lock| lock.contains(&file)), "no lock on the file:\n{locks}");
    }
}

/// Each process waits for the other's lock.
#[tokio::test]
async fn two_writing_processes_lose_and_refuse_no_write() {
    const WRITERS: usize = 8;
    const WRITES: usize = 12;
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db"), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
    let mut servers = ["first", "second"].map(|name| sandbox.start(name, &[]));
    let mut bases = Vec::new();
    for server in &mut servers {
        bases.push(server.base_url().await);
    }
    let client = http_client().build().unwrap();
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
        let etag = response.headers().get("etag").map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), etag, response.json::<Value>().await.unwrap())
    };
    let (status, _, shared) = send(0, Method::POST, "/api/posts", None, Some(json!({"title": "0"}))).await;
    assert_eq!(status, 201, "{shared}");
    let shared = format!("/api/posts/{}", shared["id"]);
    join_all((0..WRITERS).map(async |writer| {
        for number in 0..WRITES {
            let post = json!({"title": format!("Writer {writer}, post {number}")});
            let (status, _, post) = send(writer, Method::POST, "/api/posts", None, Some(post)).await;
            assert_eq!(status, 201, "{post}");
            // Increments a counter, and retries if another writer has incremented it in between.
            loop {
                let (_, tag, read) = send(writer, Method::GET, &shared, None, None).await;
                let next = read["title"].as_str().unwrap().parse::<usize>().unwrap() + 1;
                let change = json!({"title": next.to_string()});
                let (status, _, response) = send(writer, Method::PATCH, &shared, tag.as_deref(), Some(change)).await;
                match status {
                    200 => break,
                    412 => {}
                    _ => panic!("{status}: {response}"),
                }
            }
        }
    }))
    .await;
    let (_, _, counter) = send(0, Method::GET, &shared, None, None).await;
    assert_eq!(counter["title"], (WRITERS * WRITES).to_string());
    drop(servers);
    let database = TestDatabase::at(&sandbox.path("posts.db"));
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
    // A batch ends after 10 ms, so on a busy machine the writes may take more commits. Then the attempt is repeated.
    let mut stored = 1;
    wait_until("40 writes to take at most 10 commits", async || {
        let before = commits(connections).unwrap();
        let statuses = write_behind_lock(&api, 40, async |number| {
            let post = match number % 4 {
                0 => json!({"title": format!("Post {number}"), "published": true}),
                1 => json!({"title": "Poison"}),
                2 => json!({"title": "Refused", "slug": "taken"}),
                _ => json!({"title": "The same title"}),
            };
            (number % 4, admin.post("/api/posts", &post).await.status)
        })
        .await;
        for (kind, status) in statuses {
            assert_eq!(status, [201, 500, 409, 201][kind], "{kind}");
        }
        stored += 20;
        assert_eq!(api.server.database.query_number("SELECT count(*) AS number FROM posts"), stored);
        commits(connections).unwrap() - before <= 10
    })
    .await;
}

/// Sends concurrent writes while another connection has the write lock, and releases it when all but the first are
/// queued. Returns their results.
async fn write_behind_lock<T>(api: &Api, count: usize, write: impl AsyncFn(usize) -> T) -> Vec<T> {
    let mut lock = api.server.database.connect();
    execute(&mut lock, "BEGIN IMMEDIATE");
    let writes = join_all((0..count).map(async |number| write(number).await));
    let release = async {
        let queued = u64::try_from(count - 1).unwrap();
        wait_until("the writes to be queued", async || queued_writes(&api.server.connections) >= Some(queued)).await;
        execute(&mut lock, "ROLLBACK");
    };
    tokio::join!(writes, release).0
}

#[on_both]
async fn aborted_transaction_loses_no_acknowledged_write(api: Api) {
    if api.engine() == Engine::Postgres {
        return;
    }
    let admin = api.admin();
    api.server.database.execute(
        "CREATE TRIGGER ruin BEFORE INSERT ON posts WHEN new.title = 'Ruin' BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    );
    let stored = |title: &str| {
        api.server.database.query_number(&format!("SELECT count(*) AS number FROM posts WHERE title = '{title}'"))
    };
    let attempt = AtomicU32::new(0);
    // On a busy machine the write may be the first of its batch, and then it alone fails.
    wait_until("earlier writes of the batch to fail too", async || {
        let attempt = attempt.fetch_add(1, Ordering::Relaxed);
        let replies = write_behind_lock(&api, 30, async |number| {
            let title = if number == 15 { "Ruin".to_owned() } else { format!("Post {attempt}-{number}") };
            (title.clone(), admin.post("/api/posts", &json!({"title": title})).await.status)
        })
        .await;
        for (title, status) in &replies {
            assert_eq!(stored(title), i64::from(*status == 201), "{title}: {status}");
        }
        replies.iter().filter(|(_, status)| *status == 500).count() > 1
    })
    .await;
    admin.post("/api/posts", &json!({"title": "After"})).await.expect(201);
}

#[on_both]
async fn single_write_has_its_own_commit(api: Api) {
    let Some(before) = commits(&api.server.connections) else { return };
    let admin = api.admin();
    for number in 0..5 {
        admin.post("/api/posts", &json!({"title": format!("Post {number}")})).await.expect(201);
    }
    assert_eq!(commits(&api.server.connections), Some(before + 5));
}
