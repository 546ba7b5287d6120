//! A panic during database work: its writes are rolled back, its connection returns to the pool, and no other request
//! is affected.

use std::sync::mpsc;

use diesel::QueryResult;
use posts_api::db::{Connection, Database, Endpoints, PoolOptions};
use serde_json::json;

use crate::support::api::POOL_WAIT;
use crate::support::database::execute;
use crate::support::{Engine, TestDatabase, commits, on_both, queued_writes, wait_until};

/// Opens a pool with one connection, and another one for long reads. If they were lost or returned inside a
/// transaction, one of the next calls would fail.
fn pool_of_one(database: &TestDatabase) -> Database {
    database.migrate();
    database.import(&[json!({"id": 1, "title": "Stays", "published": true})]);
    Database::new(&database.parsed(), &Endpoints::default(), PoolOptions::new(1, POOL_WAIT)).unwrap()
}

fn write(conn: &mut Connection, title: &str) {
    execute(conn, &format!("UPDATE posts SET title = '{title}' WHERE id = 1"));
}

fn write_and_panic(conn: &mut Connection) -> QueryResult<()> {
    write(conn, "Broken");
    panic!("in the middle of a write");
}

fn read_and_panic(conn: &mut Connection) -> QueryResult<()> {
    execute(conn, "SELECT 1");
    panic!("in the middle of a read");
}

async fn panics<T>(work: impl Future<Output = T> + Send + 'static) -> bool
where
    T: Send + 'static,
{
    tokio::spawn(work).await.is_err_and(|error| error.is_panic())
}

/// Whether another connection sees a post with this title.
fn is_stored(database: &TestDatabase, title: &str) -> bool {
    database.query_number(&format!("SELECT count(*) AS number FROM posts WHERE title = '{title}'")) == 1
}

#[on_both]
async fn panic_rolls_back_and_releases_the_connection(database: TestDatabase) {
    let connections = pool_of_one(&database);
    for round in 0..5 {
        let [a, b, c, d] = [(); 4].map(|()| connections.clone());
        assert!(panics(async move { a.read(read_and_panic).await }).await);
        assert!(panics(async move { b.read_inline(read_and_panic).await }).await);
        assert!(panics(async move { c.write(write_and_panic).await }).await);
        let try_write = |conn: &mut Connection| write_and_panic(conn).map(Ok::<(), ()>);
        assert!(panics(async move { d.try_write(try_write).await }).await);
        assert!(!is_stored(&database, "Broken"));
        // The connection is neither lost nor still in the transaction.
        connections.ping().await.unwrap();
        let title = format!("After {round}");
        let stored = title.clone();
        connections
            .write(move |conn| {
                write(conn, &stored);
                Ok(())
            })
            .await
            .unwrap();
        assert!(is_stored(&database, &title));
        connections
            .write_each(|conn| {
                write(conn, "Stays");
                Ok(())
            })
            .await
            .unwrap();
        assert!(is_stored(&database, "Stays"));
    }
}

#[on_both]
async fn panic_does_not_affect_other_writes_in_the_batch(database: TestDatabase) {
    if database.engine == Engine::Postgres {
        return;
    }
    let connections = pool_of_one(&database);
    let insert = |conn: &mut Connection, slug: &str| {
        execute(
            conn,
            &format!(
                "INSERT INTO posts (slug, title, created_at) SELECT '{slug}', title, created_at FROM posts WHERE id = 1"
            ),
        );
    };
    let mut shared = 0;
    for round in 0..50 {
        // The first write blocks the writer until three more are queued, so that these share a batch.
        let (release, released) = mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let connections = connections.clone();
            async move {
                connections
                    .write(move |_| {
                        let _ = started.send(());
                        let _ = released.recv();
                        Ok(())
                    })
                    .await
            }
        });
        has_started.await.unwrap();
        let before = commits(&connections).unwrap();
        let mut writes = Vec::new();
        for (number, is_panicking) in [(1, false), (2, true), (3, false)] {
            let (connections, slug) = (connections.clone(), format!("{round}-{number}"));
            writes.push(tokio::spawn(async move {
                connections
                    .write(move |conn| {
                        insert(conn, &slug);
                        assert!(!is_panicking, "in the middle of a batch");
                        Ok(())
                    })
                    .await
            }));
        }
        wait_until("three writes to be queued", async || queued_writes(&connections) == Some(3)).await;
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        let mut outcomes = Vec::new();
        for write in writes {
            outcomes.push(write.await);
        }
        assert!(matches!(outcomes[0], Ok(Ok(()))) && matches!(outcomes[2], Ok(Ok(()))), "{outcomes:?}");
        assert!(outcomes[1].as_ref().is_err_and(tokio::task::JoinError::is_panic), "{outcomes:?}");
        // One commit for the first write, one for the batch. On a busy machine the batch may be split.
        shared += i32::from(commits(&connections).unwrap() == before + 2);
        if shared == 5 {
            break;
        }
    }
    assert_eq!(shared, 5, "the writes did not share a commit");
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts WHERE slug LIKE '%-2'"), 0);
    let stored = database.query_number("SELECT count(*) AS number FROM posts WHERE slug LIKE '%-1' OR slug LIKE '%-3'");
    assert!(stored >= 10 && stored % 2 == 0, "{stored}");
}
