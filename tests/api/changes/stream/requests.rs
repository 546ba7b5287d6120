//! Requests: where a stream begins, and what is rejected.

use reqwest::Method;
use serde_json::json;

use super::client::StreamClient;
use super::{PATH, now, public};
use crate::support::{Api, on_both};

#[on_both]
async fn a_cursor_of_the_feed_or_of_an_event_is_a_start(api: Api) {
    let start = now(&api).await;
    for title in ["A", "B", "C"] {
        api.create(public(title)).await;
    }
    let mut client = StreamClient::connect(api.server.address, &format!("?cursor={start}"), &[]).await;
    assert_eq!(client.next_frame().await.unwrap().id.as_ref(), Some(&start));
    let ids: Vec<String> = [client.next_event().await, client.next_event().await].map(|event| event.id.unwrap()).into();
    // A browser repeats the URL with the header.
    let headers = [("Last-Event-ID", ids[1].as_str())];
    let query = format!("?cursor={}", ids[0]);
    let mut client = StreamClient::connect(api.server.address, &query, &headers).await;
    assert_eq!(client.next_event().await.json()["slug"], "c");
    let headers = [("Last-Event-ID", "")];
    let mut client = StreamClient::connect(api.server.address, &query, &headers).await;
    assert_eq!(client.next_event().await.json()["slug"], "b");
    let end = now(&api).await;
    let mut client = StreamClient::connect(api.server.address, "?cursor=now&utm_source=x", &[]).await;
    assert_eq!(client.next_frame().await.unwrap().id, Some(end));
}

#[on_both]
async fn damaged_positions_are_rejected(api: Api) {
    let cursor = now(&api).await;
    let list = {
        for title in ["A", "B"] {
            api.create(public(title)).await;
        }
        api.get("/api/posts?limit=1").await.json(200)["next_cursor"].as_str().unwrap().to_owned()
    };
    // Both are valid last characters of base64url without padding.
    let replacement = if cursor.ends_with('A') { 'Q' } else { 'A' };
    let altered = format!("{}{replacement}", &cursor[..cursor.len() - 1]);
    let cut = cursor[..cursor.len() - 4].to_owned();
    for damaged in [altered, cut, list, format!("{cursor}{cursor}"), "x".to_owned(), "0".repeat(3000)] {
        api.get(&format!("{PATH}?cursor={damaged}")).await.problem(400, "invalid_cursor");
        api.get(PATH).header("last-event-id", &damaged).await.problem(400, "invalid_cursor");
    }
    api.get(PATH).header("last-event-id", "now").await.problem(400, "invalid_cursor");
    api.get(&format!("{PATH}?cursor=")).await.problem(400, "invalid_cursor");
    let repeated = api.get(PATH).header("last-event-id", &cursor).header("last-event-id", &cursor);
    repeated.await.problem(400, "invalid_header");
    for query in ["limit=1", "view=full", "Cursor=now", "cursor=now&cursor=now", "last-event-id=x"] {
        api.get(&format!("{PATH}?{query}")).await.problem(400, "invalid_parameter");
    }
    // The feed has not listed all posts yet.
    let walk = api.get("/api/changes?limit=1").await.json(200);
    let walk = walk["cursor"].as_str().unwrap();
    api.get(&format!("{PATH}?cursor={walk}")).await.problem(400, "invalid_parameter");
    assert_eq!(api.server.streams.open(), 0);
}

#[on_both]
async fn head_and_other_methods_open_no_stream(api: Api) {
    now(&api).await;
    let reply = api.head(PATH).await.expect(200);
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert_eq!((reply.header("cache-control"), reply.header("content-length")), (Some("no-store, no-transform"), None));
    api.head(&format!("{PATH}?cursor=x")).await.expect(400);
    assert_eq!(api.call(Method::POST, PATH).await.expect(405).header("allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(api.server.streams.open(), 0);
    // The connection is still usable.
    api.get("/health/live").await.expect(200);
}

#[on_both]
async fn api_keys_are_checked_and_change_nothing(api: Api) {
    now(&api).await;
    api.with_key("no-such-key").get(PATH).await.problem(401, "key_invalid");
    let (reader, cursor) = (api.reader(), now(&api).await);
    let key = reader.key().unwrap();
    let headers = [("Authorization", format!("Bearer {key}"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut client = StreamClient::connect(api.server.address, &format!("?cursor={cursor}"), &headers).await;
    api.create(json!({"title": "Draft"})).await;
    api.create(public("A")).await;
    assert_eq!(client.next_event().await.json()["slug"], "a");
}

/// The page that shows the events may be on another origin. `EventSource` sends no preflight, but other clients may.
#[on_both]
async fn browsers_of_other_origins_may_read(api: Api) {
    now(&api).await;
    let headers = [("Origin", "https://example.org"), ("Accept", "text/event-stream")];
    let client = StreamClient::connect(api.server.address, "", &headers).await;
    assert!(client.head.to_ascii_lowercase().contains("\r\naccess-control-allow-origin: *"), "{}", client.head);
    let preflight = api
        .call(Method::OPTIONS, PATH)
        .header("origin", "https://example.org")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "last-event-id");
    let allowed = preflight.await.expect(200);
    assert!(allowed.header("access-control-allow-headers").unwrap().contains("last-event-id"));
}

/// A proxy such as nginx sends HTTP/1.0 by default. The body then ends with the connection.
#[on_both]
async fn http_1_0_gets_no_chunks(api: Api) {
    use std::io::{BufRead, BufReader, Write};

    now(&api).await;
    let mut socket = std::net::TcpStream::connect(api.server.address).unwrap();
    socket.set_read_timeout(Some(crate::support::WAIT_LIMIT)).unwrap();
    socket.write_all(format!("GET {PATH} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(socket).lines().map(Result::unwrap);
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(head[0].starts_with("HTTP/1.0 200 "), "{head:?}");
    assert!(!head.iter().any(|line| line.to_ascii_lowercase().starts_with("transfer-encoding")), "{head:?}");
    assert!(lines.next().unwrap().starts_with("id: "));
    api.create(public("A")).await;
    assert!(lines.any(|line| line == "event: post.published"));
}
