//! Migrations while others use the database.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use posts_api::db::Backend;

use crate::support::database::execute;
use crate::support::program::{Running, Workplace, until};
use crate::support::{Kind, TestDatabase, on_both};

/// A migration holds readers up for a second at most; the rest is for a busy machine.
const READ_WITHIN: Duration = Duration::from_secs(1 + 3);

const UNDO: &str = include_str!("../../migrations/postgres/2026-11-24-000002_count_changes/down.sql");

/// A database whose last migration is pending, which locks the table of the posts.
fn behind() -> Option<TestDatabase> {
    let database = TestDatabase::create(Kind::Postgres)?;
    database.migrate();
    let mut conn = database.connect();
    let Backend::Postgres(backend) = &mut conn.backend else { panic!("this is PostgreSQL") };
    backend.batch_execute(UNDO).unwrap();
    execute(&mut conn, "DELETE FROM __diesel_schema_migrations WHERE version = '20261124000002'");
    Some(database)
}

fn migrate(database: &TestDatabase) -> (Workplace, Running) {
    let place = Workplace::new([("DATABASE_URL", database.url.as_str())]);
    let running = place.start("migrate", &["migrate"]);
    (place, running)
}

/// Reads until `migrating` has given up once.
async fn read_meanwhile(database: &TestDatabase, migrating: &Running) {
    let mut reader = database.connect();
    until("the migration to wait for the table", async || {
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
    assert!(migrating.ended().await.success(), "{}", migrating.stderr());
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
    assert!(!migrating.ended().await.success());
    let told = migrating.stderr();
    let line = told.lines().last().unwrap();
    assert!(line.starts_with("error: cannot migrate the database: ") && line.contains("pg_stat_activity"), "{line}");
    execute(&mut long, "ROLLBACK");
    let (_place, mut migrating) = migrate(&database);
    assert!(migrating.ended().await.success(), "{}", migrating.stderr());
}

on_both! {
    async fn every_migration_can_be_undone_and_applied_again(database: TestDatabase) {
        database.migrate();
        let kind = if database.kind == Kind::Sqlite { "sqlite" } else { "postgres" };
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
}
