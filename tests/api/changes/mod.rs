//! The change feed, and the log that it reads.

mod cached;
pub(crate) mod expiry;
mod external_writers;
mod faults;
mod feed;
mod gaps;
mod leaks;
mod log;
mod model_check;
mod order;
mod pages;
mod plans;
pub(crate) mod reset_during_read;
mod schedule;
mod stream;
mod upgrade;

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Text};
use serde_json::Value;

use crate::support::{Api, Call, Engine, TestDatabase, wait_until, when_ready};

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    post_id: i64,
    #[diesel(sql_type = SmallInt)]
    kind: i16,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    slug: String,
    #[diesel(sql_type = Nullable<Text>)]
    old_slug: Option<String>,
    #[diesel(sql_type = Bool)]
    bulk: bool,
}

/// The rows behind the first one of the log, in order.
fn rows(database: &TestDatabase) -> Vec<Row> {
    database
        .rows("SELECT seq, post_id, kind, version, slug, old_slug, bulk FROM post_changes WHERE kind <> 0 ORDER BY seq")
}

type Brief = (i64, i16, i64, String, Option<String>);

/// Post, kind, version, slug, and old slug of the rows.
fn brief(database: &TestDatabase) -> Vec<Brief> {
    rows(database).into_iter().map(|row| (row.post_id, row.kind, row.version, row.slug, row.old_slug)).collect()
}

fn expected(rows: &[(i64, i16, i64, &str, Option<&str>)]) -> Vec<Brief> {
    let row = |(id, kind, version, slug, old): &(i64, i16, i64, &str, Option<&str>)| {
        (*id, *kind, *version, (*slug).to_owned(), old.map(str::to_owned))
    };
    rows.iter().map(row).collect()
}

/// Waits until the feed of the instance contains every committed change.
pub(crate) async fn wait_until_settled(api: &Api) {
    if api.engine() == Engine::Sqlite {
        return;
    }
    let last = api.server.database.query_number("SELECT last_value AS number FROM posts_changes");
    wait_until("the changes to be settled", async || {
        api.server.connections.settled().is_some_and(|settled| settled.seq >= last)
    })
    .await;
}

/// A client that keeps its own copy of the public posts, with the rule of docs/api/changes.md.
#[derive(Debug, Default)]
struct Follower {
    cursor: Option<String>,
    posts: BTreeMap<i64, Value>,
    /// Every item since the follower began.
    items: Vec<Value>,
}

impl Follower {
    /// Begins at the end of the feed.
    async fn from_now(api: &Api) -> Self {
        wait_until_settled(api).await;
        let mut follower = Self { cursor: Some("now".to_owned()), ..Self::default() };
        assert!(!follower.read(api, 100).await);
        follower
    }

    fn path(&self, limit: u8) -> String {
        let cursor = self.cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        format!("/api/changes?limit={limit}{cursor}")
    }

    /// Reads a page with a key, past the cache. Returns whether there are more.
    async fn read(&mut self, api: &Api, limit: u8) -> bool {
        let page = feed_page(|| api.reader().get(&self.path(limit))).await;
        self.apply(&page)
    }

    /// Reads until the end of the feed.
    async fn catch_up(&mut self, api: &Api) {
        wait_until_settled(api).await;
        while self.read(api, 100).await {}
    }

    fn apply(&mut self, page: &Value) -> bool {
        for item in page["items"].as_array().unwrap() {
            let id = item["id"].as_i64().unwrap();
            self.items.push(item.clone());
            let version = |value: &Value| value["version"].as_i64().unwrap();
            if self.posts.get(&id).is_some_and(|post| version(post) > version(item)) {
                continue;
            }
            if item["post"].is_null() {
                self.posts.remove(&id);
            } else {
                assert_eq!((&item["post"]["id"], &item["post"]["version"]), (&item["id"], &item["version"]), "{item}");
                assert_eq!(item["post"]["slug"], item["slug"], "{item}");
                assert_eq!(item["post"]["published"], true, "{item}");
                self.posts.insert(id, item["post"].clone());
            }
        }
        self.cursor = Some(page["cursor"].as_str().unwrap().to_owned());
        page["has_more"].as_bool().unwrap()
    }

    /// Type, id, and slug of the items since the last call.
    fn take_items(&mut self) -> Vec<(String, i64, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        std::mem::take(&mut self.items)
            .iter()
            .map(|item| (text(&item["type"]), item["id"].as_i64().unwrap(), text(&item["slug"])))
            .collect()
    }
}

/// Sends the request until the feed is ready, and returns the page.
pub(crate) async fn feed_page(request: impl Fn() -> Call) -> Value {
    when_ready(request).await.json(200)
}

/// Every public post by its id, from the list.
async fn public_posts(api: &Api) -> BTreeMap<i64, Value> {
    let mut posts = BTreeMap::new();
    let mut path = "/api/posts?limit=100&sort=id".to_owned();
    loop {
        let page = api.reader().get(&path).await.json(200);
        for post in page["items"].as_array().unwrap() {
            posts.insert(post["id"].as_i64().unwrap(), post.clone());
        }
        let Some(cursor) = page["next_cursor"].as_str() else { return posts };
        path = format!("/api/posts?limit=100&sort=id&cursor={cursor}");
    }
}
