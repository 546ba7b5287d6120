//! Concurrent renames on PostgreSQL. On SQLite, only one write runs at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::result::{DatabaseErrorKind, Error};

use super::{assert_flags_match, assert_stored, by_slug};
use crate::support::database::{execute, try_execute};
use crate::support::{Api, Engine, Fixture, TestDatabase, wait_until};

/// The aliases that are also the slug of a published post.
const SHADOWED: &str = "SELECT count(*) AS number FROM post_aliases JOIN posts USING (slug) WHERE posts.published";

fn with_post() -> Option<Arc<TestDatabase>> {
    let database = Arc::new(TestDatabase::create(Engine::Postgres)?);
    database.migrate();
    database.execute("INSERT INTO posts (id, slug, title, published) VALUES (1, 'a', 'A', true), (2, 'd', 'D', false)");
    Some(database)
}

/// Runs `second` on another thread while the transaction of `first` is open, commits `first` once `second` waits, and
/// returns the result of `second`.
async fn run_behind(database: &Arc<TestDatabase>, first: &str, second: &'static str) -> diesel::QueryResult<()> {
    let mut transaction = database.connect();
    execute(&mut transaction, "BEGIN");
    execute(&mut transaction, first);
    let other = Arc::clone(database);
    let waiting = tokio::task::spawn_blocking(move || try_execute(&mut other.connect(), second));
    let blocked = "SELECT count(*) AS number FROM pg_locks WHERE NOT granted";
    wait_until("the statement to wait", async || database.query_number(blocked) > 0).await;
    execute(&mut transaction, "COMMIT");
    waiting.await.unwrap()
}

#[tokio::test]
async fn slug_taken_during_a_rename_leaves_no_alias() {
    for take in [
        "INSERT INTO posts (id, slug, title, published) VALUES (3, 'a', 'New', true)",
        "UPDATE posts SET slug = 'a', published = true WHERE id = 2",
        "INSERT INTO posts (slug, title) VALUES ('d', 'D')
             ON CONFLICT (slug) DO UPDATE SET slug = 'a', published = true",
    ] {
        let Some(database) = with_post() else { return };
        run_behind(&database, "UPDATE posts SET slug = 'b' WHERE id = 1", take).await.unwrap();
        assert_stored(&database, &[]);
    }
}

#[tokio::test]
async fn alias_inserted_during_an_unpublish_is_hidden() {
    let Some(database) = with_post() else { return };
    let insert = "INSERT INTO post_aliases (slug, post_id) VALUES ('old', 1)";
    run_behind(&database, "UPDATE posts SET published = false WHERE id = 1", insert).await.unwrap();
    assert_stored(&database, &[("old", 1)]);
}

/// A transaction with a snapshot of its own cannot see the alias that it should remove.
#[tokio::test]
async fn alias_behind_a_live_slug_is_not_served() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let database = &api.server.database;
    database.execute("INSERT INTO posts (id, slug, title, published) VALUES (1, 'a', 'A', true)");
    let mut transaction = database.connect();
    execute(&mut transaction, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    execute(&mut transaction, "SELECT count(*) FROM posts");
    database.execute("UPDATE posts SET slug = 'b' WHERE id = 1");
    execute(&mut transaction, "INSERT INTO posts (id, slug, title, published) VALUES (2, 'a', 'New', true)");
    execute(&mut transaction, "COMMIT");
    assert_eq!(database.query_number(SHADOWED), 1);
    wait_until("the post shows", async || api.get(&by_slug("a")).await.status == 200).await;
    let redirects = api.get("/api/redirects").await.json(200);
    assert_eq!(redirects["items"], serde_json::json!([]));
}

#[tokio::test]
async fn concurrent_renames_keep_the_rules_and_rarely_deadlock() {
    const WRITERS: u32 = 6;
    const WRITES: u32 = 60;
    const SLUGS: u32 = 40;
    let Some(database) = with_post() else { return };
    for id in 10..10 + WRITERS {
        database.execute(&format!("INSERT INTO posts (id, slug, title, published) VALUES ({id}, 'p-{id}', 'A', true)"));
    }
    let deadlocks = Arc::new(AtomicU32::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (database, deadlocks) = (Arc::clone(&database), Arc::clone(&deadlocks));
            tokio::task::spawn_blocking(move || {
                let mut conn = database.connect();
                let mut state = writer + 1;
                for _ in 0..WRITES {
                    // A linear congruential generator: each writer has its own sequence of slugs.
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let (slug, published) = ((state >> 16) % SLUGS, (state >> 8) % 5 > 0);
                    let id = 10 + writer;
                    let sql = format!("UPDATE posts SET slug = 's-{slug}', published = {published} WHERE id = {id}");
                    match try_execute(&mut conn, &sql) {
                        Ok(()) | Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {}
                        Err(error) if error.to_string().contains("deadlock") => {
                            deadlocks.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => panic!("{sql}: {error}"),
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(database.query_number(SHADOWED), 0);
    assert_flags_match(&database);
    // Two posts that swap their slugs deadlock in the unique index, without aliases too.
    let deadlocks = deadlocks.load(Ordering::Relaxed);
    assert!(deadlocks * 20 < WRITERS * WRITES, "{deadlocks} deadlocks in {} writes", WRITERS * WRITES);
}
