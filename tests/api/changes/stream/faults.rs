//! The database is down for a while.

use std::sync::Arc;

use super::client::StreamClient;
use super::{now, public};
use crate::support::cluster::Cluster;
use crate::support::{Api, TestDatabase, wait_for};

#[tokio::test]
async fn a_stream_survives_a_crash_of_postgresql() {
    let Some(mut cluster) = Cluster::durable() else { return };
    let api = Api::start(&Arc::new(TestDatabase::of(&cluster)), |_| {});
    now(&api).await;
    let mut client = StreamClient::open(api.server.address, "", &[]).await.expect_stream();
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
