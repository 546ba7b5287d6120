//! Standard output that is closed, full, or not read: no key is stored whose secret was not printed.

use std::fs::File;
use std::process::Stdio;

use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase, on_both, wait_for, wait_until};

const CREATE: &str = "posts-api keys create --role admin --name x";

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0")])
}

fn key_count(sandbox: &Sandbox) -> usize {
    sandbox.run(&["keys", "list"]).success().lines().count() - 1
}

fn contains_key(output: &str) -> bool {
    output.split_whitespace().any(|word| word.starts_with("posts_") && word.len() == 38)
}

fn unread_pipe_without_reader() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[on_both]
async fn first_start_stores_no_key_that_it_cannot_print(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let full = File::options().write(true).open("/dev/full").unwrap();
    // Rust replaces a closed standard output with the null device before `main` runs.
    let null = File::options().write(true).open("/dev/null").unwrap();
    let read_only = File::open("/dev/full").unwrap();
    for (name, stdout) in [
        ("full", full.into()),
        ("null", null.into()),
        ("read-only", read_only.into()),
        ("no-reader", unread_pipe_without_reader()),
    ] {
        let mut server = sandbox.start_with_outputs(name, Some(stdout), None);
        server.base_url().await;
        assert!(server.stderr().contains("created no admin key"), "{name}: {}", server.stderr());
        assert!(!contains_key(&server.stderr()), "{name}: {}", server.stderr());
        assert_eq!(key_count(&sandbox), 0, "{name}");
        server.signal("TERM");
        assert!(server.wait_for_exit().await.success(), "{name}");
    }
    let mut server = sandbox.start("server", &[]);
    server.base_url().await;
    wait_until("the key", async || contains_key(&server.stdout())).await;
    assert_eq!(key_count(&sandbox), 1);
}

#[on_both]
async fn first_start_without_any_output_stores_no_key(database: TestDatabase) {
    let sandbox = sandbox(&database);
    sandbox.run(&["migrate"]).success();
    let mut server =
        sandbox.start_with_outputs("server", Some(unread_pipe_without_reader()), Some(unread_pipe_without_reader()));
    // The server logs nowhere, so the test waits for the signal handler, which is installed before the key is created.
    wait_until("the signal handler", async || server.handles_sigterm()).await;
    // Repeated, because a signal at the moment in which the handler is installed can be lost.
    let status = wait_for("the exit", async || {
        server.signal("TERM");
        server.exit_status()
    });
    assert!(status.await.success());
    assert_eq!(key_count(&sandbox), 0);
}

#[on_both]
async fn keys_create_stores_no_key_that_it_cannot_print(database: TestDatabase) {
    let sandbox = sandbox(&database);
    sandbox.run(&["migrate"]).success();
    for redirection in [">/dev/full", ">/dev/null", ">&-", "1</dev/full"] {
        let line = sandbox.shell(&format!("{CREATE} {redirection}")).error_line();
        assert!(line.contains("not stored"), "{redirection}: {line}");
        assert_eq!(key_count(&sandbox), 0, "{redirection}");
    }
    // The right side ends only when the left side has ended: nothing reads the pipe, and 64 KiB fill it.
    let unread = sandbox.shell(&format!(
        "mkfifo gate; {{ head -c 65536 /dev/zero; {CREATE} || echo \"status $?\" >&2; echo > gate; }} \
         | cat gate >/dev/null"
    ));
    assert!(unread.stderr.contains("not stored") && unread.stderr.contains("status 1"), "{}", unread.stderr);
    // The left side starts after the right side has ended, so the pipe has no reader.
    let closed = sandbox.shell(&format!(
        "mkfifo closed; {{ cat closed >/dev/null; {CREATE} || echo \"status $?\" >&2; }} | {{ exec <&-; : > closed; }}"
    ));
    assert!(closed.stderr.contains("not stored") && closed.stderr.contains("status 1"), "{}", closed.stderr);
    assert_eq!(key_count(&sandbox), 0);
}

/// Lets the commit of every new key fail.
fn break_commits(database: &TestDatabase) {
    match database.engine {
        Engine::Sqlite => {
            database.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)");
            database.execute("CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)");
            database.execute(
                "CREATE TRIGGER break_commit AFTER INSERT ON api_keys BEGIN INSERT INTO child VALUES (1); END",
            );
        }
        Engine::Postgres => {
            database.execute(
                "CREATE FUNCTION break_commit() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'the commit fails'; END $$",
            );
            database.execute(
                "CREATE CONSTRAINT TRIGGER break_commit AFTER INSERT ON api_keys DEFERRABLE INITIALLY DEFERRED \
                 FOR EACH ROW EXECUTE FUNCTION break_commit()",
            );
        }
    }
}

#[on_both]
async fn failed_commit_reports_that_the_printed_key_is_invalid(database: TestDatabase) {
    let sandbox = sandbox(&database);
    sandbox.run(&["migrate"]).success();
    break_commits(&database);
    for arguments in [&["keys", "create", "--role", "admin", "--name", "x"][..], &["serve"]] {
        let output = sandbox.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(contains_key(&output.stdout), "{arguments:?}: {}", output.stdout);
        assert!(output.stderr.contains("the printed key may not work"), "{arguments:?}: {}", output.stderr);
        assert_eq!(key_count(&sandbox), 0, "{arguments:?}");
    }
}

#[test]
fn closed_pipe_ends_a_command_quietly_and_a_full_disk_does_not() {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db")]);
    sandbox.run(&["migrate"]).success();
    let outputs = ["openapi", "keys list", "export", "--help", "serve --help", "--version", "completions bash", "man"];
    for command in outputs {
        let closed = sandbox.shell(&format!(
            "rm -f closed; mkfifo closed; \
             {{ cat closed >/dev/null; posts-api {command} && echo 0 >&2 || echo $? >&2; }} \
             | {{ exec <&-; : > closed; }}"
        ));
        assert_eq!(closed.stderr, "0\n", "{command}");
    }
    for command in outputs.into_iter().filter(|command| *command != "export").chain(["migrate", "doctor"]) {
        let line = sandbox.shell(&format!("posts-api {command} >/dev/full")).error_line();
        assert!(line.contains("failed to write to standard output: No space left"), "{command}: {line}");
    }
    // The exit status of doctor is the result of the checks, also if its output is cut off.
    let doctor = sandbox.shell(
        "mkfifo doctor; \
         { cat doctor >/dev/null; posts-api doctor --database-url sqlite://missing.db || echo \"status $?\" >&2; } \
         | { exec <&-; : > doctor; }",
    );
    assert_eq!(doctor.stderr, "status 1\n");
}

/// The outcome of an import does not depend on whether its notes can be printed.
#[test]
fn import_with_broken_stderr_keeps_its_exit_status() {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db")]);
    sandbox.write("invalid.ndjson", "{\"title\": 1}\n");
    sandbox.write("valid.ndjson", "{\"title\": \"One\"}\n");
    for (file, status) in [("invalid.ndjson", 1), ("valid.ndjson", 0)] {
        let output = sandbox.shell(&format!("posts-api import {file} 2>/dev/full || exit $?"));
        assert_eq!(output.status.code(), Some(status), "{file}");
    }
}
