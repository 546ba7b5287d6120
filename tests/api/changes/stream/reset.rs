//! Positions that the log does not contain.

use super::client::StreamClient;
use super::{now, public};
use crate::support::{Api, Engine, Fixture, on_both};

fn forget(api: &Api) {
    api.server.database.execute("DELETE FROM post_changes WHERE seq < (SELECT max(seq) FROM post_changes)");
}

#[on_both]
async fn an_expired_position_is_reset(api: Api) {
    let expired = now(&api).await;
    api.create(public("A")).await;
    forget(&api);
    let end = now(&api).await;
    let headers = [("Last-Event-ID", expired.as_str())];
    let mut client = StreamClient::connect(api.server.address, "", &headers).await;
    let first = client.next_frame().await.unwrap();
    assert_eq!((first.event.as_deref(), first.id.as_ref()), (Some("reset"), Some(&end)));
    assert_eq!(first.json()["type"], "reset");
    assert!(first.retry.is_some());
    api.create(public("B")).await;
    assert_eq!(client.next_event().await.json()["slug"], "b");
    // The feed says the same in its own way.
    api.get(&format!("/api/changes?cursor={expired}")).await.problem(410, "cursor_expired");
}

/// The client reads slowly, or the database is replaced by an older backup.
#[on_both]
async fn a_position_that_expires_later_is_reset(api: Api) {
    now(&api).await;
    let mut client = StreamClient::connect(api.server.address, "", &[]).await;
    client.next_frame().await.unwrap();
    let sql = match api.engine() {
        Engine::Sqlite => "UPDATE post_changes SET at = '2020-01-01T00:00:00.000000Z'",
        Engine::Postgres => "UPDATE post_changes SET at = '2020-01-01T00:00:00Z'",
    };
    api.server.database.execute(sql);
    api.create(public("A")).await;
    let reset = client.next_event().await;
    assert_eq!(reset.event.as_deref(), Some("reset"));
    // Whether the reset is before or behind the change depends on when the stream reads the log.
    api.create(public("B")).await;
    loop {
        let event = client.next_event().await;
        assert_ne!(event.event.as_deref(), Some("reset"));
        if event.json()["slug"] == "b" {
            break;
        }
    }
}

#[tokio::test]
async fn truncate_resets_open_streams() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    api.create(public("A")).await;
    now(&api).await;
    let mut client = StreamClient::connect(api.server.address, "", &[]).await;
    client.next_frame().await.unwrap();
    api.server.database.execute("TRUNCATE posts");
    assert_eq!(client.next_event().await.event.as_deref(), Some("reset"));
    api.create(public("B")).await;
    assert_eq!(client.next_event().await.json()["slug"], "b");
}
