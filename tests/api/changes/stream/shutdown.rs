//! Streams end at a graceful shutdown, after the grace period.

use std::net::SocketAddr;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::client::StreamClient;
use super::slow_clients::small_socket;
use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
use crate::support::{TestDatabase, on_both};

/// If the server waited for the streams, it would drop the connections after 30 seconds, without the last chunk.
#[on_both]
async fn sigterm_ends_open_streams(database: TestDatabase) {
    let sandbox = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("SHUTDOWN_GRACE", "3600"),
    ]);
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let address: SocketAddr = base.strip_prefix("http://").unwrap().parse().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    crate::support::wait_until("the feed to be ready", async || {
        client.get(format!("{base}/api/changes?cursor=now")).send().await.unwrap().status() == 200
    })
    .await;
    // Clients that read nothing do not delay the end either: see `ConnectionState`.
    let start = client.get(format!("{base}/api/changes?cursor=now")).send().await.unwrap();
    let start: Value = serde_json::from_slice(&start.bytes().await.unwrap()).unwrap();
    let slug = "a".repeat(190);
    let posts = (0..2000).map(|number| json!({"title": "A", "slug": format!("{slug}-{number}"), "published": true}));
    database.import(&posts.collect::<Vec<_>>());
    let query = format!("?cursor={}", start["cursor"].as_str().unwrap());
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(StreamClient::on(small_socket(address), &query, &[]).await.expect_stream());
    }
    crate::support::wait_until("the import to be settled", async || {
        let page = client.get(format!("{base}/api/changes{query}&limit=1")).send().await.unwrap();
        page.text().await.unwrap().contains(&slug)
    })
    .await;
    let mut streams = join_all((0..500).map(|_| StreamClient::open(address, "", &[]))).await;
    server.signal("TERM");
    crate::support::wait_until("the grace period to begin", async || {
        client.get(format!("{base}/health/ready")).send().await.unwrap().status() == 503
    })
    .await;
    // During the grace period, changes are still sent.
    let post = client
        .post(format!("{base}/api/posts"))
        .bearer_auth(ADMIN_KEY)
        .json(&super::public("During"))
        .send()
        .await
        .unwrap();
    assert_eq!(post.status(), 201);
    for stream in &mut streams {
        while stream.next_event().await.json()["slug"] != "during" {}
    }
    // A second signal ends the grace period.
    server.signal("TERM");
    join_all(streams.iter_mut().map(StreamClient::wait_for_end)).await;
    assert!(streams.iter().all(|stream| stream.is_complete));
    assert!(server.wait_for_exit().await.success(), "{}", server.stderr());
}
