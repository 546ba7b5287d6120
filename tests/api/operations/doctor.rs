//! `doctor` reports problems and changes nothing.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::faults::full_disk::SmallDisk;
use crate::support::database::execute;
use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase, on_both};

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str())])
}

/// The state and the message of each check, by its name.
pub(crate) type Checks = BTreeMap<String, (String, String)>;

/// Runs `doctor` and returns its checks. Asserts that the exit code agrees with them.
#[track_caller]
pub(crate) fn run_doctor(sandbox: &Sandbox) -> Checks {
    let outcome = sandbox.run(&["doctor"]);
    let checks: Checks = outcome
        .stdout
        .lines()
        .map(|line| {
            let (state, rest) = line.split_once(' ').unwrap();
            let (name, message) = rest.trim_start().split_once(' ').unwrap();
            (name.to_owned(), (state.to_owned(), message.trim_start().to_owned()))
        })
        .collect();
    assert_eq!(checks.len(), outcome.stdout.lines().count(), "one line per check: {}", outcome.stdout);
    let is_wrong = checks.values().any(|(state, _)| state == "ERROR");
    assert_eq!(outcome.status.code(), Some(i32::from(is_wrong)), "{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.stderr, "");
    checks
}

/// Asserts that a check has this state, and a message that contains `text`.
#[track_caller]
pub(crate) fn assert_check(checks: &Checks, name: &str, state: &str, text: &str) {
    let (actual, message) = checks.get(name).unwrap_or_else(|| panic!("no {name} in {checks:#?}"));
    assert!(actual == state && message.contains(text), "{name} is {actual}: {message}");
}

/// The files in the directory of a SQLite database.
fn contents(database: &TestDatabase) -> BTreeMap<String, Vec<u8>> {
    let path = database.url.strip_prefix("sqlite://").unwrap();
    let directory = std::path::Path::new(path).parent().unwrap();
    let files = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
}

#[on_both]
async fn healthy_setup_passes_every_check(database: TestDatabase) {
    database.migrate();
    database.import(&[json!({"title": "A"}), json!({"title": "B", "published": true})]);
    let sandbox = sandbox(&database);
    let checks = run_doctor(&sandbox);
    assert!(checks.values().all(|(state, _)| state == "ok"), "{checks:#?}");
    let names: Vec<&str> = checks.keys().map(String::as_str).collect();
    match database.engine {
        Engine::Sqlite => {
            assert_eq!(
                names,
                [
                    "changes", "clock", "database", "directory", "disk", "file", "log", "schema", "settings",
                    "streams", "webhooks"
                ]
            );
        }
        Engine::Postgres => {
            assert_eq!(
                names,
                [
                    "changes", "clock", "connections", "database", "privileges", "schema", "server", "settings",
                    "streams", "tls", "webhooks"
                ]
            );
        }
    }
    let outcome = sandbox.run(&["doctor", "--json"]).success();
    let report: Value = serde_json::from_str(&outcome).unwrap();
    assert_eq!(report["ok"], true);
    assert_eq!(report["checks"].as_array().unwrap().len(), checks.len());
    assert_eq!(report["checks"][0], json!({"name": "settings", "status": "ok", "message": checks["settings"].1}));
}

#[on_both]
async fn more_streams_than_connections_are_a_warning(database: TestDatabase) {
    database.migrate();
    let mut sandbox = sandbox(&database);
    for (requested, state, message) in [
        ("10", "ok", "up to 10 event streams"),
        ("0", "ok", "no event streams"),
        ("100000000", "warning", "MAX_STREAMS is 100000000, but the service serves at most"),
    ] {
        sandbox.set("MAX_STREAMS", requested);
        assert_check(&run_doctor(&sandbox), "streams", state, message);
    }
}

#[on_both]
async fn pending_migrations_are_reported_and_not_applied(database: TestDatabase) {
    // Creates an empty file on SQLite.
    drop(database.connect());
    let sandbox = sandbox(&database);
    for _ in 0..2 {
        assert_check(&run_doctor(&sandbox), "schema", "ERROR", "migrations are pending; run posts-api migrate");
    }
    assert_eq!(serde_json::from_str::<Value>(&sandbox.run(&["doctor", "--json"]).stdout).unwrap()["ok"], false);
    sandbox.run(&["migrate"]).success();
    assert_check(&run_doctor(&sandbox), "schema", "ok", "all migrations");
}

#[on_both]
async fn database_of_a_newer_release_is_a_warning(database: TestDatabase) {
    database.migrate();
    database.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')");
    assert_check(
        &run_doctor(&sandbox(&database)),
        "schema",
        "warning",
        "a newer release has migrated the database (20991231000001)",
    );
}

#[on_both]
async fn unusable_settings_fail_and_unusual_ones_warn(database: TestDatabase) {
    database.migrate();
    let mut sandbox = sandbox(&database);
    for (name, value, message) in [("PORT", "http", "PORT: must be"), ("RUST_LOG", "=!", "RUST_LOG")] {
        sandbox.set(name, value);
        let checks = run_doctor(&sandbox);
        assert_check(&checks, "settings", "ERROR", message);
        assert_eq!(checks.len(), 1);
        sandbox.set(name, "");
    }
    if database.engine == Engine::Postgres {
        sandbox.set("DATABASE_URL", &format!("{}?socket_timeout=3", database.url));
        assert_check(&run_doctor(&sandbox), "settings", "warning", "the parameter socket_timeout");
    }
}

#[on_both]
async fn works_while_another_program_uses_the_database(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    execute(&mut conn, "BEGIN");
    execute(&mut conn, "INSERT INTO posts (slug, title) VALUES ('a', 'A')");
    let checks = run_doctor(&sandbox(&database));
    assert!(checks.values().all(|(state, _)| state == "ok"), "{checks:#?}");
    execute(&mut conn, "ROLLBACK");
}

#[test]
fn sqlite_files_stay_byte_for_byte_unchanged() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let sandbox = sandbox(&database);
    let at_rest = contents(&database);
    assert_eq!(at_rest.len(), 1, "another connection is open");
    run_doctor(&sandbox);
    assert!(contents(&database) == at_rest, "doctor changed the file or created another one");

    // The files as a crash leaves them, with a WAL that is not checkpointed.
    let open = database.connect();
    database.execute("INSERT INTO posts (slug, title, published) VALUES ('a', 'A', TRUE)");
    let crashed = Sandbox::new([("DATABASE_URL", "sqlite://posts.db")]);
    for (name, bytes) in contents(&database) {
        if name != "posts.db-shm" {
            std::fs::write(crashed.path(&name), bytes).unwrap();
        }
    }
    drop(open);
    std::fs::set_permissions(crashed.path("posts.db"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let files = |name: &str| std::fs::read(crashed.path(name)).unwrap();
    let before = (files("posts.db"), files("posts.db-wal"));
    let checks = run_doctor(&crashed);
    assert!(checks.values().all(|(state, _)| state == "ok"), "{checks:#?}");
    assert!((files("posts.db"), files("posts.db-wal")) == before, "doctor changed a file");
}

#[test]
fn missing_file_is_reported_and_not_created() {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db")]);
    let checks = run_doctor(&sandbox);
    assert_check(&checks, "file", "ERROR", "posts.db does not exist; run posts-api migrate");
    assert!(!checks.contains_key("database"));
    assert_eq!(sandbox.files(), Vec::<String>::new());
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite:///no/such/place/posts.db")]);
    assert_check(&run_doctor(&sandbox), "directory", "ERROR", "/no/such/place");
}

#[test]
fn file_that_is_not_a_database_is_reported() {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://notes.txt")]);
    sandbox.write("notes.txt", &"These are notes and no database.\n".repeat(100));
    assert_check(&run_doctor(&sandbox), "database", "ERROR", "not a database");
}

#[test]
fn readable_file_and_long_wal_are_warnings() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let path = database.url.strip_prefix("sqlite://").unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let log = std::fs::File::create(format!("{path}-wal")).unwrap();
    log.set_len(65 * 1024 * 1024).unwrap();
    let checks = run_doctor(&sandbox(&database));
    assert_check(&checks, "file", "warning", "chmod 600");
    assert_check(&checks, "log", "warning", "65 MiB");
}

#[test]
fn post_from_the_future_is_a_warning() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    database.import(&[json!({"title": "A", "updated_at": "2999-01-01T00:00:00Z"})]);
    assert_check(&run_doctor(&sandbox(&database)), "clock", "warning", "2999-01-01T00:00:00.000000Z");
}

#[test]
fn small_and_read_only_disks_are_reported() {
    let Some(disk) = SmallDisk::mount(32) else { return };
    let database = TestDatabase::at(&disk.database());
    database.migrate();
    let sandbox = sandbox(&database);
    let checks = run_doctor(&sandbox);
    assert_check(&checks, "disk", "ERROR", "MiB are free");
    assert_check(&checks, "directory", "ok", "");
    disk.make_read_only();
    let checks = run_doctor(&sandbox);
    assert_check(&checks, "directory", "ERROR", "cannot create files");
    assert_check(&checks, "file", "ERROR", "is not readable and writable");
}
