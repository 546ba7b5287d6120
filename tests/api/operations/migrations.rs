//! Migrations while the service and external programs use the database.

use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::SimpleConnection;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use futures_util::future::join_all;
use posts_api::db::{Backend, Connection};

use crate::support::api::ADMIN_KEY;
use crate::support::database::execute;
use crate::support::journal::Journal;
use crate::support::postgres::env_var;
use crate::support::program::{Process, Sandbox};
use crate::support::{Engine, TestDatabase, on_both, wait_for};

const DOWN_SQL: &str = include_str!("../../../migrations/postgres/2026-11-24-000002_count_changes/down.sql");

/// Schema changes of a later release, which the previous release must tolerate: see CONTRIBUTING.md.
const LATER_RELEASE: [&str; 7] = [
    "ALTER TABLE posts ADD COLUMN subtitle TEXT",
    "ALTER TABLE posts ADD COLUMN language TEXT NOT NULL DEFAULT 'en'",
    "ALTER TABLE api_keys ADD COLUMN purpose TEXT",
    "ALTER TABLE idempotency_keys ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1",
    "CREATE TABLE tags (post_id BIGINT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (post_id, name))",
    "CREATE INDEX posts_language ON posts (language, id)",
    "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')",
];

/// A database with one pending migration, which locks the table `posts`.
fn with_pending_migration() -> Option<TestDatabase> {
    let database = TestDatabase::create(Engine::Postgres)?;
    database.migrate();
    let mut conn = database.connect();
    let Backend::Postgres(backend) = &mut conn.backend else { panic!("expected PostgreSQL") };
    backend.batch_execute(DOWN_SQL).unwrap();
    execute(&mut conn, "DELETE FROM __diesel_schema_migrations WHERE version = '20261124000002'");
    Some(database)
}

fn start_migration(database: &TestDatabase) -> (Sandbox, Process) {
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str())]);
    let migration = sandbox.start("migrate", &["migrate"]);
    (sandbox, migration)
}

/// A transaction that has read `posts`, so that a migration cannot lock the table.
fn begin_long_read(database: &TestDatabase) -> Connection {
    let mut conn = database.connect();
    execute(&mut conn, "BEGIN");
    execute(&mut conn, "SELECT count(*) FROM posts");
    conn
}

/// Reads until the migration has given up its lock once. The long read is still open, so a migration that blocked readers
/// for as long as it waits would let these reads fail.
async fn read_until_retry(database: &TestDatabase, migration: &Process) {
    let mut reader = database.connect();
    execute(&mut reader, "SET statement_timeout = '60s'");
    wait_for("the migration to wait for the table", async || {
        execute(&mut reader, "SELECT count(*) FROM posts");
        migration.stderr().contains("trying again").then_some(())
    })
    .await;
}

#[tokio::test]
async fn waiting_for_a_long_reader_does_not_block_others() {
    let Some(database) = with_pending_migration() else { return };
    let mut long_read = begin_long_read(&database);
    let (_sandbox, mut migration) = start_migration(&database);
    read_until_retry(&database, &migration).await;
    execute(&mut long_read, "ROLLBACK");
    assert!(migration.wait_for_exit().await.success(), "{}", migration.stderr());
    assert!(migration.stdout().starts_with("applied 1 migrations"), "{}", migration.stdout());
}

#[tokio::test]
async fn lock_timeout_changes_nothing_and_reports_why() {
    let Some(database) = with_pending_migration() else { return };
    let mut long_read = begin_long_read(&database);
    let (_sandbox, mut migration) = start_migration(&database);
    read_until_retry(&database, &migration).await;
    assert!(!migration.wait_for_exit().await.success());
    let log = migration.stderr();
    let line = log.lines().last().unwrap();
    assert!(line.starts_with("error: cannot migrate the database: ") && line.contains("pg_stat_activity"), "{line}");
    execute(&mut long_read, "ROLLBACK");
    let (_sandbox, mut migration) = start_migration(&database);
    assert!(migration.wait_for_exit().await.success(), "{}", migration.stderr());
}

