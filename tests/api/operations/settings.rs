//! Invalid settings: the program exits with one line that does not contain the password, and changes nothing.

use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase};

const SECRET: &str = "s3cret-of-the-tests";

/// Asserts that the program refuses to start with these settings and changes nothing. Returns the error.
fn startup_error(settings: &[(&str, &str)], flags: &[&str]) -> String {
    let sandbox = Sandbox::new(settings.iter().copied());
    for command in [flags.to_vec(), [&["migrate"], flags].concat()] {
        let line = sandbox.run(&command).error_line();
        assert!(line.starts_with("error: "), "{line}");
        assert!(!line.contains(SECRET), "{line}");
    }
    assert_eq!(sandbox.files(), Vec::<String>::new(), "the program created a file");
    sandbox.run(flags).error_line()
}

#[test]
fn database_url_without_a_database_is_refused() {
    for (url, expected) in [
        (format!("postgrse://user:{SECRET}@127.0.0.1/db"), "unknown scheme"),
        (format!("postgressql://user:{SECRET}@127.0.0.1/db"), "unknown scheme"),
        (format!("mysql://user:{SECRET}@127.0.0.1/db"), "unknown scheme"),
        ("sqlit://posts.db".into(), "unknown scheme"),
        ("SQLITE://posts.db".into(), "scheme"),
        ("posts.db".into(), "no scheme"),
        (format!("//user:{SECRET}@127.0.0.1/db"), "scheme"),
        (format!("user:{SECRET}@127.0.0.1/db"), "scheme"),
        ("sqlite://".into(), "no file"),
        ("sqlite::memory:".into(), "memory"),
        ("sqlite://posts.db?mode=rwc".into(), "parameters"),
        (format!("sqlite://user:{SECRET}@127.0.0.1/db"), "names a file"),
        (format!("postgres://user:{SECRET}#1@127.0.0.1/db"), "percent-encode"),
        (format!("postgresql:user:{SECRET}@127.0.0.1/db"), "slashes"),
        (format!("host=127.0.0.1 password={SECRET}"), "no scheme"),
        (format!("postgres://user:{SECRET}@127.0.0.1/db?sslmod=require"), "URL parameter 1"),
        (format!("prisma+postgres://accelerate.example/?api_key={SECRET}"), "Accelerate"),
        (format!("postgres://user:{SECRET}@127.0.0.1:99999/db"), "not a valid URL"),
        (format!("postgres://user:{SECRET}@127.0.0.1/db?connection_limit=0"), "connection_limit"),
        (format!("postgres://user:{SECRET}@127.0.0.1/db?schema=x&pgbouncer=true"), "pgbouncer"),
    ] {
        let line = startup_error(&[("DATABASE_URL", &url)], &[]);
        assert!(line.contains("DATABASE_URL") && line.contains(expected), "{url}: {line}");
    }
}

#[test]
fn unreachable_database_is_reported_with_its_address() {
    // The discard port: no server listens.
    for address in ["127.0.0.1:9", "no-such-host.invalid", "127.0.0.1:9,[::1]:9"] {
        let url = format!("postgres://user:{SECRET}@{address}/db?connect_timeout=2");
        let line = Sandbox::new([("DATABASE_URL", url.as_str())]).run(&[]).error_line();
        assert!(!line.contains(SECRET), "{line}");
    }
    let line = startup_error(&[("DATABASE_URL", &format!("postgres://user:{SECRET}@127.0.0.1:9/db"))], &[]);
    assert!(line.contains("postgres://user@127.0.0.1:9/db") && line.contains("refused"), "{line}");
    let line = startup_error(&[("DATABASE_URL", "sqlite:///no/such/directory/posts.db")], &[]);
    assert!(line.contains("/no/such/directory/posts.db"), "{line}");
    let line = startup_error(&[("DATABASE_URL", "sqlite:///")], &[]);
    assert!(line.contains("directory"), "{line}");
}

#[test]
fn wrong_password_is_reported_without_the_password() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let mut url = url::Url::parse(&database.url).unwrap();
    // The test cluster asks this role for a password, and accepts none.
    url.set_username("guarded").unwrap();
    // The second password is percent-encoded, so the decoded one differs.
    for password in [SECRET.to_owned(), format!("%40{SECRET}%3A")] {
        url.set_password(Some(&password)).unwrap();
        let line = startup_error(&[("DATABASE_URL", url.as_str())], &[]);
        let reasons = ["password authentication failed", "role \"guarded\" does not exist"];
        assert!(reasons.iter().any(|reason| line.contains(reason)), "{line}");
    }
}

#[test]
fn file_that_is_not_a_database_is_left_unchanged() {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://notes.txt")]);
    let notes = "These are notes and no database.\n".repeat(100);
    sandbox.write("notes.txt", &notes);
    let line = sandbox.run(&[]).error_line();
    assert!(line.contains("notes.txt"), "{line}");
    assert_eq!(std::fs::read_to_string(sandbox.path("notes.txt")).unwrap(), notes);
}

