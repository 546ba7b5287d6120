//! The database's files are removed or replaced while the service runs: it rejects reads and writes, and creates no
//! file.

use reqwest::{Client, Method};
use serde_json::json;

use crate::support::api::ADMIN_KEY;
use crate::support::program::{Process, Sandbox};
use crate::support::{http_client, wait_until};

/// A running service with one post.
struct Service {
    sandbox: Sandbox,
    server: Process,
    base: String,
    client: Client,
}

impl Service {
    async fn start(url: &str) -> Self {
        let sandbox = Sandbox::new([("DATABASE_URL", url), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
        std::fs::create_dir(sandbox.path("data")).unwrap();
        sandbox.run(&["--database-url", "sqlite://data/new.db", "migrate"]).success();
        sandbox.shell("ln -s new.db data/link.db").success();
        let server = sandbox.start("server", &[]);
        let client = http_client().build().unwrap();
        let mut service = Self { sandbox, server, base: String::new(), client };
        service.base = service.server.base_url().await;
        assert_eq!(service.create("before").await, 201);
        assert_eq!(service.get("/health/ready").await, 200);
        service
    }

    async fn create(&self, slug: &str) -> u16 {
        let post = json!({"title": "A", "slug": slug, "published": true});
        let request = self.client.request(Method::POST, format!("{}/api/posts", self.base)).bearer_auth(ADMIN_KEY);
        request.json(&post).send().await.unwrap().status().as_u16()
    }

    async fn get(&self, path: &str) -> u16 {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap().status().as_u16()
    }

    fn files(&self) -> String {
        self.sandbox.shell("ls -R data moved 2>/dev/null || true").success()
    }
}

#[tokio::test]
async fn service_fails_closed_when_its_files_change() {
    for (command, message) in [
        ("rm data/posts.db", "posts.db was removed"),
        ("rm data/posts.db-wal", "posts.db-wal was removed"),
        ("rm data/posts.db-shm", "posts.db-shm was removed"),
        ("rm data/posts.db*", "was removed"),
        ("mv data/new.db data/posts.db", "posts.db was replaced by another file"),
        ("cp data/posts.db data/copy.db && mv data/copy.db data/posts.db", "posts.db was replaced by another file"),
        ("cp data/posts.db-wal data/wal && mv data/wal data/posts.db-wal", "posts.db-wal was replaced"),
        ("mv data moved", "posts.db was removed"),
    ] {
        let service = Service::start("sqlite://data/posts.db").await;
        service.sandbox.shell(command).success();
        let files = service.files();
        assert_eq!(service.create("after").await, 503, "{command}: a write was acknowledged");
        assert_eq!(service.get("/health/ready").await, 503, "{command}");
        wait_until("cached responses to expire", async || service.get("/api/posts").await == 503).await;
        for path in ["/api/posts/1", "/api/posts?q=a", "/health/ready"] {
            assert_eq!(service.get(path).await, 503, "{command}: {path}");
        }
        assert_eq!(service.create("later").await, 503, "{command}");
        assert_eq!(service.get("/health/live").await, 200, "{command}");
        let log = service.server.stderr();
        let errors: Vec<&str> = log.lines().filter(|line| line.contains("rejecting all reads and writes")).collect();
        assert!(errors.len() == 1 && errors[0].contains(message), "{command}: {log}");
        assert_eq!(service.files(), files, "{command}: the service created a file");
    }
}

#[tokio::test]
async fn readiness_fails_without_a_write() {
    let service = Service::start("sqlite://data/posts.db").await;
    service.sandbox.shell("rm data/posts.db").success();
    assert_eq!(service.get("/health/ready").await, 503);
    // The file is back, but another process could have changed it with locks of its own.
    let service = Service::start("sqlite://data/posts.db").await;
    service.sandbox.shell("mv data/posts.db data/moved.db").success();
    wait_until("the service to notice", async || service.server.stderr().contains("posts.db was removed")).await;
    service.sandbox.shell("mv data/moved.db data/posts.db").success();
    assert_eq!((service.get("/health/ready").await, service.create("after").await), (503, 503));
}

#[tokio::test]
async fn link_to_another_file_is_noticed() {
    let service = Service::start("sqlite://data/link.db").await;
    service.sandbox.shell("ln -sfn other.db data/link.db").success();
    assert_eq!(service.create("after").await, 503);
    assert!(!service.files().contains("other.db"), "{}", service.files());
}

#[tokio::test]
async fn other_programs_may_use_the_database() {
    let service = Service::start("sqlite://data/posts.db").await;
    for number in 0..3 {
        service.sandbox.run(&["keys", "list"]).success();
        service.sandbox.run(&["backup", "--overwrite", "backup.db"]).success();
        service.sandbox.run(&["doctor"]).success();
        assert_eq!(service.create(&format!("after-{number}")).await, 201);
        assert_eq!(service.get("/health/ready").await, 200);
    }
}

/// A directory that is mounted over itself as read-only until this is dropped.
struct ReadOnly(std::path::PathBuf);

impl ReadOnly {
    /// Returns `None` if this process must not mount file systems.
    fn mount(directory: std::path::PathBuf) -> Option<Self> {
        let mount = |arguments: &[&str]| {
            let status = std::process::Command::new("mount").args(arguments).arg(&directory).output();
            status.is_ok_and(|output| output.status.success())
        };
        let path = directory.to_str().unwrap();
        if !mount(&["--bind", path]) || !mount(&["-o", "remount,bind,ro"]) {
            crate::support::report_skipped("a read-only file system on SQLite, because only root can mount one");
            return None;
        }
        Some(Self(directory))
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn service_is_not_ready_on_a_read_only_file_system() {
    let service = Service::start("sqlite://data/posts.db").await;
    let Some(mounted) = ReadOnly::mount(service.sandbox.path("data")) else { return };
    let response = service.client.get(format!("{}/health/ready", service.base)).send().await.unwrap();
    assert_eq!(response.status(), 503);
    let problem: serde_json::Value = response.json().await.unwrap();
    assert_eq!(problem["detail"], "the database is read-only");
    assert_eq!(service.get("/api/posts/1").await, 200);
    drop(mounted);
    wait_until("the service to be ready", async || service.get("/health/ready").await == 200).await;
    assert_eq!(service.create("after").await, 201);
}