#[on_both]
async fn every_migration_can_be_reverted_and_reapplied(database: TestDatabase) {
    database.migrate();
    let kind = if database.engine == Engine::Sqlite { "sqlite" } else { "postgres" };
    let directory = format!("{}/migrations/{kind}", env!("CARGO_MANIFEST_DIR"));
    let files = FileBasedMigrations::from_path(directory).unwrap();
    let mut conn = database.connect();
    // Reverts one migration at a time, so that each down.sql runs on the schema that its up.sql created.
    let mut count = 0;
    loop {
        let reverted = match &mut conn.backend {
            Backend::Sqlite(conn) => conn.revert_last_migration(files.clone()).map(drop),
            Backend::Postgres(conn) => conn.revert_last_migration(files.clone()).map(drop),
        };
        let Err(error) = reverted else {
            count += 1;
            continue;
        };
        assert!(count > 1 && error.to_string().contains("No migrations"), "after {count}: {error}");
        break;
    }
    drop(conn);
    database.migrate();
    execute(&mut database.connect(), "INSERT INTO posts (slug, title) VALUES ('again', 'Again')");
}

#[on_both]
async fn previous_release_works_during_and_after_migrations(database: TestDatabase) {
    let sandbox = || {
        Sandbox::new([
            ("DATABASE_URL", database.url.as_str()),
            ("PORT", "0"),
            ("ADMIN_API_KEY", ADMIN_KEY),
            ("CACHE_BYTES", "0"),
        ])
    };
    // The program that scripts/previous-release built, or this one if there is no previous release.
    let old = match env_var("PREVIOUS_RELEASE") {
        Some(program) => sandbox().with_program(program.into()),
        None => sandbox(),
    };
    let new = sandbox();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let read = async |base: &str| {
        for path in ["/api/posts?limit=100&count=exact", "/api/posts?q=changed", "/api/posts/1", "/api/keys"] {
            let response = client.get(format!("{base}{path}")).bearer_auth(ADMIN_KEY).send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}: {}", response.text().await.unwrap());
        }
    };
    let journal = Journal::new();
    let mut running = old.start("running", &[]);
    let base = running.base_url().await;
    let is_done = AtomicBool::new(false);
    let write = async || {
        while !is_done.load(Ordering::Relaxed) {
            assert!(journal.write(&base).await, "a write was refused: {}", running.stderr());
        }
    };
    let use_service = async || {
        let enough = journal.acknowledged() + 100;
        wait_for("writes to be acknowledged", async || (journal.acknowledged() > enough).then_some(())).await;
        read(&base).await;
    };
    let migrate = async {
        // Every connection has prepared its statements before the schema changes.
        use_service().await;
        let mut migration = new.start("migration", &["migrate"]);
        assert!(migration.wait_for_exit().await.success(), "{}", migration.stderr());
        use_service().await;
        for statement in LATER_RELEASE {
            database.execute(statement);
            use_service().await;
        }
        is_done.store(true, Ordering::Relaxed);
    };
    tokio::join!(join_all((0..4).map(|_| write())), migrate);
    running.kill();
    // An instance of the previous release that restarts during a rollout or a rollback.
    let mut restarted = old.start("restarted", &["serve", "--no-migrate"]);
    let base = restarted.base_url().await;
    read(&base).await;
    for _ in 0..3 {
        assert!(journal.write(&base).await, "a write was refused: {}", restarted.stderr());
    }
    journal.check(&database);
    let key = old.run(&["keys", "create", "--role", "editor", "--name", "ci"]).success();
    let drafts = client.get(format!("{base}/api/posts?published=false")).bearer_auth(key.trim());
    assert_eq!(drafts.send().await.unwrap().status(), 200);
    let lines = old.run(&["export"]).success();
    let posts = lines.lines().filter(|line| line.contains("\"title\"")).count();
    assert_eq!(i64::try_from(posts).unwrap(), database.query_number("SELECT count(*) AS number FROM posts"));
}
