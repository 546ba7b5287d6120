//! Migrations: they can be reverted, they wait for locks without blocking readers, and the previous release keeps
//! server while they are applied and afterwards.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use futures_util::future::join_all;
use posts_api::db::{Backend, Connection};

use crate::support::api::ADMIN_KEY;
use crate::support::database::execute;
use crate::support::journal::Journal;
use crate::support::postgres::env_var;
use crate::support::program::{Process, Sandbox};
use crate::support::{Engine, TestDatabase, http_client, on_both, wait_until};

/// Changes that a later release may make while the previous one runs: see migrations/README.md.
const LATER_RELEASE: [&str; 7] = [
    "ALTER TABLE posts ADD COLUMN later_column TEXT",
    "ALTER TABLE posts ADD COLUMN language TEXT NOT NULL DEFAULT 'en'",
    "ALTER TABLE api_keys ADD COLUMN purpose TEXT",
    "ALTER TABLE idempotency_keys ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1",
    "CREATE TABLE tags (post_id BIGINT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (post_id, name))",
    "CREATE INDEX posts_language ON posts (language, id)",
    "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')",
];

fn directory(engine: Engine) -> String {
    let name = if engine == Engine::Sqlite { "sqlite" } else { "postgres" };
    format!("{}/migrations/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Whether there was a migration to revert.
fn revert_last(conn: &mut Connection, files: &FileBasedMigrations) -> bool {
    let reverted = match &mut conn.backend {
        Backend::Sqlite(conn) => conn.revert_last_migration(files.clone()).map(drop),
        Backend::Postgres(conn) => conn.revert_last_migration(files.clone()).map(drop),
    };
    let Err(error) = reverted else { return true };
    assert!(error.to_string().contains("No migrations"), "{error}");
    false
}

/// A PostgreSQL database in which `search_posts` and the later migrations are pending. The first one adds a column to
/// `posts`: it needs an ACCESS EXCLUSIVE lock.
fn with_pending_migrations() -> Option<TestDatabase> {
    let database = TestDatabase::create(Engine::Postgres)?;
    database.migrate();
    let mut conn = database.connect();
    let files = FileBasedMigrations::from_path(directory(Engine::Postgres)).unwrap();
    let is_applied = "SELECT count(*) AS number FROM information_schema.columns
        WHERE table_name = 'posts' AND column_name = 'search'";
    while database.query_number(is_applied) > 0 {
        assert!(revert_last(&mut conn, &files));
    }
    Some(database)
}

fn start_migration(database: &TestDatabase) -> (Sandbox, Process) {
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str())]);
    let migration = sandbox.start("migrate", &["migrate"]);
    (sandbox, migration)
}

/// Reads until the migration has hit its lock timeout once. The long read is still open, so a migration that blocked
/// readers for as long as it waits would let these reads fail.
async fn read_until_lock_timeout(database: &TestDatabase, migration: &Process) {
    let mut reader = database.connect();
    execute(&mut reader, "SET statement_timeout = '60s'");
    wait_until("the migration to hit its lock timeout", async || {
        execute(&mut reader, "SELECT count(*) FROM posts");
        migration.stderr().contains("will retry")
    })
    .await;
}

#[tokio::test]
async fn waiting_for_a_long_reader_does_not_block_others() {
    let Some(database) = with_pending_migrations() else { return };
    let mut long_read = database.connect();
    execute(&mut long_read, "BEGIN");
    execute(&mut long_read, "SELECT count(*) FROM posts");
    let (_sandbox, mut migration) = start_migration(&database);
    read_until_lock_timeout(&database, &migration).await;
    execute(&mut long_read, "ROLLBACK");
    assert!(migration.wait_for_exit().await.success(), "{}", migration.stderr());
    assert!(migration.stdout().contains("search_posts"), "{}", migration.stdout());
}

