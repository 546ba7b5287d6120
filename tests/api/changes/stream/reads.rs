//! The number of database reads.

use std::sync::Arc;

use futures_util::future::join_all;

use super::client::StreamClient;
use super::{now, public};
use crate::support::{Api, TestDatabase, on_both, wait_until};

/// Opens many streams, publishes until the reads of one change are at most two, and returns the number of these. A poll
/// of PostgreSQL can fail at any time, and makes the streams read again.
async fn reads_of_one_change(api: &Api, count: usize) {
    api.create(public("First")).await;
    now(api).await;
    let address = api.server.address;
    let mut clients = join_all((0..count).map(|_| StreamClient::open(address, "", &[]))).await;
    assert_eq!(api.server.streams.open(), count as u64);
    wait_until("at most two reads", async || {
        let before = api.server.streams.reads();
        let post = api.create(public("Next")).await;
        let events = join_all(clients.iter_mut().map(StreamClient::next_event)).await;
        assert!(events.iter().all(|event| event.json()["id"] == post["id"]));
        api.server.streams.reads() <= before + 2
    })
    .await;
}

#[on_both]
async fn a_thousand_streams_share_their_reads(api: Api) {
    reads_of_one_change(&api, 1000).await;
}

#[on_both]
async fn streams_share_reads_without_the_response_cache(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.cache_bytes = 0);
    reads_of_one_change(&api, 50).await;
}

/// A stream waits for changes, and reads nothing meanwhile.
#[on_both]
async fn drafts_and_idle_streams_cause_no_reads(api: Api) {
    let draft = api.create(serde_json::json!({"title": "Draft"})).await;
    now(&api).await;
    let mut client = StreamClient::connect(api.server.address, "", &[]).await;
    api.create(public("A")).await;
    client.next_event().await;
    let before = api.server.streams.reads();
    for number in 0..20 {
        let title = serde_json::json!({"title": format!("Draft {number}")});
        api.editor().patch(&format!("/api/posts/{}", draft["id"]), &title).await.expect(200);
    }
    assert_eq!(api.server.streams.reads(), before);
}
