//! Nothing of a draft appears in a stream.

use super::client::StreamClient;
use super::{now, public};
use crate::changes::leaks::{SECRET, write_drafts};
use crate::support::{Api, on_both};

#[on_both]
async fn drafts_do_not_appear_in_a_stream(api: Api) {
    let start = now(&api).await;
    let mut live = StreamClient::connect(api.server.address, "", &[]).await;
    write_drafts(&api).await;
    api.create(public("The last one")).await;
    let query = format!("?cursor={start}");
    let mut later = StreamClient::connect(api.server.address, &query, &[]).await;
    for client in [&mut live, &mut later] {
        while client.next_event().await.json()["slug"] != "the-last-one" {}
        let text = String::from_utf8(client.body.clone()).unwrap();
        assert!(text.contains("third") && !text.contains(SECRET), "{text}");
    }
}
