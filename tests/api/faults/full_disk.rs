//! A disk that is full: what can be read is read, nothing is lost, and it ends by itself.

use std::path::PathBuf;
use std::process::Command;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::program::Sandbox;
use crate::support::{Api, Engine, TestDatabase, wait_for};

const KEY: &str = "the-admin-key-of-the-tests";

/// A file system in memory of a few MiB.
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`: this process may not mount one.
    pub(crate) fn mount(mebibytes: u32) -> Option<Self> {
        let directory = TempDir::with_prefix("posts-api-test-").unwrap();
        if !mounts(&["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"], &directory) {
            crate::support::report_skipped("a full disk on SQLite, because mounting a small one takes root");
            return None;
        }
        Some(Self(directory))
    }

    fn resize(&self, mebibytes: u32) {
        assert!(mounts(&["-o", &format!("remount,size={mebibytes}m")], &self.0));
    }

    /// From now on nothing can be written on it.
    pub(crate) fn protect(&self) {
        assert!(mounts(&["-o", "remount,ro"], &self.0));
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.path().join("posts.db")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Also while a program that a failed test leaves behind still has files open there.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn mounts(arguments: &[&str], at: &TempDir) -> bool {
    Command::new("mount").args(arguments).arg(at.path()).output().is_ok_and(|output| output.status.success())
}

struct Site {
    client: Client,
    base: String,
}

impl Site {
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(KEY);
        match body {
            Some(body) => request.json(body),
            None => request,
        }
        .send()
        .await
        .unwrap()
    }

    /// Writes a post of this many bytes: its id, or `None` where there was no room.
    async fn write(&self, title: &str, bytes: usize) -> Option<i64> {
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

    /// Every title that is stored, by an anonymous reader and by one with a key, who gets nothing from a cache.
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
async fn on_a_full_disk_writes_are_refused_reads_go_on_and_nothing_acknowledged_is_lost() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    let url = format!("sqlite://{}", disk.database().display());
    let place = Sandbox::new([("DATABASE_URL", url.as_str()), ("PORT", "0"), ("ADMIN_API_KEY", KEY)]);
    let mut server = place.start("server", &[]);
    let client = Client::builder().no_proxy().build().unwrap();
    let site = Site { client, base: server.base_url().await };

    let mut stored = Vec::new();
    for round in 0..2 {
        // Several at once, so that some share the commit that fails; until each of them has been refused.
        let writers = (0..8).map(|writer| {
            let site = &site;
            async move {
                let mut stored = Vec::new();
                for count in 0.. {
                    let title = format!("round {round} writer {writer} post {count}");
                    match site.write(&title, 30_000).await {
                        Some(id) => stored.push((title, id)),
                        None => break,
                    }
                }
                stored
            }
        });
        stored.extend(futures_util::future::join_all(writers).await.into_iter().flatten());
        // One that SQLite cannot hold in memory until the commit, and so fails in the middle of its statement.
        let posts: Vec<Value> =
            (0..20).map(|_| json!({"title": "batch", "content": "x".repeat(400_000), "published": true})).collect();
        let batch = site.send(Method::POST, "/api/posts/batch", Some(&json!({"posts": posts}))).await;
        assert_eq!(batch.status(), 507);

        let mut titles: Vec<String> = stored.iter().map(|(title, _)| title.clone()).collect();
        titles.sort();
        assert!(!titles.is_empty());
        assert_eq!(site.titles().await, titles);
        assert_eq!(site.send(Method::GET, "/health/ready", None).await.status(), 200);

        disk.resize(if round == 0 { 16 } else { 64 });
        let title = format!("round {round} writer 9 after");
        let id = wait_for("a write where there is room again", async || site.write(&title, 30_000).await).await;
        stored.push((title, id));
    }
    for (title, id) in &stored {
        let post = site.send(Method::GET, &format!("/api/posts/{id}"), None).await.json::<Value>().await.unwrap();
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
async fn a_start_without_room_says_so_in_one_line() {
    let Some(disk) = SmallDisk::mount(1) else { return };
    std::fs::write(disk.0.path().join("filler"), vec![0; 1000 * 1024]).unwrap();
    let url = format!("sqlite://{}", disk.database().display());
    let line = Sandbox::new([("DATABASE_URL", url.as_str()), ("PORT", "0")]).run(&["serve"]).error_line();
    assert!(line.contains("full") || line.contains("disk"), "{line}");
}

#[tokio::test]
async fn a_full_disk_under_postgresql_is_507_and_tells_no_path() {
    let Some(api) = <Api as crate::support::Fixture>::on(Engine::Postgres) else { return };
    let kept = api.create(json!({"title": "Kept", "published": true})).await;
    api.server.database.execute(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE 'could not extend file \"base/16384/16385\": No space left on device' USING ERRCODE = 'disk_full'; \
         END $$",
    );
    api.server
        .database
        .execute("CREATE TRIGGER no_room BEFORE INSERT OR UPDATE OR DELETE ON posts EXECUTE FUNCTION no_room()");
    let path = format!("/api/posts/{}", kept["id"]);
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
    assert_eq!(api.get(&path).await.json(200), kept);
    api.server.database.execute("DROP TRIGGER no_room ON posts");
    let retried = api.editor().post("/api/posts", &json!({"title": "No room"})).header("idempotency-key", "no-room");
    retried.await.expect(201);
}
