//! `doctor`: what is wrong is said, and nothing is changed.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::faults::full_disk::SmallDisk;
use crate::support::cluster::Cluster;
use crate::support::database::execute;
use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase, on_both};

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str())])
}

/// What it finds: the state and the words of each check. The exit code must agree with it.
#[track_caller]
fn examine(place: &Sandbox) -> BTreeMap<String, (String, String)> {
    let outcome = place.run(&["doctor"]);
    let checks: BTreeMap<String, (String, String)> = outcome
        .stdout
        .lines()
        .map(|line| {
            let (state, rest) = line.split_once(' ').unwrap();
            let (name, says) = rest.trim_start().split_once(' ').unwrap();
            (name.to_owned(), (state.to_owned(), says.trim_start().to_owned()))
        })
        .collect();
    assert_eq!(checks.len(), outcome.stdout.lines().count(), "a line each: {}", outcome.stdout);
    let is_wrong = checks.values().any(|(state, _)| state == "ERROR");
    assert_eq!(outcome.status.code(), Some(i32::from(is_wrong)), "{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.stderr, "");
    checks
}

/// That one check has this state and these words.
#[track_caller]
fn say(checks: &BTreeMap<String, (String, String)>, name: &str, state: &str, words: &str) {
    let (found, says) = checks.get(name).unwrap_or_else(|| panic!("no {name} in {checks:#?}"));
    assert!(found == state && says.contains(words), "{name} is {found}: {says}");
}

fn contents(database: &TestDatabase) -> BTreeMap<String, Vec<u8>> {
    let path = database.url.strip_prefix("sqlite://").unwrap();
    let directory = std::path::Path::new(path).parent().unwrap();
    let files = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
}

#[on_both]
async fn where_all_is_well_every_check_says_so(database: TestDatabase) {
    database.migrate();
    database.import(&[json!({"title": "A"}), json!({"title": "B", "published": true})]);
    let place = sandbox(&database);
    let checks = examine(&place);
    assert!(checks.values().all(|(state, _)| state == "ok"), "{checks:#?}");
    let names: Vec<&str> = checks.keys().map(String::as_str).collect();
    match database.engine {
        Engine::Sqlite => {
            assert_eq!(names, ["clock", "database", "directory", "disk", "file", "log", "schema", "settings"]);
        }
        Engine::Postgres => {
            assert_eq!(
                names,
                ["clock", "connections", "database", "privileges", "schema", "server", "settings", "tls"]
            );
        }
    }
    let outcome = place.run(&["doctor", "--json"]).success();
    let told: Value = serde_json::from_str(&outcome).unwrap();
    assert_eq!(told["ok"], true);
    assert_eq!(told["checks"].as_array().unwrap().len(), checks.len());
    assert_eq!(told["checks"][0], json!({"name": "settings", "status": "ok", "message": checks["settings"].1}));
}

#[on_both]
async fn pending_migrations_are_told_and_not_applied(database: TestDatabase) {
    // SQLite's file is there, and empty.
    drop(database.connect());
    let place = sandbox(&database);
    for _ in 0..2 {
        say(&examine(&place), "schema", "ERROR", "migrations are pending; run posts-api migrate");
    }
    assert_eq!(serde_json::from_str::<Value>(&place.run(&["doctor", "--json"]).stdout).unwrap()["ok"], false);
    place.run(&["migrate"]).success();
    say(&examine(&place), "schema", "ok", "all migrations");
}

#[on_both]
async fn a_database_of_a_newer_release_is_warned_of(database: TestDatabase) {
    database.migrate();
    database.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')");
    say(
        &examine(&sandbox(&database)),
        "schema",
        "warning",
        "a newer release has migrated the database (20991231000001)",
    );
}

#[on_both]
async fn settings_that_cannot_be_used_are_told_and_odd_ones_warned_of(database: TestDatabase) {
    database.migrate();
    let mut place = sandbox(&database);
    for (name, value, words) in [("PORT", "http", "PORT: must be"), ("RUST_LOG", "=!", "RUST_LOG")] {
        place.set(name, value);
        let checks = examine(&place);
        say(&checks, "settings", "ERROR", words);
        assert_eq!(checks.len(), 1);
        place.set(name, "");
    }
    if database.engine == Engine::Postgres {
        place.set("DATABASE_URL", &format!("{}?socket_timeout=3", database.url));
        say(&examine(&place), "settings", "warning", "the unknown parameter socket_timeout");
    }
}

#[on_both]
async fn it_serves_while_another_program_has_the_database(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    execute(&mut conn, "BEGIN");
    execute(&mut conn, "INSERT INTO posts (slug, title) VALUES ('a', 'A')");
    let checks = examine(&sandbox(&database));
    assert!(checks.values().all(|(state, _)| state == "ok"), "{checks:#?}");
    execute(&mut conn, "ROLLBACK");
}

#[test]
fn a_sqlite_database_is_left_byte_for_byte_at_rest_and_after_a_crash() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let place = sandbox(&database);
    let at_rest = contents(&database);
    assert_eq!(at_rest.len(), 1, "nobody has it open");
    examine(&place);
    assert!(contents(&database) == at_rest, "it was changed, or something was left beside it");

    // A copy of what a crash leaves: the log that nobody has copied into the database.
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
    let checks = examine(&crashed);
    assert!(checks.values().all(|(state, _)| state == "ok"), "{checks:#?}");
    assert!((files("posts.db"), files("posts.db-wal")) == before, "it was changed");
}

