//! A stream that is cut at any byte and resumed on another instance delivers each event once.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::client::{Frame, StreamClient, frames};
use super::{now, public};
use crate::changes::{rows, wait_until_settled};
use crate::support::{Api, TestDatabase, on_both};

/// Two instances of one database.
fn instances(database: TestDatabase) -> [Api; 2] {
    let database = Arc::new(database);
    [Api::start(&database, |_| {}), Api::start_unmigrated(&database, |_| {})]
}

/// The events in the first bytes of a stream, and the last id that its client has stored.
fn received(body: &[u8]) -> (Vec<Value>, Option<String>) {
    let frames = frames(body);
    let id = frames.iter().rev().find_map(|frame| frame.id.clone());
    (frames.iter().filter(|frame| frame.data.is_some()).map(Frame::json).collect(), id)
}

#[on_both]
async fn a_cut_at_any_byte_loses_and_repeats_nothing(database: TestDatabase) {
    const COUNT: usize = 8;
    let instances = instances(database);
    let start = now(&instances[0]).await;
    for number in 0..COUNT {
        instances[number % 2].create(public(&format!("Post {number}"))).await;
    }
    let query = format!("?cursor={start}");
    let mut first = StreamClient::connect(instances[0].server.address, &query, &[]).await;
    let all = first.events(COUNT).await;
    let mut rest: HashMap<Option<String>, Vec<Value>> = HashMap::new();
    for cut in 0..=first.body.len() {
        let (mut events, id) = received(&first.body[..cut]);
        if !rest.contains_key(&id) {
            let headers: Vec<(&str, &str)> = id.iter().map(|id| ("Last-Event-ID", id.as_str())).collect();
            let mut second = StreamClient::connect(instances[1].server.address, &query, &headers).await;
            let missing = second.events(COUNT - events.len()).await;
            rest.insert(id.clone(), missing);
        }
        events.extend_from_slice(&rest[&id]);
        assert_eq!(events, all, "cut after {cut} bytes");
    }
    assert_eq!(rest.len(), COUNT + 2, "no id, the first one, and one for each event");
}

/// While posts are written, the client reads a random number of frames, disconnects, and continues on another instance.
#[on_both]
async fn a_client_that_reconnects_gets_each_event_once(database: TestDatabase) {
    const COUNT: usize = 60;
    let instances = instances(database);
    let mut id = now(&instances[0]).await;
    // The first request with a key records its use.
    let editor = instances[1].editor();
    let writes = tokio::spawn(async move {
        for number in 0..COUNT {
            editor.post("/api/posts", &public(&format!("Post {number}"))).await.expect(201);
        }
    });
    let mut delivered = Vec::new();
    while delivered.len() < COUNT {
        let instance = &instances[getrandom::u32().unwrap() as usize % 2];
        let headers = [("Last-Event-ID", id.clone())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let mut client = StreamClient::connect(instance.server.address, "", &headers).await;
        for _ in 0..getrandom::u32().unwrap() % 5 {
            if delivered.len() == COUNT {
                break;
            }
            let event = client.next_event().await;
            delivered.push(event.json()["id"].as_i64().unwrap());
            id = event.id.unwrap();
        }
    }
    writes.await.unwrap();
    wait_until_settled(&instances[0]).await;
    let logged: Vec<i64> = rows(&instances[0].server.database).into_iter().map(|row| row.post_id).collect();
    assert_eq!(delivered, logged);
    assert_eq!(now(&instances[0]).await, id);
    assert_eq!(instances[0].get(&format!("/api/changes?cursor={id}")).await.json(200)["items"], json!([]));
}