#[tokio::test]
async fn lock_timeout_changes_nothing_and_reports_why() {
    let Some(database) = with_pending_migrations() else { return };
    let mut long_read = database.connect();
    execute(&mut long_read, "BEGIN");
    execute(&mut long_read, "SELECT count(*) FROM posts");
    let (_sandbox, mut migration) = start_migration(&database);
    read_until_lock_timeout(&database, &migration).await;
    assert!(!migration.wait_for_exit().await.success());
    let stderr = migration.stderr();
    let line = stderr.lines().last().unwrap();
    assert!(line.starts_with("error: cannot migrate the database: ") && line.contains("pg_stat_activity"), "{line}");
    execute(&mut long_read, "ROLLBACK");
    let (_sandbox, mut migration) = start_migration(&database);
    assert!(migration.wait_for_exit().await.success(), "{}", migration.stderr());
}

#[test]
fn migrations_are_pairs() {
    let names = |engine| -> BTreeSet<String> {
        let entries = std::fs::read_dir(directory(engine)).unwrap().map(Result::unwrap);
        let files = ["up.sql", "down.sql"];
        entries
            .inspect(|entry| assert!(files.iter().all(|file| entry.path().join(file).is_file()), "{entry:?}"))
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect()
    };
    assert_eq!(names(Engine::Sqlite), names(Engine::Postgres));
}

#[on_both]
async fn every_migration_can_be_reverted_and_reapplied(database: TestDatabase) {
    database.migrate();
    let directory = directory(database.engine);
    let files = FileBasedMigrations::from_path(&directory).unwrap();
    let mut conn = database.connect();
    // One at a time, so that each down.sql runs on the result of its up.sql.
    let mut reverted = 0;
    while revert_last(&mut conn, &files) {
        reverted += 1;
    }
    assert_eq!(reverted, std::fs::read_dir(directory).unwrap().count());
    drop(conn);
    database.migrate();
    execute(&mut database.connect(), "INSERT INTO posts (slug, title) VALUES ('restarted', 'Again')");
}

#[on_both]
async fn previous_release_runs_while_next_one_migrates(database: TestDatabase) {
    let sandbox = || {
        Sandbox::new([
            ("DATABASE_URL", database.url.as_str()),
            ("PORT", "0"),
            ("ADMIN_API_KEY", ADMIN_KEY),
            ("CACHE_BYTES", "0"),
        ])
    };
    // scripts/previous-release sets the variable. Without it, this release stands in for the previous one.
    let old = match env_var("PREVIOUS_RELEASE") {
        Some(program) => sandbox().with_program(program.into()),
        None => sandbox(),
    };
    let new = sandbox();
    let client = http_client().build().unwrap();
    let read = async |base: &str| {
        for path in ["/api/posts?limit=100&count=exact", "/api/posts?q=changed", "/api/posts/1", "/api/keys"] {
            let response = client.get(format!("{base}{path}")).bearer_auth(ADMIN_KEY).send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}: {}", response.text().await.unwrap());
        }
    };
    let journal = Journal::new();
    let mut server = old.start("server", &[]);
    let base = server.base_url().await;
    let is_done = AtomicBool::new(false);
    let write = async || {
        while !is_done.load(Ordering::Relaxed) {
            assert!(journal.write(&base).await, "a write failed: {}", server.stderr());
        }
    };
    let use_service = async || {
        let minimum = journal.acknowledged() + 100;
        wait_until("writes to be acknowledged", async || journal.acknowledged() > minimum).await;
        read(&base).await;
    };
    let migrate = async {
        // After this, every connection of the old release has prepared its statements.
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
    server.kill();
    // The old release also starts on the new schema: during a rollout, or after a rollback.
    let mut restarted = old.start("restarted", &["serve", "--no-migrate"]);
    let base = restarted.base_url().await;
    read(&base).await;
    for _ in 0..3 {
        assert!(journal.write(&base).await, "a write failed: {}", restarted.stderr());
    }
    journal.check(&database);
    let key = old.run(&["keys", "create", "--role", "editor", "--name", "ci"]).success();
    let drafts = client.get(format!("{base}/api/posts?published=false")).bearer_auth(key.trim());
    assert_eq!(drafts.send().await.unwrap().status(), 200);
    let lines = old.run(&["export"]).success();
    let posts = lines.lines().filter(|line| line.contains("\"title\"")).count();
    assert_eq!(i64::try_from(posts).unwrap(), database.query_number("SELECT count(*) AS number FROM posts"));
}
