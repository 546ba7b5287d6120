//! Starting and stopping the program: the first start, settings, and signals.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::database::execute;
use crate::support::program::{Process, Sandbox};
use crate::support::{TestDatabase, fault_rounds, http_client, on_both, wait_for, wait_until};

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0")])
}

fn client() -> reqwest::Client {
    http_client().timeout(Duration::from_mins(1)).build().unwrap()
}

async fn status(url: &str) -> StatusCode {
    client().get(url).send().await.unwrap().status()
}

/// The API keys in an output.
fn keys(output: &str) -> Vec<&str> {
    output.split_whitespace().filter(|word| word.starts_with("posts_") && word.len() == 38).collect()
}

/// Sends the request of the welcome text's curl command. A shell splits the command into words.
async fn run_welcome_command(welcome: &str) -> reqwest::Response {
    let script =
        welcome.split("Create a post:").nth(1).unwrap().trim().split("\n\n").next().unwrap().replace("\\\n", " ");
    // `printf` instead of curl prints one word per line, without the quotes.
    let words =
        std::process::Command::new("sh").args(["-c", &script.replacen("curl", "printf '%s\\n'", 1)]).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    let words: Vec<&str> = words.lines().collect();
    let after = |flag: &str| {
        words.windows(2).filter(move |pair| pair[0] == flag).map(|pair| pair[1].to_owned()).collect::<Vec<_>>()
    };
    let url = words.iter().find(|word| word.starts_with("http://")).unwrap();
    let mut request = client().request(after("-X")[0].parse().unwrap(), *url).body(after("-d")[0].clone());
    for header in after("-H") {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.send().await.unwrap()
}

async fn five_first_starts(database: &TestDatabase) {
    let sandbox = sandbox(database);
    let mut servers: Vec<Process> = (0..5).map(|number| sandbox.start(&number.to_string(), &[])).collect();
    for server in &mut servers {
        let base = server.base_url().await;
        assert_eq!(status(&format!("{base}/api/posts")).await, 200);
        assert_eq!(status(&format!("{base}/health/ready")).await, 200);
    }
    let key_count = || servers.iter().map(|server| keys(&server.stdout()).len()).sum::<usize>();
    wait_until("the key", async || key_count() > 0).await;
    assert_eq!(servers.iter().filter(|server| !server.stdout().is_empty()).count(), 1);
    let listed = sandbox.run(&["keys", "list"]).success();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let appliers = servers.iter().filter(|server| server.stderr().contains("applied migrations")).count();
    assert_eq!(appliers, 1);
}

#[on_both]
async fn only_the_first_start_prints_an_admin_key(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let mut first = sandbox.start("first", &[]);
    let base = first.base_url().await;
    let welcome = wait_for("the welcome", async || Some(first.stdout()).filter(|text| text.contains("/docs"))).await;
    let key = keys(&welcome)[0].to_owned();
    assert_eq!(welcome.matches(&format!("\n  {key}\n")).count(), 1, "{welcome}");
    let created = run_welcome_command(&welcome).await;
    assert_eq!(created.status(), 201);
    let post: Value = created.json().await.unwrap();
    let list: Value = client().get(format!("{base}/api/posts")).send().await.unwrap().json().await.unwrap();
    assert_eq!(list["items"], json!([post]));
    let admin = client().get(format!("{base}/api/keys")).bearer_auth(&key).send().await.unwrap();
    assert_eq!(admin.status(), 200);
    assert!(!first.final_log().await.contains(&key), "the key is in the log");

    let mut second = sandbox.start("second", &["serve"]);
    let base = second.base_url().await;
    assert_eq!(status(&format!("{base}/api/posts")).await, 200);
    let admin = client().get(format!("{base}/api/keys")).bearer_auth(&key).send().await.unwrap();
    assert_eq!(admin.status(), 200);
    assert_eq!(second.stdout(), "");
}

#[on_both]
async fn failed_bind_does_not_touch_the_database(database: TestDatabase) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for (setting, other) in [("PORT", "ADMIN_PORT"), ("ADMIN_PORT", "PORT")] {
        let mut sandbox = sandbox(&database);
        sandbox.set(other, "0");
        sandbox.set(setting, &address.port().to_string());
        let line = sandbox.run(&[]).error_line();
        assert!(line.contains(&format!("cannot listen on {address}: ")) && line.contains("in use"), "{line}");
        assert!(line.contains(&format!("set {setting} to another port")), "{line}");
        let untouched = sandbox.run(&["keys", "list"]).error_line();
        assert!(
            untouched.contains("there is no database") || untouched.contains("migrations are pending"),
            "{untouched}"
        );
    }
    let sandbox = sandbox(&database);
    let mut server = sandbox.start("server", &[]);
    server.base_url().await;
    wait_until("the key", async || !keys(&server.stdout()).is_empty()).await;
}

