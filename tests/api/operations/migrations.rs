//! Migrations while others use the database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use futures_util::future::join_all;
use posts_api::db::Backend;

use crate::support::api::ADMIN_KEY;
use crate::support::database::execute;
use crate::support::journal::Journal;
use crate::support::postgres::env_var;
use crate::support::program::{Process, Sandbox};
use crate::support::{Engine, TestDatabase, on_both, wait_for};

/// A migration holds readers up for a second at most; the rest is for a busy machine.
const READ_WITHIN: Duration = Duration::from_secs(1 + 3);

const UNDO: &str = include_str!("../../../migrations/postgres/2026-11-24-000002_count_changes/down.sql");

/// What a release may do to a schema that the one before it goes on with: see CONTRIBUTING.md.
const LATER_RELEASE: [&str; 7] = [
    "ALTER TABLE posts ADD COLUMN subtitle TEXT",
    "ALTER TABLE posts ADD COLUMN language TEXT NOT NULL DEFAULT 'en'",
    "ALTER TABLE api_keys ADD COLUMN purpose TEXT",
    "ALTER TABLE idempotency_keys ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1",
    "CREATE TABLE tags (post_id BIGINT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (post_id, name))",
    "CREATE INDEX posts_language ON posts (language, id)",
    "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')",
];

/// A database whose last migration is pending, which locks the table of the posts.
fn behind() -> Option<TestDatabase> {
    let database = TestDatabase::create(Engine::Postgres)?;
    database.migrate();
    let mut conn = database.connect();
    let Backend::Postgres(backend) = &mut conn.backend else { panic!("this is PostgreSQL") };
    backend.batch_execute(UNDO).unwrap();
    execute(&mut conn, "DELETE FROM __diesel_schema_migrations WHERE version = '20261124000002'");
    Some(database)
}

fn migrate(database: &TestDatabase) -> (Sandbox, Process) {
    let place = Sandbox::new([("DATABASE_URL", database.url.as_str())]);
    let running = place.start("migrate", &["migrate"]);
    (place, running)
}

/// Reads until `migrating` has given up once.
async fn read_meanwhile(database: &TestDatabase, migrating: &Process) {
    let mut reader = database.connect();
    wait_for("the migration to wait for the table", async || {
        let began = Instant::now();
        execute(&mut reader, "SELECT count(*) FROM posts");
        assert!(began.elapsed() < READ_WITHIN, "a reader waited for {:?}", began.elapsed());
        migrating.stderr().contains("trying again").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_migration_waits_for_a_long_reader_without_holding_up_the_others() {
    let Some(database) = behind() else { return };
    let mut long = database.connect();
    execute(&mut long, "BEGIN");
    execute(&mut long, "SELECT count(*) FROM posts");
    let (_place, mut migrating) = migrate(&database);
    read_meanwhile(&database, &migrating).await;
    execute(&mut long, "ROLLBACK");
    assert!(migrating.wait_for_exit().await.success(), "{}", migrating.stderr());
    assert!(migrating.stdout().starts_with("applied 1 migrations"), "{}", migrating.stdout());
}

#[tokio::test]
async fn a_migration_that_does_not_get_its_table_changes_nothing_and_says_why() {
    let Some(database) = behind() else { return };
    let mut long = database.connect();
    execute(&mut long, "BEGIN");
    execute(&mut long, "SELECT count(*) FROM posts");
    let (_place, mut migrating) = migrate(&database);
    read_meanwhile(&database, &migrating).await;
    assert!(!migrating.wait_for_exit().await.success());
    let told = migrating.stderr();
    let line = told.lines().last().unwrap();
    assert!(line.starts_with("error: cannot migrate the database: ") && line.contains("pg_stat_activity"), "{line}");
    execute(&mut long, "ROLLBACK");
    let (_place, mut migrating) = migrate(&database);
    assert!(migrating.wait_for_exit().await.success(), "{}", migrating.stderr());
}

#[on_both]
async fn every_migration_can_be_undone_and_applied_again(database: TestDatabase) {
    database.migrate();
    let kind = if database.engine == Engine::Sqlite { "sqlite" } else { "postgres" };
    let directory = format!("{}/migrations/{kind}", env!("CARGO_MANIFEST_DIR"));
    let files = FileBasedMigrations::from_path(directory).unwrap();
    let mut conn = database.connect();
    // One after the other, so that each down.sql is run on what its up.sql has made, and the reverse.
    let mut undone = 0;
    loop {
        let reverted = match &mut conn.backend {
            Backend::Sqlite(conn) => conn.revert_last_migration(files.clone()).map(drop),
            Backend::Postgres(conn) => conn.revert_last_migration(files.clone()).map(drop),
        };
        let Err(error) = reverted else {
            undone += 1;
            continue;
        };
        assert!(undone > 1 && error.to_string().contains("No migrations"), "after {undone}: {error}");
        break;
    }
    drop(conn);
    database.migrate();
    execute(&mut database.connect(), "INSERT INTO posts (slug, title) VALUES ('again', 'Again')");
}

#[on_both]
async fn a_release_goes_on_while_the_next_one_migrates_and_afterwards(database: TestDatabase) {
    let place = || {
        Sandbox::new([
            ("DATABASE_URL", database.url.as_str()),
            ("PORT", "0"),
            ("ADMIN_API_KEY", ADMIN_KEY),
            ("CACHE_BYTES", "0"),
        ])
    };
    // The release before this one where there is one, which is what scripts/previous-release gives; else this one.
    let old = match env_var("PREVIOUS_RELEASE") {
        Some(program) => place().with_program(program.into()),
        None => place(),
    };
    let new = place();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let read = async |base: &str| {
        for path in ["/api/posts?limit=100&count=exact", "/api/posts?q=changed", "/api/posts/1", "/api/keys"] {
            let answer = client.get(format!("{base}{path}")).bearer_auth(ADMIN_KEY).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}: {}", answer.text().await.unwrap());
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
    let more = async || {
        let enough = journal.acknowledged() + 100;
        wait_for("writes to be acknowledged", async || (journal.acknowledged() > enough).then_some(())).await;
        read(&base).await;
    };
    let migrate = async {
        // Statements are prepared by then, on every connection.
        more().await;
        let mut migrating = new.start("migrating", &["migrate"]);
        assert!(migrating.wait_for_exit().await.success(), "{}", migrating.stderr());
        more().await;
        for statement in LATER_RELEASE {
            database.execute(statement);
            more().await;
        }
        is_done.store(true, Ordering::Relaxed);
    };
    tokio::join!(join_all((0..4).map(|_| write())), migrate);
    running.kill();
    // One that is started anew in the middle of a rollout, or a rollback.
    let mut again = old.start("again", &["serve", "--no-migrate"]);
    let base = again.base_url().await;
    read(&base).await;
    for _ in 0..3 {
        assert!(journal.write(&base).await, "a write was refused: {}", again.stderr());
    }
    journal.check(&database);
    let made = old.run(&["keys", "create", "--role", "editor", "--name", "ci"]).success();
    let drafts = client.get(format!("{base}/api/posts?published=false")).bearer_auth(made.trim());
    assert_eq!(drafts.send().await.unwrap().status(), 200);
    let lines = old.run(&["export"]).success();
    let posts = lines.lines().filter(|line| line.contains("\"title\"")).count();
    assert_eq!(i64::try_from(posts).unwrap(), database.query_number("SELECT count(*) AS number FROM posts"));
}
