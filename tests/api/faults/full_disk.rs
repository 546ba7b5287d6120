//! A full disk: reads continue, no acknowledged write is lost, and writes succeed again once there is space.

use std::path::PathBuf;
use std::process::Command;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, Fixture, TestDatabase, http_client, wait_for};

/// A small file system in memory.
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// Returns `None` if this process must not mount file systems.
    pub(crate) fn mount(mebibytes: u32) -> Option<Self> {
        let directory = TempDir::with_prefix("posts-api-test-").unwrap();
        if !run_mount(&["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"], &directory) {
            crate::support::report_skipped("a full disk on SQLite, because only root can mount a small one");
            return None;
        }
        Some(Self(directory))
    }

    fn resize(&self, mebibytes: u32) {
        assert!(run_mount(&["-o", &format!("remount,size={mebibytes}m")], &self.0));
    }

    /// Makes the file system read-only.
    pub(crate) fn make_read_only(&self) {
        assert!(run_mount(&["-o", "remount,ro"], &self.0));
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.path().join("posts.db")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // --lazy, because a program that a failed test left behind may have files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// Whether `mount` succeeds.
fn run_mount(arguments: &[&str], at: &TempDir) -> bool {
    Command::new("mount").args(arguments).arg(at.path()).output().is_ok_and(|output| output.status.success())
}

struct ApiClient {
    client: Client,
    base: String,
}

impl ApiClient {
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(ADMIN_KEY);
        match body {
            Some(body) => request.json(body),
            None => request,
        }
        .send()
        .await
        .unwrap()
    }

    /// Creates a post of this size. Returns its id, or `None` if the disk is full.
    async fn create(&self, title: &str, bytes: usize) -> Option<i64> {
        let post = json!({"title": title, "content": "x".repeat(bytes), "published": true});
        let response = self.send(Method::POST, "/api/posts", Some(&post)).await;
        let (status, body) = (response.status().as_u16(), response.json::<Value>().await.unwrap());
        match status {
            201 => body["id"].as_i64(),
            507 => {
                assert_eq!(body["code"], "storage_full");
                None
            }
            _ => panic!("{status}: {body}"),
        }
    }

    /// The titles of all posts. Asserts that an anonymous client and one with a key, whose reads bypass the cache,
    /// receive the same pages.
    async fn titles(&self) -> Vec<String> {
        let mut titles = Vec::new();
        let mut next = Some(String::new());
        while let Some(cursor) = next {
            let path = format!("/api/posts?view=summary&limit=100&sort=title{cursor}");
            let page: Value = self.send(Method::GET, &path, None).await.json().await.unwrap();
            let public = self.client.get(format!("{}{path}", self.base)).send().await.unwrap();
            assert_eq!(public.json::<Value>().await.unwrap(), page);
            titles.extend(
                page["items"].as_array().unwrap().iter().map(|post| post["title"].as_str().unwrap().to_owned()),
            );
            next = page["next_cursor"].as_str().map(|cursor| format!("&cursor={cursor}"));
        }
        titles
    }
}

#[tokio::test]
async fn sqlite_refuses_writes_and_serves_reads() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    let url = format!("sqlite://{}", disk.database().display());
    let sandbox = Sandbox::new([("DATABASE_URL", url.as_str()), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
    let mut server = sandbox.start("server", &[]);
    let client = http_client().build().unwrap();
    let api = ApiClient { client, base: server.base_url().await };

    let mut stored = Vec::new();
    for round in 0..2 {
        // Concurrent writers, so that several writes share the commit that fails. Each stops when it is refused.
        let writers = (0..8).map(|writer| {
            let api = &api;
            async move {
                let mut stored = Vec::new();
                for count in 0.. {
                    let title = format!("round {round} writer {writer} post {count}");
                    match api.create(&title, 30_000).await {
                        Some(id) => stored.push((title, id)),
                        None => break,
                    }
                }
                stored
            }
        });
        stored.extend(futures_util::future::join_all(writers).await.into_iter().flatten());
        // SQLite cannot hold this batch in memory until the commit, so it fails during the statement.
        let posts: Vec<Value> =
            (0..20).map(|_| json!({"title": "batch", "content": "x".repeat(400_000), "published": true})).collect();
        let batch = api.send(Method::POST, "/api/posts/batch", Some(&json!({"posts": posts}))).await;
        assert_eq!(batch.status(), 507);

        let mut titles: Vec<String> = stored.iter().map(|(title, _)| title.clone()).collect();
        titles.sort();
        assert!(!titles.is_empty());
        assert_eq!(api.titles().await, titles);
        assert_eq!(api.send(Method::GET, "/health/ready", None).await.status(), 200);

        disk.resize(if round == 0 { 16 } else { 64 });
        let title = format!("round {round} writer 9 after");
        let id = wait_for("a write to succeed again", async || api.create(&title, 30_000).await).await;
        stored.push((title, id));
    }
    for (title, id) in &stored {
        let post = api.send(Method::GET, &format!("/api/posts/{id}"), None).await.json::<Value>().await.unwrap();
        assert_eq!(post["title"], *title);
        assert_eq!(post["content"].as_str().unwrap().len(), 30_000);
    }

    server.signal("TERM");
    assert!(server.wait_for_exit().await.success());
    let database = TestDatabase::at(&disk.database());
    assert_eq!(
        database.query_number("SELECT count(*) AS number FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1
    );
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts"), i64::try_from(stored.len()).unwrap());
}

#[tokio::test]
async fn startup_without_disk_space_fails_with_one_line() {
    let Some(disk) = SmallDisk::mount(1) else { return };
    std::fs::write(disk.0.path().join("filler"), vec![0; 1000 * 1024]).unwrap();
    let url = format!("sqlite://{}", disk.database().display());
    let line = Sandbox::new([("DATABASE_URL", url.as_str()), ("PORT", "0")]).run(&["serve"]).error_line();
    assert!(line.contains("full") || line.contains("disk"), "{line}");
}

#[tokio::test]
async fn postgresql_error_is_507_without_its_path() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let post = api.create(json!({"title": "Stored", "published": true})).await;
    api.server.database.execute(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE 'could not extend file \"base/16384/16385\": No space left on device' USING ERRCODE = 'disk_full'; \
         END $$",
    );
    api.server
        .database
        .execute("CREATE TRIGGER no_room BEFORE INSERT OR UPDATE OR DELETE ON posts EXECUTE FUNCTION no_room()");
    let path = format!("/api/posts/{}", post["id"]);
    for call in [
        api.editor().post("/api/posts", &json!({"title": "No room"})),
        api.editor().post("/api/posts", &json!({"title": "No room"})).header("idempotency-key", "no-room"),
        api.editor().put("/api/posts/by-slug/no-room", &json!({"title": "No room"})),
        api.editor().patch(&path, &json!({"title": "No room"})),
        api.editor().post_empty(&format!("{path}/unpublish")),
        api.editor().delete(&path),
    ] {
        let problem = call.await.problem(507, "storage_full");
        assert!(!problem.to_string().contains("base/"), "{problem}");
    }
    assert_eq!(api.get(&path).await.json(200), post);
    api.server.database.execute("DROP TRIGGER no_room ON posts");
    let retried = api.editor().post("/api/posts", &json!({"title": "No room"})).header("idempotency-key", "no-room");
    retried.await.expect(201);
}
