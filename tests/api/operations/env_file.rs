//! `.env`: what other programs write to it does not matter, and no message contains a value.

use serde_json::Value;

use crate::support::program::Sandbox;

const SECRET: &str = "s3cret-of-the-tests";

/// A sandbox whose `.env` begins with lines that dotenvy cannot parse.
fn shared_file(lines: &str) -> Sandbox {
    let sandbox = Sandbox::new([]);
    sandbox.write(".env", &format!("SITE_TITLE=Bob's blog\r\nMY-KEY=x\r\nexport OTHER=a\0b\r\n{lines}"));
    sandbox
}

#[test]
fn settings_after_lines_of_other_programs_apply() {
    let sandbox = shared_file("NAME=other\nexport DATABASE_URL = \"sqlite://${NAME}.db\" # the database\n");
    sandbox.run(&["migrate"]).success();
    assert_eq!(sandbox.files(), [".env", "other.db"]);
}

#[test]
fn invalid_setting_is_reported_with_file_and_line() {
    for (line, name) in [
        (format!("DATABASE_URL='postgres://user:{SECRET}@127.0.0.1/db"), "DATABASE_URL"),
        (format!("DATABASE_URL=postgres://user:{SECRET} x@127.0.0.1/db"), "DATABASE_URL"),
        (format!("DATABASE_URL: postgres://user:{SECRET}@127.0.0.1/db"), "DATABASE_URL"),
        (format!("ADMIN_API_KEY={SECRET}\0"), "ADMIN_API_KEY"),
        (format!("OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer {SECRET}"), "OTEL_EXPORTER_OTLP_HEADERS"),
    ] {
        let sandbox = shared_file(&line);
        for command in [&[][..], &["migrate"], &["--log", "trace", "keys", "list"]] {
            let error = sandbox.run(command).error_line();
            assert!(error.contains("/.env, line 4: ") && error.contains(name), "{line}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let report: Value = serde_json::from_str(&sandbox.run(&["doctor", "--json"]).stdout).unwrap();
        let message = report["checks"][0]["message"].as_str().unwrap();
        assert!(message.contains("/.env, line 4: ") && !message.contains("s3cret"), "{message}");
        assert_eq!(sandbox.files(), [".env"]);
    }
}

#[test]
fn file_and_skipped_lines_are_reported() {
    let sandbox = shared_file("RUST_LOG=debug\n");
    let expected = "/.env, except lines that are not NAME=value: 1, 2, 3";
    let log = sandbox.run(&["migrate"]).stderr;
    assert!(log.contains(expected), "{log}");
    let checks = sandbox.run(&["doctor"]).stdout;
    assert!(checks.contains(expected), "{checks}");
}

#[test]
fn empty_environment_variable_does_not_hide_the_file() {
    let sandbox = Sandbox::new([("DATABASE_URL", "")]);
    sandbox.write(".env", "DATABASE_URL=\nDATABASE_URL=sqlite://first.db\nDATABASE_URL=sqlite://second.db\n");
    sandbox.run(&["migrate"]).success();
    assert_eq!(sandbox.files(), [".env", "first.db"]);
}

#[test]
fn file_of_a_parent_directory_applies() {
    let sandbox = Sandbox::new([]);
    sandbox.write(".env", "DATABASE_URL=sqlite://posts.db\n");
    std::fs::create_dir_all(sandbox.path("a/b/.env")).unwrap();
    sandbox.shell("cd a/b && posts-api migrate").success();
    assert!(sandbox.path("a/b/posts.db").exists());
}

#[test]
fn unreadable_file_is_an_error() {
    let sandbox = Sandbox::new([]);
    std::os::unix::fs::symlink(".env", sandbox.path(".env")).unwrap();
    let error = sandbox.run(&["migrate"]).error_line();
    assert!(error.contains("failed to read") && error.contains("/.env: "), "{error}");
}
