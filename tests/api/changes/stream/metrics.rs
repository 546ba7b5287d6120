//! The metrics of the feed and of the streams.

use serde_json::json;

use super::client::StreamClient;
use super::{PATH, now, public};
use crate::operations::metrics::{assert_value, scrape, start, value};
use crate::support::{TestDatabase, on_both, wait_until};

#[on_both]
async fn changes_and_streams_are_counted(database: TestDatabase) {
    let api = start(database);
    now(&api).await;
    let mut client = StreamClient::connect(api.server.address, "", &[]).await;
    let post = api.create(public("A")).await;
    api.create(json!({"title": "Draft"})).await;
    let path = format!("/api/posts/{}", post["id"]);
    api.editor().patch(&path, &json!({"title": "B"})).await.expect(200);
    api.editor().post_empty(&format!("{path}/unpublish")).await.expect(200);
    api.server.database.execute("INSERT INTO posts (title, slug, published) VALUES ('C', 'c', TRUE)");
    api.server.database.execute("DELETE FROM posts WHERE slug = 'c'");
    client.events(5).await;
    let samples = scrape(&api).await;
    for (kind, count) in [("published", 2.0), ("updated", 1.0), ("unpublished", 1.0), ("deleted", 1.0)] {
        assert_value(&samples, &format!("posts_api_changes_total{{kind=\"{kind}\"}}"), count);
    }
    assert_value(&scrape(&api).await, "posts_api_changes_total{kind=\"published\"}", 2.0);
    assert_value(&samples, "posts_api_streams", 1.0);
    assert_value(&samples, "posts_api_streams_limit", 1000.0);
    assert!(value(&samples, "posts_api_stream_reads_total") >= 1.0);
    // A stream counts when it begins, not with the time that it lasts.
    let labels = format!("{{method=\"GET\",route=\"{PATH}\"}}");
    assert_value(&samples, &format!("posts_api_http_request_duration_seconds_count{labels}"), 1.0);
    let ok = format!("posts_api_http_requests_total{{method=\"GET\",route=\"{PATH}\",status=\"200\"}}");
    assert_value(&samples, &ok, 1.0);
    drop(client);
    wait_until("the stream to end", async || value(&scrape(&api).await, "posts_api_streams") == 0.0).await;
}

/// A change waits for an earlier one, whose transaction is open.
#[tokio::test]
async fn unsettled_changes_are_measured() {
    let Some(database) = TestDatabase::create(crate::support::Engine::Postgres) else { return };
    let api = start(database);
    now(&api).await;
    let unsettled = async || value(&scrape(&api).await, "posts_api_changes_unsettled_seconds");
    wait_until("nothing to wait", async || unsettled().await == 0.0).await;
    let mut other = api.server.database.connect();
    crate::support::database::execute(&mut other, "BEGIN");
    crate::support::database::execute(&mut other, "INSERT INTO posts (title, slug, published) VALUES ('A', 'a', TRUE)");
    wait_until("the change to wait", async || unsettled().await >= 1.0).await;
    crate::support::database::execute(&mut other, "COMMIT");
    wait_until("nothing to wait", async || unsettled().await == 0.0).await;
}
