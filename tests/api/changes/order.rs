//! PostgreSQL commits in another order than the log has. The feed waits for earlier rows.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::{Follower, wait_until_settled};
use crate::support::database::execute;
use crate::support::{Api, Engine, Fixture, TestDatabase, fault_rounds, wait_until};

fn insert(slug: &str) -> String {
    format!("INSERT INTO posts (slug, title, published) VALUES ('{slug}', 'A', TRUE)")
}

fn slugs(follower: &Follower) -> Vec<&str> {
    follower.items.iter().map(|item| item["slug"].as_str().unwrap()).collect()
}

/// The row of the open transaction precedes those that are committed meanwhile.
#[tokio::test]
async fn a_later_commit_of_an_earlier_row_is_not_skipped() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let mut follower = Follower::from_now(&api).await;
    for round in 0..fault_rounds() {
        let mut slow = api.server.database.connect();
        execute(&mut slow, "BEGIN");
        // In a subtransaction, whose ID is not listed in a snapshot.
        execute(&mut slow, "SAVEPOINT nested");
        execute(&mut slow, &insert(&format!("first-{round}")));
        execute(&mut slow, "RELEASE nested");
        for name in ["second", "third"] {
            api.create(json!({"title": name, "slug": format!("{name}-{round}"), "published": true})).await;
        }
        // Longer than the poller waits before it looks up locks.
        tokio::time::sleep(Duration::from_secs(1)).await;
        follower.read(&api, 100).await;
        assert_eq!(slugs(&follower), Vec::<&str>::new(), "round {round}");
        execute(&mut slow, if round % 2 == 0 { "COMMIT" } else { "ROLLBACK" });
        follower.catch_up(&api).await;
        let names = ["first", "second", "third"];
        let expected = names[usize::from(round % 2 == 1)..].iter().map(|name| format!("{name}-{round}"));
        assert_eq!(slugs(&follower), expected.collect::<Vec<_>>());
        follower.items.clear();
    }
}

/// Transactions overlap in every way, and some are rolled back.
#[tokio::test]
async fn writers_that_hold_transactions_lose_no_row() {
    const WRITERS: usize = 6;
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let mut follower = Follower::from_now(&api).await;
    let random = |below: u64| getrandom::u64().unwrap() % below;
    let rows = 10 * fault_rounds();
    let database = Arc::clone(&api.server.database);
    let writers = (0..WRITERS).map(|writer| {
        let database = Arc::clone(&database);
        tokio::task::spawn_blocking(move || {
            let mut conn = database.connect();
            for row in 0..rows {
                execute(&mut conn, "BEGIN");
                execute(&mut conn, &insert(&format!("w{writer}-{row}")));
                execute(&mut conn, &format!("SELECT pg_sleep({} / 1000.0)", random(300)));
                execute(&mut conn, if random(5) == 0 { "ROLLBACK" } else { "COMMIT" });
            }
        })
    });
    let writers = tokio::spawn(join_all(writers.collect::<Vec<_>>()));
    while !writers.is_finished() {
        follower.read(&api, 100).await;
        tokio::task::yield_now().await;
    }
    writers.await.unwrap().into_iter().for_each(|writer| writer.unwrap());
    follower.catch_up(&api).await;
    let stored: Vec<String> = super::rows(&database).into_iter().map(|row| row.slug).collect();
    assert_eq!(slugs(&follower), stored);
}

/// Neither in another database of the server, nor in another table, nor of a draft.
#[tokio::test]
async fn other_long_transactions_do_not_delay_the_feed() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let Some(other) = TestDatabase::create(Engine::Postgres) else { return };
    let mut follower = Follower::from_now(&api).await;
    let mut open = [other.connect(), api.server.database.connect(), api.server.database.connect()];
    execute(&mut open[0], "CREATE TABLE written (number integer)");
    for (conn, sql) in open.iter_mut().zip([
        "INSERT INTO written VALUES (1)", "CREATE TABLE written (number integer)",
        "INSERT INTO posts (slug, title) VALUES ('draft', 'Draft')",
    ]) {
        execute(conn, "BEGIN");
        execute(conn, sql);
    }
    for number in 0..3 {
        api.create(json!({"title": "A", "published": true})).await;
        wait_until("the change to show", async || {
            follower.read(&api, 100).await;
            follower.items.len() == number + 1
        })
        .await;
    }
    for conn in &mut open {
        execute(conn, "ROLLBACK");
    }
}

/// An instance that knows less than the one that returned the cursor returns it again.
#[tokio::test]
async fn a_cursor_of_an_instance_that_knows_more_is_valid() {
    let Some(database) = TestDatabase::create(Engine::Postgres).map(Arc::new) else { return };
    let apis = [(); 2].map(|()| Api::start(&database, |_| {}));
    let mut follower = Follower::from_now(&apis[0]).await;
    for number in 0..50 {
        apis[0].create(json!({"title": "A", "published": true})).await;
        wait_until("the change to show", async || {
            follower.read(&apis[0], 100).await;
            follower.items.len() == number + 1
        })
        .await;
        // At once, so that the other instance has often not polled yet.
        follower.read(&apis[1], 100).await;
        assert_eq!(follower.items.len(), number + 1);
    }
    wait_until_settled(&apis[1]).await;
}
