//! The database is down for a while, or is lost.

use std::sync::Arc;

use super::client::StreamClient;
use super::{now, public};
use crate::support::cluster::Cluster;
use crate::support::{Api, Engine, TestDatabase, on_both, wait_for, wait_until};

#[tokio::test]
async fn a_stream_survives_a_crash_of_postgresql() {
    let Some(mut cluster) = Cluster::durable() else { return };
    let api = Api::start(&Arc::new(TestDatabase::of(&cluster)), |_| {});
    now(&api).await;
    let mut client = StreamClient::connect(api.server.address, "", &[]).await;
    for number in 0..3 {
        api.create(public(&format!("Before {number}"))).await;
        cluster.crash();
        cluster.restart();
        let title = public(&format!("After {number}"));
        wait_for("a write to succeed", async || {
            Some(api.admin().post("/api/posts", &title).await).filter(|reply| reply.status == 201)
        })
        .await;
        let slugs: Vec<_> = client.events(2).await.iter().map(|event| event["slug"].clone()).collect();
        assert_eq!(slugs, [format!("before-{number}"), format!("after-{number}")]);
    }
}

/// Browsers do not reconnect after a 503, and an instance learns up to where the log is complete only after its start.
#[tokio::test]
async fn a_stream_waits_until_the_end_of_the_log_is_known() {
    const ATTEMPTS: usize = 20;
    let Some(cluster) = Cluster::durable() else { return };
    let api = Api::start(&Arc::new(TestDatabase::of(&cluster)), |_| {});
    let cursor = now(&api).await;
    for _ in 0..ATTEMPTS {
        let paused = cluster.pause();
        let is_unknown = async || api.get("/api/changes").await.text().contains("changes_not_ready");
        wait_until("the watermark to be unknown", is_unknown).await;
        let (address, query) = (api.server.address, format!("?cursor={cursor}"));
        let opening = tokio::spawn(async move { StreamClient::open(address, &query, &[]).await });
        let streams = &api.server.streams;
        wait_until("the request", async || opening.is_finished() || streams.open() == 1).await;
        drop(paused);
        // On a busy machine, the database may respond again only after the stream has given up.
        if opening.await.unwrap().head.starts_with("HTTP/1.1 200 ") {
            return;
        }
        wait_until("the stream to end", async || streams.open() == 0).await;
    }
    panic!("{ATTEMPTS} streams did not wait");
}

/// The time without a database is compared at each comment, which come every 15 seconds.
async fn expect_end(client: &mut StreamClient) {
    let mut comments = 0;
    while let Some(frame) = client.next_frame().await {
        comments += usize::from(frame.is_comment);
        assert!(comments <= 8, "the stream continues without a database");
    }
    assert!(client.is_complete, "the connection broke");
}

/// Another instance may still reach the database, so clients must reconnect. Meanwhile, no stream begins.
async fn expect_end_without_database(api: &Api, lose: impl FnOnce()) {
    let (address, cursor) = (api.server.address, now(api).await);
    let mut client = StreamClient::connect(address, "", &[]).await;
    lose();
    for query in [String::new(), format!("?cursor={cursor}")] {
        wait_until("new streams to be refused", async || {
            StreamClient::open(address, &query, &[]).await.head.starts_with("HTTP/1.1 503 ")
        })
        .await;
    }
    expect_end(&mut client).await;
    wait_until("the slots to be free", async || api.server.streams.open() == 0).await;
}

#[tokio::test]
async fn streams_end_if_the_sqlite_file_is_removed() {
    let Some(database) = TestDatabase::create(Engine::Sqlite) else { return };
    let api = Api::start(&Arc::new(database), |_| {});
    let path = api.server.database.url.strip_prefix("sqlite://").unwrap().to_owned();
    expect_end_without_database(&api, || std::fs::remove_file(path).unwrap()).await;
}

#[tokio::test]
async fn streams_end_if_postgresql_stays_down() {
    let Some(mut cluster) = Cluster::durable() else { return };
    let api = Api::start(&Arc::new(TestDatabase::of(&cluster)), |_| {});
    expect_end_without_database(&api, || cluster.crash()).await;
}

/// The database still responds to polls, but the log cannot be read.
#[on_both]
async fn streams_end_if_the_log_cannot_be_read(api: Api) {
    now(&api).await;
    let mut client = StreamClient::connect(api.server.address, "", &[]).await;
    // On SQLite, this notifies the stream. On PostgreSQL, the sequence does.
    api.server.database.execute("ALTER TABLE post_changes RENAME COLUMN slug TO renamed");
    if api.engine() == Engine::Postgres {
        api.server.database.execute("SELECT nextval('posts_changes')");
    }
    expect_end(&mut client).await;
}
