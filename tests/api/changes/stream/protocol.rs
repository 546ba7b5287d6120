//! The headers, the frames, and the contents of the events.

use serde_json::json;

use super::client::StreamClient;
use super::{now, public};
use crate::support::{Api, Engine, Fixture, on_both};

#[on_both]
async fn begins_with_its_position(api: Api) {
    api.create(public("Before")).await;
    let cursor = now(&api).await;
    let mut client = StreamClient::connect(api.server.address, "", &[("Accept-Encoding", "gzip")]).await;
    let head = client.head.to_ascii_lowercase();
    for header in [
        "content-type: text/event-stream", "cache-control: no-store, no-transform", "x-accel-buffering: no",
        "transfer-encoding: chunked", "x-request-id: ", "x-content-type-options: nosniff",
    ] {
        assert!(head.contains(&format!("\r\n{header}")), "{header}: {head}");
    }
    assert!(!head.contains("content-encoding") && !head.contains("content-length"), "{head}");
    let first = client.next_frame().await.unwrap();
    assert_eq!((first.id.as_ref(), first.event, first.data), (Some(&cursor), None, None));
    assert!((1000..=5000).contains(&first.retry.unwrap()), "{:?}", first.retry);
}

/// The feed contains the same items, with the posts.
#[on_both]
async fn events_are_items_of_the_feed_without_posts(api: Api) {
    let cursor = now(&api).await;
    let mut client = StreamClient::connect(api.server.address, "", &[]).await;
    let (editor, mut last) = (api.editor(), cursor);
    let mut expect = async |kind: &str| {
        let frame = client.next_event().await;
        let page = api.reader().get(&format!("/api/changes?limit=1&cursor={last}")).await.json(200);
        let mut item = page["items"][0].clone();
        item.as_object_mut().unwrap().remove("post");
        assert_eq!((frame.event.as_deref(), frame.json()), (Some(kind), item.clone()));
        assert_eq!((&item["type"], &page["cursor"]), (&json!(kind), &json!(frame.id)));
        last = frame.id.unwrap();
        item
    };
    api.create(json!({"title": "Draft"})).await;
    let post = api.create(json!({"title": "A", "slug": "a", "published": true})).await;
    let path = format!("/api/posts/{}", post["id"]);
    assert_eq!(expect("post.published").await["former_slugs"], json!([]));
    editor.patch(&path, &json!({"slug": "b"})).await.expect(200);
    let renamed = expect("post.updated").await;
    assert_eq!(
        (&renamed["slug"], &renamed["former_slugs"], &renamed["version"]),
        (&json!("b"), &json!(["a"]), &json!(2))
    );
    editor.post_empty(&format!("{path}/unpublish")).await.expect(200);
    expect("post.unpublished").await;
    editor.post_empty(&format!("{path}/publish")).await.expect(200);
    expect("post.published").await;
    editor.delete(&path).await.expect(204);
    expect("post.deleted").await;
}

/// Each row of the log is an event, also if it concerns the same post. A page of the feed lists each post once.
#[on_both]
async fn every_change_is_an_event(api: Api) {
    let cursor = now(&api).await;
    let post = api.create(json!({"title": "A", "slug": "a-0", "published": true})).await;
    let path = format!("/api/posts/{}", post["id"]);
    // More than one page of the stream.
    for number in 1..100 {
        api.editor().patch(&path, &json!({"slug": format!("a-{number}")})).await.expect(200);
    }
    let mut client = StreamClient::connect(api.server.address, &format!("?cursor={cursor}"), &[]).await;
    let slugs: Vec<_> = client.events(100).await.iter().map(|event| event["slug"].clone()).collect();
    assert_eq!(slugs, (0..100).map(|number| json!(format!("a-{number}"))).collect::<Vec<_>>());
}

#[on_both]
async fn changes_by_other_programs_are_sent(api: Api) {
    now(&api).await;
    let mut client = StreamClient::connect(api.server.address, "", &[]).await;
    client.next_frame().await.unwrap();
    for number in 0..3 {
        let sql = format!("INSERT INTO posts (title, slug, published) VALUES ('A', 'external-{number}', TRUE)");
        api.server.database.execute(&sql);
        assert_eq!(client.events(1).await[0]["slug"], format!("external-{number}"));
    }
}

/// Waits longer than the keep-alive time of an idle connection.
#[tokio::test]
async fn a_quiet_stream_sends_comments() {
    let Some(api) = Api::on(Engine::Sqlite) else { return };
    let mut client = StreamClient::connect(api.server.address, "", &[]).await;
    assert!(!client.next_frame().await.unwrap().is_comment);
    assert!(client.next_frame().await.unwrap().is_comment);
    api.create(public("After")).await;
    assert_eq!(client.next_event().await.json()["slug"], "after");
}
