//! The event stream of the change feed.

mod client;
mod faults;
mod leaks;
mod limits;
mod metrics;
mod protocol;
mod reads;
mod requests;
mod reset;
mod resume;
mod shutdown;
mod slow_clients;

use serde_json::{Value, json};

use crate::support::Api;

pub(super) const PATH: &str = "/api/changes/stream";

/// A public post.
fn public(title: &str) -> Value {
    json!({"title": title, "published": true})
}

/// The `cursor` of the end of the feed.
async fn now(api: &Api) -> String {
    super::wait_until_settled(api).await;
    let page = super::feed_page(|| api.reader().get("/api/changes?cursor=now")).await;
    page["cursor"].as_str().unwrap().to_owned()
}
