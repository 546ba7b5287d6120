//! Keys and passwords appear neither in the database nor in logs, responses, and error messages.

use std::path::Path;

use posts_api::config::Settings;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase, http_client, on_both, wait_for};

/// The password as encoded in a URL.
const PASSWORD_IN_URL: &str = "hush%21hush%40hush";
const PASSWORDS: [&str; 3] = [PASSWORD_IN_URL, "hush!hush@hush", "hush"];

/// The occurrences of `secrets` in the files of a directory.
fn occurrences(directory: &Path, secrets: &[&str]) -> Vec<String> {
    let mut occurrences = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for secret in secrets {
            if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                occurrences.push(format!("{secret:?} in {}", path.display()));
            }
        }
    }
    occurrences
}

#[on_both]
async fn keys_are_in_neither_the_database_nor_the_log(database: TestDatabase) {
    let sandbox = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("RUST_LOG", "trace"),
    ]);
    let from_command = sandbox.run(&["keys", "create", "--role", "editor", "--name", "ci"]).success().trim().to_owned();
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let client = http_client().build().unwrap();
    let call = |method: Method, path: &str, key: &str| {
        client.request(method, format!("{base}{path}")).bearer_auth(key).json(&json!({"name": "x", "role": "reader"}))
    };
    let created: Value = call(Method::POST, "/api/keys", ADMIN_KEY).send().await.unwrap().json().await.unwrap();
    let created = created["key"].as_str().unwrap();
    let invalid =
        ["posts_mfrggzdfmztwq2lknnwg23tpobyxe43u", "a-key-that-an-attacker-guessed", "inv\u{e4}lid-and-not-ascii"];
    let secrets = [ADMIN_KEY, &from_command, created, invalid[0], invalid[1], invalid[2]];
    for key in secrets {
        for (method, path) in [
            (Method::GET, "/api/posts"),
            (Method::GET, "/api/keys"),
            (Method::POST, "/api/posts"),
            (Method::POST, "/api/posts/batch"),
            (Method::DELETE, "/api/keys/99"),
            (Method::GET, "/nowhere"),
            (Method::GET, "/health/live"),
        ] {
            let response = call(method, path, key).header("idempotency-key", "once").send().await.unwrap();
            let text = format!("{:?}", response.headers()) + &response.text().await.unwrap();
            assert!(secrets.iter().all(|secret| !text.contains(secret)), "{path}: {text}");
        }
        for scheme in ["Basic", "Token", ""] {
            let request = client.get(format!("{base}/api/keys")).header("authorization", format!("{scheme} {key}"));
            let text = request.send().await.unwrap().text().await.unwrap();
            assert!(!text.contains(key), "{text}");
        }
    }
    // The server records key usage in the background.
    wait_for("the last use to be recorded", async || {
        let listed = sandbox.run(&["keys", "list"]).success();
        listed.lines().skip(1).all(|key| key.split_whitespace().nth(4) != Some("-")).then_some(())
    })
    .await;
    match database.engine {
        Engine::Sqlite => {
            let file = database.url.trim_start_matches("sqlite://");
            let directory = Path::new(file).parent().unwrap();
            assert!(std::fs::read_dir(directory).unwrap().count() > 1, "the WAL file exists");
            assert_eq!(occurrences(directory, &secrets), Vec::<String>::new());
        }
        Engine::Postgres => {
            for table in [
                "posts", "api_keys", "idempotency_keys", "post_aliases", "post_changes", "webhooks", "webhook_attempts",
            ] {
                for secret in secrets {
                    let rows = format!("SELECT count(*) AS number FROM {table} AS t WHERE t::text LIKE '%{secret}%'");
                    assert_eq!(database.query_number(&rows), 0, "{secret:?} in {table}");
                }
            }
        }
    }
    assert!(server.final_log().await.contains("TRACE"), "the log has trace events");
    assert_eq!(occurrences(&sandbox.path("."), &secrets), Vec::<String>::new());
}

