//! Clients that read nothing, or disconnect.

use std::net::SocketAddr;

use serde_json::json;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;

use super::client::StreamClient;
use super::{now, public};
use crate::support::{Api, on_both, wait_until};

/// A connection whose kernel accepts only a few bytes that the client has not read.
pub(super) fn small_socket(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

/// The kernel and the service buffer far less than the events of all posts.
#[on_both]
async fn a_client_that_reads_nothing_is_disconnected(api: Api) {
    const POSTS: usize = 4000;
    let start = now(&api).await;
    let slug = "a".repeat(190);
    let posts = (0..POSTS).map(|number| json!({"title": "A", "slug": format!("{slug}-{number}"), "published": true}));
    api.server.database.import(&posts.collect::<Vec<_>>());
    now(&api).await;
    let query = format!("?cursor={start}");
    let before = api.server.cache.budget().used();
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(StreamClient::on(small_socket(api.server.address), &query, &[]).await.expect_stream());
    }
    // A client that reads gets everything meanwhile.
    let mut reading = StreamClient::connect(api.server.address, &query, &[]).await;
    assert_eq!(reading.events(POSTS).await[POSTS - 1]["slug"], format!("{slug}-{}", POSTS - 1));
    // A part of a page fits into the buffer of 8 KiB that actix-http has for each connection.
    assert!((2048..=4096).contains(&reading.largest_chunk), "{}", reading.largest_chunk);
    // A page of at most 9 KiB for each client, and those that were read last.
    let used = api.server.cache.budget().used() - before;
    assert!(used < 2 * 1024 * 1024, "{used}");
    wait_until("the clients to be disconnected", async || api.server.streams.open() == 1).await;
    api.create(public("After")).await;
    assert_eq!(reading.next_event().await.json()["slug"], "after");
    for client in &mut stalled {
        client.wait_for_end().await;
        assert!(!client.is_complete);
    }
}

#[on_both]
async fn a_client_that_disconnects_frees_its_slot(api: Api) {
    now(&api).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(StreamClient::connect(api.server.address, "", &[]).await);
    }
    assert_eq!(api.server.streams.open(), 50);
    drop(clients);
    wait_until("all slots to be free", async || api.server.streams.open() == 0).await;
}
