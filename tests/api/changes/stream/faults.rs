//! The database is down for a while.

use std::sync::Arc;

use super::client::StreamClient;
use super::{now, public};
use crate::support::cluster::Cluster;
use crate::support::{Api, TestDatabase, wait_for, wait_until};

#[tokio::test]
async fn a_stream_survives_a_crash_of_postgresql() {
    let Some(mut cluster) = Cluster::durable() else { return };
    let api = Api::start(&Arc::new(TestDatabase::of(&cluster)), |_| {});
    now(&api).await;
    let mut client = StreamClient::connect(api.server.address, "", &[]).await;
    for number in 0..3 {
        api.create(public(&format!("Before {number}"))).await;
        cluster.crash();
        cluster.restart();
        let title = public(&format!("After {number}"));
        wait_for("a write to succeed", async || {
            Some(api.admin().post("/api/posts", &title).await).filter(|reply| reply.status == 201)
        })
        .await;
        let slugs: Vec<_> = client.events(2).await.iter().map(|event| event["slug"].clone()).collect();
        assert_eq!(slugs, [format!("before-{number}"), format!("after-{number}")]);
    }
}

/// Browsers do not reconnect after a 503, and an instance learns up to where the log is complete only after its start.
#[tokio::test]
async fn a_stream_waits_until_the_end_of_the_log_is_known() {
    const ATTEMPTS: usize = 20;
    let Some(cluster) = Cluster::durable() else { return };
    let api = Api::start(&Arc::new(TestDatabase::of(&cluster)), |_| {});
    let cursor = now(&api).await;
    for _ in 0..ATTEMPTS {
        let paused = cluster.pause();
        let is_unknown = async || api.get("/api/changes").await.text().contains("changes_not_ready");
        wait_until("the watermark to be unknown", is_unknown).await;
        let (address, query) = (api.server.address, format!("?cursor={cursor}"));
        let opening = tokio::spawn(async move { StreamClient::open(address, &query, &[]).await });
        let streams = &api.server.streams;
        wait_until("the request", async || opening.is_finished() || streams.open() == 1).await;
        drop(paused);
        // On a busy machine, the database may respond again only after the stream has given up.
        if opening.await.unwrap().head.starts_with("HTTP/1.1 200 ") {
            return;
        }
        wait_until("the stream to end", async || streams.open() == 0).await;
    }
    panic!("{ATTEMPTS} streams did not wait");
}
