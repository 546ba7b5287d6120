//! Connections on which the server no longer responds, while new ones work: a stalled proxy, a suspended backend, or a
//! lost host. They are closed and replaced.

use std::sync::Arc;

use serde_json::json;

use crate::support::database::execute;
use crate::support::stalling_proxy::StallingProxy;
use crate::support::{Api, Engine, TestDatabase, postgres, wait_until};

/// Connections that the service opens outside of its pool, when it does not cancel statements: the change poller's.
const OTHER_CONNECTIONS: usize = 1;

/// The number of connections that were closed because the server did not respond.
fn closed(api: &Api) -> u64 {
    api.server.connections.pool_stats().iter().map(|pool| pool.calls.closed).sum()
}

#[tokio::test]
async fn hung_connections_are_replaced() {
    const SIZE: u32 = 2;
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let proxy = StallingProxy::start(&database.url);
    let api = Api::start(&Arc::new(database), |config| {
        config.database = postgres::parse(&proxy.url().parse().unwrap());
        config.pool.size = SIZE;
        config.cache_bytes = 0;
    });
    let post = api.create(json!({"title": "A post", "published": true})).await;
    let path = format!("/api/posts/{}", post["id"]);
    wait_until("the poller to poll", async || api.server.connections.revision().is_some()).await;
    let stalled = proxy.stall();
    assert!(stalled > OTHER_CONNECTIONS, "{stalled} connections were open");
    wait_until("the poller to detect the stall", async || api.server.connections.revision().is_none()).await;
    // No statement of the stalled connections ever ends by itself.
    wait_until("the service to close the stalled connections", async || {
        // Each request uses a connection; some of them hang.
        let _ = tokio::join!(api.get(&path), api.get(&path));
        proxy.stalled() == 0
    })
    .await;
    wait_until("the poller to poll again", async || api.server.connections.revision().is_some()).await;
    api.get("/health/ready").await.expect(200);
    api.get(&path).await.expect(200);
    api.create(json!({"title": "Another post"})).await;
    assert_eq!(proxy.stalled(), 0);
}

/// A statement that runs when its connection hangs, not a ping before it. The scheduler's statements hang, too.
#[tokio::test]
async fn a_call_on_a_hung_connection_ends() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let proxy = StallingProxy::start(&database.url);
    let api = Api::start(&Arc::new(database), |config| {
        config.database = postgres::parse(&proxy.url().parse().unwrap());
        config.pool.size = 2;
        config.cache_bytes = 0;
    });
    let post = api.create(json!({"title": "A post", "published": true})).await;
    let path = format!("/api/posts/{}", post["id"]);
    // The table is locked, so that the read is in the database when the proxy stalls.
    let mut lock = api.server.database.connect();
    execute(&mut lock, "BEGIN");
    execute(&mut lock, "LOCK TABLE posts IN ACCESS EXCLUSIVE MODE");
    let waiting = "SELECT count(*) AS number FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let stall = async {
        wait_until("the read to wait", async || api.server.database.query_number(waiting) > 0).await;
        proxy.stall();
        execute(&mut lock, "ROLLBACK");
    };
    let (reply, ()) = tokio::join!(api.get(&path).into_future(), stall);
    reply.expect(503);
    wait_until("the connection to be replaced", async || api.get(&path).await.status == 200).await;
    assert!(closed(&api) > 0);
}

/// A pooler completes the login, and its server never responds. diesel sends statements while it opens a connection.
#[tokio::test]
async fn a_connection_that_hangs_while_it_opens_is_replaced() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let proxy = StallingProxy::start(&database.url);
    proxy.stall_queries(true);
    let api = Api::start(&Arc::new(database), |config| {
        config.database = postgres::parse(&proxy.url().parse().unwrap());
        config.pool.size = 2;
    });
    let _ = tokio::join!(api.get("/api/posts"), api.get("/api/posts"), api.get("/api/posts"));
    assert!(proxy.stalled() > 0);
    proxy.stall_queries(false);
    wait_until("the service to close the stalled connections", async || proxy.stalled() == 0).await;
    wait_until("the service to read", async || api.get("/api/posts").await.status == 200).await;
    wait_until("the poller to poll", async || api.server.connections.revision().is_some()).await;
}