#[test]
fn one_port_for_both_listeners_is_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let sandbox = Sandbox::new([("PORT", port.as_str()), ("ADMIN_PORT", &port)]);
    let line = sandbox.run(&[]).error_line();
    assert!(line.contains(&format!("cannot listen on 127.0.0.1:{port}: ")), "{line}");
    assert_eq!(sandbox.files(), Vec::<String>::new());
}

#[on_both]
async fn configured_admin_key_replaces_the_first_key(database: TestDatabase) {
    let sandbox = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", "a-key-of-the-operators-own"),
    ]);
    let mut server = sandbox.start("server", &[]);
    let keys = format!("{}/api/keys", server.base_url().await);
    let response = client().get(keys).bearer_auth("a-key-of-the-operators-own").send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap(), json!({"items": []}));
    assert_eq!(server.stdout(), "");
    assert!(!server.final_log().await.contains("a-key-of-the-operators-own"));
}

#[on_both]
async fn five_concurrent_first_starts_create_one_key(database: TestDatabase) {
    five_first_starts(&database).await;
    for _ in 1..fault_rounds() {
        five_first_starts(&TestDatabase::create(database.engine).unwrap()).await;
    }
}

#[on_both]
async fn no_migrate_refuses_an_empty_database_unchanged(database: TestDatabase) {
    let sandbox = sandbox(&database);
    for _ in 0..2 {
        let line = sandbox.run(&["serve", "--no-migrate"]).error_line();
        assert!(line.contains("posts-api migrate"), "{line}");
    }
    let applied = sandbox.run(&["migrate"]).success();
    assert!(applied.starts_with("applied ") && applied.contains("create_posts"), "{applied}");
    assert!(sandbox.run(&["migrate"]).success().starts_with("applied 0 migrations"));
    let mut server = sandbox.start("server", &["serve", "--no-migrate"]);
    let base = server.base_url().await;
    assert_eq!(status(&format!("{base}/api/posts")).await, 200);
}

#[on_both]
async fn keys_commands_create_list_and_revoke(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let output = sandbox.run(&["keys", "create", "--role", "editor", "--name", "ci"]).success();
    let key = output.trim();
    assert_eq!(keys(&output), [key]);
    let listed = sandbox.run(&["keys", "list"]).success();
    let (head, row) = listed.trim().split_once('\n').unwrap();
    assert_eq!(head, "id  role    created_at                   expires_at  last_used_on  name");
    assert!(row.starts_with("1   editor  ") && row.ends_with("Z  -           -             ci"), "{listed}");
    assert!(!listed.contains(key), "{listed}");

    let mut server = sandbox.start("server", &[]);
    let url = format!("{}/api/posts", server.base_url().await);
    let write = || client().post(&url).bearer_auth(key).json(&json!({"title": "Made in CI"})).send();
    assert_eq!(write().await.unwrap().status(), 201);
    // The database already had a key, so this start created none.
    assert_eq!(server.stdout(), "");
    assert_eq!(sandbox.run(&["keys", "revoke", "1"]).success(), "revoked key 1\n");
    assert_eq!(write().await.unwrap().status(), 401);
    assert_eq!(sandbox.run(&["keys", "list"]).success().lines().count(), 1);
    for id in ["1", "2"] {
        assert!(sandbox.run(&["keys", "revoke", id]).error_line().contains(&format!("key {id} does not exist")));
    }
    for invalid in [["--role", "owner", "--name", "x"], ["--role", "editor", "--name", " "]] {
        sandbox.run(&[&["keys", "create"], &invalid[..]].concat()).error_line();
    }
}