#[test]
fn a_file_that_is_not_there_is_told_and_not_made() {
    let place = Sandbox::new([("DATABASE_URL", "sqlite://posts.db")]);
    let checks = examine(&place);
    say(&checks, "file", "ERROR", "posts.db does not exist; run posts-api migrate");
    assert!(!checks.contains_key("database"));
    assert_eq!(place.files(), Vec::<String>::new());
    let place = Sandbox::new([("DATABASE_URL", "sqlite:///no/such/place/posts.db")]);
    say(&examine(&place), "directory", "ERROR", "/no/such/place");
}

#[test]
fn a_file_that_is_no_database_is_told() {
    let place = Sandbox::new([("DATABASE_URL", "sqlite://notes.txt")]);
    place.write("notes.txt", &"These are notes and no database.\n".repeat(100));
    say(&examine(&place), "database", "ERROR", "not a database");
}

#[test]
fn a_file_that_others_may_read_and_a_long_log_are_warned_of() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let path = database.url.strip_prefix("sqlite://").unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let log = std::fs::File::create(format!("{path}-wal")).unwrap();
    log.set_len(65 * 1024 * 1024).unwrap();
    let checks = examine(&sandbox(&database));
    say(&checks, "file", "warning", "chmod 600");
    say(&checks, "log", "warning", "65 MiB");
}

#[test]
fn a_post_from_the_future_is_warned_of() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    database.import(&[json!({"title": "A", "updated_at": "2999-01-01T00:00:00Z"})]);
    say(&examine(&sandbox(&database)), "clock", "warning", "2999-01-01T00:00:00.000000Z");
}

#[test]
fn a_disk_with_little_room_and_one_that_takes_no_writes_are_told() {
    let Some(disk) = SmallDisk::mount(32) else { return };
    let database = TestDatabase::at(&disk.database());
    database.migrate();
    let place = sandbox(&database);
    let checks = examine(&place);
    say(&checks, "disk", "ERROR", "MiB are free");
    say(&checks, "directory", "ok", "");
    disk.protect();
    let checks = examine(&place);
    say(&checks, "directory", "ERROR", "cannot create files");
    say(&checks, "file", "ERROR", "is not readable and writable");
}

#[test]
fn a_server_that_cannot_be_reached_is_told_without_the_password() {
    const SECRET: &str = "s3cret-of-the-tests";
    let url = format!("postgres://user:{SECRET}@127.0.0.1:9/db");
    let checks = examine(&Sandbox::new([("DATABASE_URL", url.as_str())]));
    say(&checks, "database", "ERROR", "check that the server is running");
    assert!(!format!("{checks:?}").contains(SECRET));
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let mut url = url::Url::parse(&database.url).unwrap();
    // On the cluster of the tests this one is asked for a password, and none is right.
    url.set_username("guarded").unwrap();
    url.set_password(Some(SECRET)).unwrap();
    let checks = examine(&Sandbox::new([("DATABASE_URL", url.as_str())]));
    assert!(!format!("{checks:?}").contains(SECRET));
    say(&checks, "database", "ERROR", "check user and password");
    url.set_username("postgres").unwrap();
    url.set_path("there_is_none");
    let checks = examine(&Sandbox::new([("DATABASE_URL", url.as_str())]));
    say(&checks, "database", "ERROR", "create it, or correct its name");
}

/// A role of the test's own, gone with it.
struct TestRole<'a> {
    database: &'a TestDatabase,
    name: String,
}

impl<'a> TestRole<'a> {
    fn create(database: &'a TestDatabase) -> Self {
        let name = format!("{}_role", url::Url::parse(&database.url).unwrap().path().trim_start_matches('/'));
        database.execute(&format!("CREATE ROLE {name} LOGIN"));
        Self { database, name }
    }

    fn url(&self) -> String {
        let mut url = url::Url::parse(&self.database.url).unwrap();
        url.set_username(&self.name).unwrap();
        url.into()
    }
}

