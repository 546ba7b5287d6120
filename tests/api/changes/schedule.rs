//! A scheduled post is announced once, at its time, whichever instance publishes it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::{Follower, rows};
use crate::support::{Api, Engine, TestDatabase, on_both, wait_until};

#[on_both]
async fn a_scheduled_post_is_announced_once(database: TestDatabase) {
    const SCHEDULED: usize = 8;
    let database = Arc::new(database);
    let instances = if database.engine == Engine::Postgres { 3 } else { 1 };
    let apis: Vec<Api> = (0..instances).map(|_| Api::start(&database, |_| {})).collect();
    let mut follower = Follower::from_now(&apis[0]).await;
    let mut scheduled = BTreeSet::new();
    for number in 0..SCHEDULED {
        scheduled.insert(apis[number % instances].create_scheduled().await["id"].as_i64().unwrap());
    }
    // On a busy machine, `create_scheduled` creates and deletes further posts.
    let announced = |follower: &Follower| -> Vec<Value> {
        let is_scheduled = |item: &&Value| scheduled.contains(&item["id"].as_i64().unwrap());
        follower.items.iter().filter(is_scheduled).cloned().collect()
    };
    wait_until("all posts to be announced", async || {
        follower.read(&apis[0], 100).await;
        announced(&follower).len() >= SCHEDULED
    })
    .await;
    follower.catch_up(&apis[0]).await;
    let items = announced(&follower);
    let ids: BTreeSet<i64> = items.iter().map(|item| item["id"].as_i64().unwrap()).collect();
    let logged = rows(&database).into_iter().filter(|row| scheduled.contains(&row.post_id)).count();
    assert_eq!((ids, items.len(), logged), (scheduled.clone(), SCHEDULED, SCHEDULED));
    for item in &items {
        assert_eq!(item["type"], "post.published");
        assert_eq!(item["version"], 3);
        // Not before its time. SQLite has milliseconds.
        let milliseconds = |time: &Value| time.as_str().unwrap()[..23].to_owned();
        assert!(milliseconds(&item["at"]) >= milliseconds(&item["post"]["published_at"]), "{item}");
    }
}