#[test]
fn configuration_output_hides_keys_and_passwords() {
    let url = format!("postgres://user:{PASSWORD_IN_URL}@localhost/posts?sslpassword={PASSWORD_IN_URL}");
    let variable = |name: &str| match name {
        "DATABASE_URL" => Some(url.clone()),
        "ADMIN_API_KEY" => Some(ADMIN_KEY.to_owned()),
        "SENTRY_DSN" => Some("https://hushpublic:hushsecret@sentry.example/1".to_owned()),
        _ => None,
    };
    let config = Settings::default().check(variable).unwrap();
    let output = format!("{config:?} {} {:?}", config.database, config.warnings);
    for secret in PASSWORDS.iter().chain(&[ADMIN_KEY]) {
        assert!(!output.contains(secret), "{secret}: {output}");
    }
}

#[test]
fn invalid_url_errors_hide_the_password() {
    for url in [
        "postgres://user:<>@127.0.0.1:1/posts", "postgres://user:<>@/posts", "postgres://user:<>@host:port/posts",
        "postgress://user:<>@host/posts", "mysql://user:<>@host/posts", "user:<>@host/posts",
        "postgres://user:<>@[::1/posts", "postgresql://user:<>@no-such-host.invalid/posts",
        "postgres://127.0.0.1:1/posts?user=user&password=<>",
        "postgres://user:<>@127.0.0.1:1/posts?connection_limit=many",
        "postgres://user:<>@127.0.0.1:1/posts?sslmode=no", "sqlite://user:<>@host/no/such/directory/posts.db", "<>",
    ] {
        let url = url.replace("<>", PASSWORD_IN_URL);
        let sandbox = Sandbox::new([("DATABASE_URL", url.as_str()), ("PORT", "0"), ("RUST_LOG", "trace")]);
        for command in [&["serve"][..], &["migrate"], &["keys", "list"], &["export"]] {
            let outcome = sandbox.run(command);
            assert!(!outcome.status.success(), "{url}");
            for password in PASSWORDS {
                assert!(!outcome.stderr.contains(password), "{url}: {}", outcome.stderr);
                assert!(!outcome.stdout.contains(password), "{url}: {}", outcome.stdout);
            }
        }
    }
}

#[test]
fn unencoded_special_characters_reveal_no_part() {
    for special in ["#", "/", "?", "@", ":", "%", "[", "]", "&", " ", ",", "'", "\\"] {
        let password = ["hush", "husk", "husl"].join(special);
        for url in ["postgres://user:<>@127.0.0.1:9/posts", "postgresql://127.0.0.1:9/posts?user=user&password=<>"] {
            let url = url.replace("<>", &password);
            let names = ["DATABASE_URL", "DATABASE_DIRECT_URL", "DATABASE_READ_URL"];
            let mut sandbox = Sandbox::new([("DATABASE_URL", "postgres://127.0.0.1:9/posts"), ("RUST_LOG", "trace")]);
            for (name, command) in names.iter().zip([&["serve"][..], &["doctor"], &["doctor", "--json"]]) {
                sandbox.set(name, &url);
                let outcome = sandbox.run(command);
                assert!(!outcome.status.success(), "{url}");
                let output = outcome.stdout + &outcome.stderr;
                assert!(!output.contains("hus"), "{name}={url}: {output}");
            }
        }
    }
}

#[tokio::test]
async fn lost_database_errors_hide_the_password() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    // The test cluster requires no password, but must not reveal one that is set.
    let mut url = url::Url::parse(&database.url).unwrap();
    if url.password().is_some() {
        return;
    }
    if url.username().is_empty() {
        url.set_username("postgres").unwrap();
    }
    url.set_password(Some("hush!hush@hush")).unwrap();
    let sandbox = Sandbox::new([
        ("DATABASE_URL", url.as_str()),
        ("PORT", "0"),
        ("RUST_LOG", "trace"),
        ("ADMIN_API_KEY", ADMIN_KEY),
    ]);
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let client = http_client().build().unwrap();
    let list = async || client.get(format!("{base}/api/posts?limit=7")).send().await.unwrap();
    assert_eq!(list().await.status(), 200);
    database.destroy();
    wait_for("503 responses", async || (list().await.status() == 503).then_some(())).await;
    let response = list().await.text().await.unwrap();
    wait_for("the log message", async || server.stderr().contains("cannot open").then_some(())).await;
    let log = server.final_log().await;
    for password in PASSWORDS {
        assert!(!log.contains(password) && !response.contains(password), "{log}");
    }
}