#[test]
fn invalid_value_is_reported_with_the_setting_name() {
    for (name, flag, values) in [
        ("PORT", "--port", vec!["abc", "-1", "65536"]),
        ("HOST", "--host", vec!["no-such-host", "300.0.0.1"]),
        ("ADMIN_API_KEY", "--admin-api-key", vec!["short", "with spaces in it, however long it may be"]),
        ("DB_POOL_SIZE", "--db-pool-size", vec!["0", "1001", "many"]),
        ("REQUIRE_IF_MATCH", "--require-if-match", vec!["maybe"]),
        ("SHUTDOWN_GRACE", "--shutdown-grace", vec!["-1", "soon", "3601"]),
        (
            "CORS_ALLOWED_ORIGINS",
            "--cors-allowed-origins",
            vec!["*", "https://a.example,https://b.example/path", "example.org"],
        ),
        (
            "RATE_LIMIT",
            "--rate-limit",
            vec![
                "on", "0", "100/s", "reads", "reads=", "reads=100", "reads=0/s", "reads=1000001/s", "reads=-1/s",
                "reads=10/d", "reads=off", "requests=10/s", "reads=1/s,reads=2/s", "reads=1/s,",
                "reads=1/s;writes=1/s",
            ],
        ),
        ("TRUSTED_PROXIES", "--trusted-proxies", vec!["10.0.0.0/33", "proxy.example", "10.0.0.1,", "*", "10.0.0.1:80"]),
        ("RUST_LOG", "--log", vec!["posts_api=loudly"]),
        ("LOG_FORMAT", "--log-format", vec!["xml", "JSON"]),
        ("SLOW_QUERY_MS", "--slow-query-ms", vec!["0", "-1", "1s", "3600001"]),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "--otel-exporter-otlp-endpoint",
            vec![
                "127.0.0.1:4318", "ftp://127.0.0.1", "grpc://127.0.0.1:4317", "http://",
                "http://user:pass@127.0.0.1:4318",
            ],
        ),
        (
            "SENTRY_DSN",
            "--sentry-dsn",
            vec!["https://sentry.example/1", "key@sentry.example/1", "https://key@sentry.example"],
        ),
        ("ADMIN_PORT", "--admin-port", vec!["off", "65536"]),
        ("ADMIN_HOST", "--admin-host", vec!["everywhere"]),
    ] {
        for value in values {
            let line = startup_error(&[(name, value)], &[]);
            assert!(line.contains(name) || line.contains(flag), "{name}={value}: {line}");
            assert!(!["ADMIN_API_KEY", "SENTRY_DSN"].contains(&name) || !line.contains(value), "{line}");
            assert!(!line.contains("user:pass"), "{line}");
            startup_error(&[], &[&format!("{flag}={value}")]);
        }
    }
}

#[test]
fn empty_setting_counts_as_unset() {
    let names = [
        "DATABASE_URL", "ADMIN_API_KEY", "CORS_ALLOWED_ORIGINS", "PORT", "HOST", "DB_POOL_SIZE", "REQUIRE_IF_MATCH",
        "SHUTDOWN_GRACE", "RATE_LIMIT", "TRUSTED_PROXIES", "RUST_LOG", "LOG_FORMAT", "SLOW_QUERY_MS", "ADMIN_PORT",
        "ADMIN_HOST", "OTEL_EXPORTER_OTLP_ENDPOINT", "SENTRY_DSN",
    ];
    let sandbox = Sandbox::new(names.map(|name| (name, "")));
    sandbox.run(&["migrate"]).success();
    assert!(sandbox.files().contains(&"posts.db".to_owned()), "{:?}", sandbox.files());
}

#[test]
fn white_space_around_a_value_is_removed() {
    let mut sandbox = Sandbox::new([("DATABASE_URL", " sqlite://posts.db\t\r\n"), ("PORT", " 0 ")]);
    sandbox.run(&["migrate"]).success();
    sandbox.set("DATABASE_URL", "  ");
    sandbox.run(&["--database-url", "sqlite:posts.db ", "migrate"]).success();
    sandbox.run(&["migrate"]).success();
    assert_eq!(sandbox.files(), ["posts.db"]);
}

#[test]
fn setting_with_invalid_characters_is_refused() {
    for value in ["sqlite://posts\n.db", "sqlite://posts\u{7}.db", "sqlite://posts\u{fffd}.db"] {
        let line = startup_error(&[("DATABASE_URL", value)], &[]);
        assert!(line.contains("DATABASE_URL: must not contain"), "{line}");
    }
}

#[test]
fn address_in_use_is_reported_in_one_line() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let line = Sandbox::new([("PORT", port.as_str()), ("RUST_LOG", "error")]).run(&[]).error_line();
    assert!(line.contains("in use"), "{line}");
}
