//! `MAX_STREAMS`, and the rate limit.

use std::sync::Arc;

use posts_api::config::{Rate, RateLimit};

use super::client::StreamClient;
use super::{PATH, now, public};
use crate::support::{Api, TestDatabase, on_both, wait_until};

#[on_both]
async fn more_streams_than_allowed_are_refused(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.max_streams = 3);
    now(&api).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(StreamClient::connect(api.server.address, "", &[]).await);
    }
    assert_eq!(api.server.streams.open(), 3);
    let refused = api.get(PATH).await;
    // Random, so that clients that are refused together do not return together.
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((5..=30).contains(&wait), "{wait}");
    refused.problem(503, "too_many_streams");
    api.head(PATH).await.expect(503);
    // A client that disconnects frees its place, and the others remain.
    clients.pop();
    wait_until("the place to be free", async || api.server.streams.open() == 2).await;
    clients.push(StreamClient::connect(api.server.address, "", &[]).await);
    api.create(public("A")).await;
    for client in &mut clients {
        assert_eq!(client.next_event().await.json()["slug"], "a");
    }
    // Other requests are not limited.
    api.get("/api/posts").await.expect(200);
}

#[on_both]
async fn no_stream_is_allowed_with_a_limit_of_zero(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.max_streams = 0);
    now(&api).await;
    let refused = api.get(PATH).await;
    // Waiting is of no use.
    assert_eq!(refused.header("retry-after"), None);
    let problem = refused.problem(503, "too_many_streams");
    assert!(problem["detail"].as_str().unwrap().contains("MAX_STREAMS"), "{problem}");
    api.get("/api/changes").await.expect(200);
}

/// A client behind a trusted proxy has a tenth of the streams. Clients on this machine, such as a server that renders
/// pages, are not limited.
#[on_both]
async fn one_client_cannot_occupy_all_streams(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| {
        config.max_streams = 100;
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    now(&api).await;
    let open = async |client: &str| StreamClient::open(api.server.address, "", &[("X-Forwarded-For", client)]).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(open("192.0.2.1").await.expect_stream());
    }
    api.get(PATH).header("x-forwarded-for", "192.0.2.1").await.problem(503, "too_many_streams");
    clients.push(open("192.0.2.2").await.expect_stream());
    for _ in 0..20 {
        clients.push(StreamClient::connect(api.server.address, "", &[]).await);
    }
    clients.remove(0);
    wait_until("the place to be free", async || api.server.streams.open() == 30).await;
    open("192.0.2.1").await.expect_stream();
}

/// A stream is one request, however long it lasts.
#[on_both]
async fn a_stream_counts_as_one_request(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| {
        let reads = Rate { count: 2, period: 3600 };
        config.rate_limit = Some(RateLimit { reads, ..RateLimit::default() });
    });
    super::super::wait_until_settled(&api).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        clients.push(StreamClient::connect(api.server.address, "", &[]).await);
    }
    for number in 0..20 {
        api.create(public(&format!("A {number}"))).await;
    }
    for client in &mut clients {
        client.events(20).await;
    }
    api.get(PATH).await.problem(429, "rate_limited");
}
