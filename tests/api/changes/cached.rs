//! Many clients that poll are one read.

use futures_util::future::join_all;
use serde_json::json;

use super::feed_page;
use crate::support::{Api, Engine, on_both, wait_for, wait_until};

#[on_both]
async fn polling_clients_share_one_read(api: Api) {
    api.create(json!({"title": "A", "published": true})).await;
    super::wait_until_settled(&api).await;
    let cursor = feed_page(|| api.get("/api/changes?cursor=now")).await["cursor"].as_str().unwrap().to_owned();
    let path = format!("/api/changes?cursor={cursor}");
    // A poll of PostgreSQL can discard the cache at any time.
    wait_until("one read for all", async || {
        let before = api.server.cache.reads();
        let replies = join_all((0..100).map(|_| api.get(&path).into_future())).await;
        replies.iter().all(|reply| reply.status == 200) && api.server.cache.reads() <= before + 1
    })
    .await;
    let ready = async || Some(api.get(&path).await).filter(|reply| reply.status == 200);
    let reply = wait_for("the feed to be ready", ready).await;
    let tag = reply.header("etag").unwrap();
    assert_eq!(reply.header("cache-control"), Some("public, no-cache"));
    let unchanged =
        async || Some(api.get(&path).header("if-none-match", tag).await).filter(|reply| reply.status == 304);
    assert!(wait_for("the feed to be unchanged", unchanged).await.body.is_empty());
    api.create(json!({"title": "B", "published": true})).await;
    wait_until("the change to show", async || api.get(&path).header("if-none-match", tag).await.status == 200).await;
    let page = feed_page(|| api.get(&path)).await;
    assert_eq!(page["items"][0]["id"], 2);
    let keyed = async || Some(api.reader().get(&path).await).filter(|reply| reply.status == 200);
    assert_eq!(wait_for("the feed", keyed).await.header("cache-control"), Some("private, no-cache"));
}

/// On SQLite, the response to a write and the feed agree at once.
#[tokio::test]
async fn a_write_shows_at_once_on_sqlite() {
    let Some(api) = <Api as crate::support::Fixture>::on(Engine::Sqlite) else { return };
    let mut path = "/api/changes".to_owned();
    for _ in 0..50 {
        let post = api.create(json!({"title": "A", "published": true})).await;
        let page = api.get(&path).await.json(200);
        assert_eq!(page["items"][0]["id"], post["id"]);
        path = format!("/api/changes?cursor={}", page["cursor"].as_str().unwrap());
        assert_eq!(api.get(&path).await.json(200)["items"], json!([]));
    }
}