impl Drop for TestRole<'_> {
    fn drop(&mut self) {
        self.database.execute(&format!("DROP OWNED BY {0}", self.name));
        self.database.execute(&format!("DROP ROLE {0}", self.name));
    }
}

#[test]
fn rights_that_the_user_lacks_are_named() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let role = TestRole::create(&database);
    let place = Sandbox::new([("DATABASE_URL", role.url().as_str())]);
    say(&examine(&place), "schema", "ERROR", "as a user that can create tables");
    database.migrate();
    database.execute(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}", role.name));
    database.execute(&format!("GRANT INSERT, UPDATE, DELETE ON posts, api_keys TO {}", role.name));
    let checks = examine(&place);
    say(
        &checks,
        "privileges",
        "ERROR",
        "the user lacks DELETE on idempotency_keys, INSERT on idempotency_keys, UPDATE on idempotency_keys; grant",
    );
    say(&checks, "schema", "ok", "");
    database.execute(&format!("GRANT INSERT, UPDATE, DELETE ON idempotency_keys TO {}", role.name));
    say(&examine(&place), "privileges", "warning", "UPDATE on the sequences");
    database.execute(&format!("GRANT UPDATE ON ALL SEQUENCES IN SCHEMA public TO {}", role.name));
    say(&examine(&place), "privileges", "ok", "");
}

#[test]
fn a_server_that_takes_no_writes_or_too_few_connections_or_has_another_time_is_told() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let mut place = sandbox(&database);
    place.set("DB_POOL_SIZE", "1000");
    say(&examine(&place), "connections", "ERROR", "lower DB_POOL_SIZE");
    let name = url::Url::parse(&database.url).unwrap().path().trim_start_matches('/').to_owned();
    // A clock of its own: names are looked up there first.
    database.execute(
        "CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
         $$ SELECT pg_catalog.clock_timestamp() - interval '90 seconds' $$",
    );
    database.execute(&format!("ALTER DATABASE {name} SET search_path = public, pg_catalog"));
    database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let checks = examine(&place);
    say(&checks, "server", "ERROR", "is read-only");
    say(&checks, "clock", "ERROR", "s ahead of the database's");
}

#[test]
fn a_replica_and_a_direct_way_are_told_of() {
    let Some(primary) = Cluster::durable() else { return };
    let standby = primary.standby();
    let database = TestDatabase::of(&primary);
    database.migrate();
    let mut place = sandbox(&database);
    place.set("DATABASE_READ_URL", standby.url.as_str());
    place.set("DATABASE_DIRECT_URL", &database.url);
    let checks = examine(&place);
    say(&checks, "replica", "ok", "is a standby of the primary");
    say(&checks, "direct", "ok", "is the same database");

    place.set("MAX_REPLICA_LAG", "1");
    standby.set_replay(false);
    database.execute("INSERT INTO posts (title) VALUES ('Not replayed')");
    let told = || examine(&place)["replica"].clone();
    let began = std::time::Instant::now();
    while told().0 == "ok" {
        assert!(began.elapsed().as_secs() < 60, "{:?}", told());
    }
    say(&examine(&place), "replica", "warning", "s behind, but MAX_REPLICA_LAG allows 1");
    standby.set_replay(true);
    say(&examine(&place), "replica", "ok", "is a standby of the primary");

    place.set("DATABASE_READ_URL", &database.url);
    say(&examine(&place), "replica", "warning", "not a standby");
    for name in ["DATABASE_READ_URL", "DATABASE_DIRECT_URL"] {
        place.set(name, "postgres://u:s3cret@127.0.0.1:9/x");
    }
    let checks = examine(&place);
    say(&checks, "replica", "warning", "host and port in DATABASE_READ_URL");
    say(&checks, "direct", "ERROR", "host and port in DATABASE_DIRECT_URL");
    assert!(!format!("{checks:?}").contains("s3cret"));
    let mut plain = primary.url.clone();
    plain.set_query(Some("sslmode=require"));
    for name in ["DATABASE_READ_URL", "DATABASE_DIRECT_URL"] {
        place.set(name, plain.as_str());
    }
    let checks = examine(&place);
    say(&checks, "replica", "warning", "check sslmode and sslrootcert in DATABASE_READ_URL");
    say(&checks, "direct", "ERROR", "check sslmode and sslrootcert in DATABASE_DIRECT_URL");
    let Some(other) = TestDatabase::create(Engine::Postgres) else { return };
    place.set("DATABASE_DIRECT_URL", &other.url);
    say(&examine(&place), "direct", "ERROR", "a different database than DATABASE_URL");
}
