//! A panic in the middle of database work: its connection comes back clean, what it had written is undone, and nothing
//! beside it is touched.

use std::sync::mpsc;
use std::time::Duration;

use diesel::QueryResult;
use posts_api::db::{Connection, Database, PoolOptions};
use serde_json::json;

use crate::support::database::execute;
use crate::support::{Engine, TestDatabase, on_both};

/// One connection: if it were lost, or came back in a transaction, the next write would show it.
fn narrow(database: &TestDatabase) -> Database {
    database.migrate();
    database.import(&[json!({"id": 1, "title": "Stays", "published": true})]);
    let options = PoolOptions { size: 1, wait: Duration::from_secs(2) };
    Database::new(&database.parsed(), options).unwrap()
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

async fn panicked<T>(work: impl Future<Output = T> + Send + 'static) -> bool
where
    T: Send + 'static,
{
    tokio::spawn(work).await.is_err_and(|error| error.is_panic())
}

/// Whether exactly this title is stored, as another connection sees it.
fn is_stored(database: &TestDatabase, title: &str) -> bool {
    database.query_number(&format!("SELECT count(*) AS number FROM posts WHERE title = '{title}'")) == 1
}

#[on_both]
async fn a_panic_in_database_work_leaves_nothing_behind(database: TestDatabase) {
    let connections = narrow(&database);
    for round in 0..5 {
        let database_of = || connections.clone();
        let (a, b, c, d) = (database_of(), database_of(), database_of(), database_of());
        assert!(panicked(async move { a.read(read_and_panic).await }).await);
        assert!(panicked(async move { b.read_inline(read_and_panic).await }).await);
        assert!(panicked(async move { c.write(write_and_panic).await }).await);
        let refusing = |conn: &mut Connection| write_and_panic(conn).map(Ok::<(), ()>);
        assert!(panicked(async move { d.try_write(refusing).await }).await);
        assert!(!is_stored(&database, "Broken"));
        // Neither lost, nor in the transaction of the one that panicked.
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
async fn a_panic_touches_no_other_write_that_shares_its_commit(database: TestDatabase) {
    if database.engine == Engine::Postgres {
        return;
    }
    let connections = narrow(&database);
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
        // The writer is kept busy until all three wait, so that they are carried out together.
        let (release, released) = mpsc::channel::<()>();
        let (busy, is_busy) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let connections = connections.clone();
            async move {
                connections
                    .write(move |_| {
                        let _ = busy.send(());
                        let _ = released.recv();
                        Ok(())
                    })
                    .await
            }
        });
        is_busy.await.unwrap();
        let before = connections.commits().unwrap();
        let mut writes = Vec::new();
        for (number, panics) in [(1, false), (2, true), (3, false)] {
            let (connections, slug) = (connections.clone(), format!("{round}-{number}"));
            writes.push(tokio::spawn(async move {
                connections
                    .write(move |conn| {
                        insert(conn, &slug);
                        assert!(!panics, "in the middle of a group");
                        Ok(())
                    })
                    .await
            }));
        }
        crate::support::wait_until("all to wait", async || connections.queued_writes() == Some(3)).await;
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        let mut outcomes = Vec::new();
        for write in writes {
            outcomes.push(write.await);
        }
        assert!(matches!(outcomes[0], Ok(Ok(()))) && matches!(outcomes[2], Ok(Ok(()))), "{outcomes:?}");
        assert!(outcomes[1].as_ref().is_err_and(tokio::task::JoinError::is_panic), "{outcomes:?}");
        // One commit for the first, one for the three.
        shared += i32::from(connections.commits().unwrap() == before + 2);
        if shared == 5 {
            break;
        }
    }
    assert_eq!(shared, 5, "they did not share a commit");
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts WHERE slug LIKE '%-2'"), 0);
    let stored = database.query_number("SELECT count(*) AS number FROM posts WHERE slug LIKE '%-1' OR slug LIKE '%-3'");
    assert!(stored >= 10 && stored % 2 == 0, "{stored}");
}
