//! The restore drills of the documents: run as written, they bring a backup back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::Client;
use serde_json::{Value, json};
use url::Url;

use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase, http_client, wait_until};

/// The commands of the drill with this name in the document.
fn drill(name: &str) -> Vec<String> {
    let document = include_str!("../../../docs/guides/backup-restore.md");
    let block =
        document.split(&format!("<!-- drill: {name} -->\n```sh\n")).nth(1).unwrap().split("```").next().unwrap();
    block
        .lines()
        .map(|line| line.split("  #").next().unwrap().trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// The index of the first line that starts with this text.
fn index_of(lines: &[String], start: &str) -> usize {
    lines.iter().position(|line| line.starts_with(start)).unwrap()
}

/// A client of a running service, and the posts whose creation the service has acknowledged, in order.
#[derive(Clone)]
struct RecordingClient {
    client: Client,
    base: String,
    acknowledged: Arc<Mutex<Vec<Value>>>,
}

impl RecordingClient {
    fn new(base: String) -> Self {
        Self { client: http_client().build().unwrap(), base, acknowledged: Arc::default() }
    }

    async fn create(&self, title: &str) -> Value {
        let post = json!({"title": title, "content": "x".repeat(10_000), "published": true});
        let request = self.client.post(format!("{}/api/posts", self.base)).bearer_auth(ADMIN_KEY).json(&post);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201);
        let post: Value = response.json().await.unwrap();
        self.acknowledged.lock().unwrap().push(post.clone());
        post
    }

    fn acknowledged(&self) -> Vec<Value> {
        self.acknowledged.lock().unwrap().clone()
    }

    async fn get(&self, path: &str, key: &str) -> (u16, Value) {
        let response = self.client.get(format!("{}{path}", self.base)).bearer_auth(key).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }
}

/// How the database file is lost.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Overwritten,
    Deleted,
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_drill_recovers_acknowledged_writes() {
    for loss in [Loss::Overwritten, Loss::Deleted] {
        restore_after(loss).await;
    }
}

async fn restore_after(loss: Loss) {
    let sandbox = Sandbox::new([("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY), ("RATE_LIMIT", "off")]);
    let mut server = sandbox.start("before", &[]);
    let client = RecordingClient::new(server.base_url().await);
    for number in 0..50 {
        client.create(&format!("Early {number}")).await;
    }
    let deleted = format!("{}/api/posts/50", client.base);
    assert_eq!(client.client.delete(deleted).bearer_auth(ADMIN_KEY).send().await.unwrap().status(), 204);
    client.acknowledged.lock().unwrap().pop();
    let key = sandbox.run(&["keys", "create", "--role", "reader", "--name", "reader"]).success().trim().to_owned();

    let is_done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let (client, is_done) = (client.clone(), Arc::clone(&is_done));
            tokio::spawn(async move {
                for number in 0.. {
                    if is_done.load(Ordering::Relaxed) {
                        return;
                    }
                    client.create(&format!("Meanwhile {writer} {number}")).await;
                }
            })
        })
        .collect();
    wait_until("writes to be acknowledged", async || client.acknowledged().len() > 100).await;
    let before = client.acknowledged();
    let lines = drill("sqlite");
    let (stop, start) = (index_of(&lines, "systemctl stop"), index_of(&lines, "systemctl start"));
    for line in &lines[..stop] {
        sandbox.shell(line).success();
    }
    let count = client.acknowledged().len();
    wait_until("a write after the backup", async || client.acknowledged().len() > count).await;
    is_done.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let all = client.acknowledged();
    // A crash leaves the WAL of the lost database behind.
    server.kill();
    assert!(sandbox.files().contains(&"posts.db-wal".to_owned()));
    match loss {
        Loss::Overwritten => std::fs::write(sandbox.path("posts.db"), "broken".repeat(10_000)).unwrap(),
        Loss::Deleted => std::fs::remove_file(sandbox.path("posts.db")).unwrap(),
    }
    for line in &lines[stop + 1..start] {
        sandbox.shell(line).success();
    }

    let mut server = sandbox.start("after", &[]);
    let client = RecordingClient::new(server.base_url().await);
    for post in &before {
        let path = format!("/api/posts/{}", post["id"]);
        assert_eq!(client.get(&path, &key).await, (200, post.clone()), "{loss:?}");
    }
    let (_, list) = client.get("/api/posts?sort=id&count=exact&limit=1", &key).await;
    let restored = list["total"].as_u64().unwrap();
    assert!(before.len() as u64 <= restored && restored < all.len() as u64, "{loss:?}: {restored} of {}", all.len());
    assert_eq!(client.get("/api/posts/50", &key).await.0, 404);
    let (_, found) = client.get("/api/posts?q=early&count=exact&limit=1", &key).await;
    assert_eq!(found["total"], 49);
    // Ids from before the backup are not reused, not even that of a deleted post.
    let highest = before.iter().map(|post| post["id"].as_u64().unwrap()).max().unwrap();
    assert!(client.create("Afterwards").await["id"].as_u64().unwrap() > highest);
}

/// `backup` prints a `pg_dump` command on PostgreSQL. Its dump is what the drill restores.
#[test]
fn postgresql_drill_restores_with_the_printed_command() {
    let databases = [(); 2].map(|()| TestDatabase::create(Engine::Postgres));
    let [Some(database), Some(other)] = databases else { return };
    database.migrate();
    database.import(&[json!({"title": "Stored", "content": "Café"}), json!({"title": "Gone"})]);
    database.execute("DELETE FROM posts WHERE id = 2");
    let sandbox_of = |url: &str, schema: &str| {
        let mut url = Url::parse(url).unwrap();
        url.set_query((!schema.is_empty()).then(|| format!("schema={schema}")).as_deref());
        Sandbox::new([("DATABASE_URL", url.as_str()), ("PGPASSWORD", url.password().unwrap_or_default())])
    };
    let printed = |sandbox: &Sandbox, file: &str| {
        let line = sandbox.run(&["backup", file]).error_line();
        line[line.find("pg_dump ").expect("a pg_dump command")..].to_owned()
    };
    let before = sandbox_of(&database.url, "").run(&["export", "--keys"]).success();
    let (from, to) = (sandbox_of(&database.url, ""), sandbox_of(&other.url, ""));
    let command = printed(&from, "it's.dump");
    assert!(!command.contains("connect_timeout"), "{command}");
    from.shell(&command).success();
    std::fs::copy(from.path("it's.dump"), to.path("posts.dump")).unwrap();
    let restore = drill("postgresql");
    let (first, last) = (1 + index_of(&restore, "systemctl stop"), index_of(&restore, "systemctl start"));
    // Restores into an empty database, and then over one that has changed since.
    for _ in 0..2 {
        for line in &restore[first..last] {
            to.shell(line).success();
        }
        assert_eq!(to.run(&["export", "--keys"]).success(), before);
        other.import(&[json!({"title": "Since"})]);
        other.execute("DELETE FROM posts WHERE title = 'Stored'");
    }
    // The dump contains only the schema that the URL names.
    let own = sandbox_of(&database.url, "a%20schema");
    own.run(&["migrate"]).success();
    own.shell(&printed(&own, "own.dump")).success();
    let contents = own.shell("pg_restore --list own.dump").success();
    assert!(contents.contains(" a schema posts ") && !contents.contains(" public posts "), "{contents}");
}
