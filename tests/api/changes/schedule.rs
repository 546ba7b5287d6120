//! A scheduled post is announced once, at its time, whichever instance publishes it.

use std::sync::Arc;

use super::{Follower, rows};
use crate::support::{Api, Engine, TestDatabase, on_both, wait_until};

#[on_both]
async fn a_scheduled_post_is_announced_once(database: TestDatabase) {
    const SCHEDULED: usize = 8;
    let database = Arc::new(database);
    let instances = if database.engine == Engine::Postgres { 3 } else { 1 };
    let apis: Vec<Api> = (0..instances).map(|_| Api::start(&database, |_| {})).collect();
    let mut follower = Follower::from_now(&apis[0]).await;
    for number in 0..SCHEDULED {
        apis[number % instances].create_scheduled().await;
    }
    wait_until("all posts to be announced", async || {
        follower.read(&apis[0], 100).await;
        follower.items.len() >= SCHEDULED
    })
    .await;
    follower.catch_up(&apis[0]).await;
    let mut ids: Vec<i64> = follower.items.iter().map(|item| item["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), follower.items.len(), rows(&database).len()), (SCHEDULED, SCHEDULED, SCHEDULED));
    for item in &follower.items {
        assert_eq!(item["type"], "post.published");
        assert_eq!(item["version"], 3);
        // Not before its time. SQLite has milliseconds.
        let milliseconds = |time: &serde_json::Value| time.as_str().unwrap()[..23].to_owned();
        assert!(milliseconds(&item["at"]) >= milliseconds(&item["post"]["published_at"]), "{item}");
    }
}