/// `SHUTDOWN_GRACE` is longer than the test, so only the second signal ends the grace period.
#[on_both]
async fn sigterm_fails_readiness_before_the_process_exits(database: TestDatabase) {
    let mut sandbox = sandbox(&database);
    sandbox.set("SHUTDOWN_GRACE", "600");
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    assert_eq!(status(&format!("{base}/health/ready")).await, 200);
    server.signal("TERM");
    wait_until("readiness to fail", async || status(&format!("{base}/health/ready")).await == 503).await;
    assert_eq!(status(&format!("{base}/api/posts")).await, 200);
    assert_eq!(status(&format!("{base}/health/live")).await, 200);
    server.signal("TERM");
    assert!(server.wait_for_exit().await.success(), "{}", server.stderr());
}

#[on_both]
async fn signal_without_grace_exits_cleanly(database: TestDatabase) {
    let mut sandbox = sandbox(&database);
    for (signal, grace) in [("TERM", "0"), ("INT", "600")] {
        sandbox.set("SHUTDOWN_GRACE", grace);
        let mut server = sandbox.start(signal, &[]);
        server.base_url().await;
        server.signal(signal);
        assert!(server.wait_for_exit().await.success(), "{signal}: {}", server.stderr());
    }
}

#[on_both]
async fn log_has_colors_only_on_a_terminal(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let mut server = sandbox.start("server", &[]);
    server.base_url().await;
    let log = server.stderr();
    assert!(!log.contains('\u{1b}'), "{log:?}");
}

#[tokio::test]
async fn defaults_serve_from_posts_db() {
    // Only the port is set, so that tests can run in parallel.
    let sandbox = Sandbox::new([("PORT", "0")]);
    let mut server = sandbox.start("server", &[]);
    assert!(server.base_url().await.starts_with("http://127.0.0.1:"));
    assert!(sandbox.files().contains(&"posts.db".to_owned()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(sandbox.path("posts.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others may read posts.db: {mode:o}");
    }
}

#[tokio::test]
async fn flags_override_environment_overrides_env_file() {
    let sandbox = Sandbox::new([("PORT", "0")]);
    sandbox.write(".env", "DATABASE_URL=sqlite://from-file.db\nPORT=abc\n");
    let mut server = sandbox.start("file", &[]);
    server.base_url().await;
    assert!(sandbox.files().contains(&"from-file.db".to_owned()), "{:?}", sandbox.files());
    let mut server = sandbox.start("flag", &["--database-url", "sqlite://from-flag.db"]);
    server.base_url().await;
    assert!(sandbox.files().contains(&"from-flag.db".to_owned()), "{:?}", sandbox.files());
}

#[test]
fn openapi_command_needs_no_database() {
    let sandbox = Sandbox::new([("DATABASE_URL", "nonsense")]);
    let document = sandbox.run(&["openapi"]).success();
    assert_eq!(document, posts_api::openapi::to_json(&posts_api::routes::document()).unwrap());
    assert_eq!(sandbox.files(), Vec::<String>::new());
}

#[tokio::test]
async fn prisma_url_parameters_are_accepted() {
    let Some(database) = TestDatabase::create(crate::support::Engine::Postgres) else { return };
    for parameters in [
        "schema=public",
        "schema=blog",
        "schema=blog&connection_limit=3&pool_timeout=5",
        "pgbouncer=true",
        "connection_limit=1&pgbouncer=true",
        "sslmode=prefer&connect_timeout=10&socket_timeout=3&statement_cache_size=0",
        "sslaccept=accept_invalid_certs",
        "application_name=my%20blog",
    ] {
        let url = format!("{}?{parameters}", database.url);
        let sandbox = Sandbox::new([("DATABASE_URL", url.as_str()), ("PORT", "0")]);
        let key = sandbox.run(&["keys", "create", "--role", "editor", "--name", "x"]).success();
        let mut server = sandbox.start("server", &[]);
        let base = server.base_url().await;
        let posts = format!("{base}/api/posts");
        for _ in 0..3 {
            let post = json!({"title": parameters, "published": true});
            let created = client().post(&posts).bearer_auth(key.trim()).json(&post).send().await.unwrap();
            assert_eq!(created.status(), 201, "{parameters}");
        }
        let list: Value = client().get(posts).send().await.unwrap().json().await.unwrap();
        assert_eq!(list["items"][0]["title"], parameters);
        let warned = server.stderr().contains("WARN");
        assert_eq!(warned, parameters.contains("socket_timeout"), "{parameters}");
    }
    // Prisma's parameter `schema` names a PostgreSQL schema.
    execute(&mut database.connect(), "SELECT 1 / count(*) FROM blog.posts");
}
