//! Commits that wait for a synchronous standby which is not connected.

use std::sync::Arc;

use serde_json::json;

use crate::support::cluster::Cluster;
use crate::support::{Api, TestDatabase, wait_for, wait_until};

/// A canceled commit would become visible without being on the standby. A retry with the same key would then be
/// answered with the stored response, and a failover would lose the acknowledged post.
#[tokio::test]
async fn commit_without_its_standby_is_never_acknowledged() {
    let Some(cluster) = Cluster::durable() else { return };
    let database = Arc::new(TestDatabase::of(&cluster));
    let api = Api::start(&database, |config| config.pool.size = 2);
    let send = || api.admin().post("/api/posts", &json!({"title": "A post"})).header("idempotency-key", "one");
    database.execute("ALTER SYSTEM SET synchronous_standby_names = 'missing'");
    database.execute("SELECT pg_reload_conf()");
    let commits = "SELECT count(*) AS number FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let started = async { wait_until("the commit to wait", async || database.query_number(commits) == 1).await };
    let (first, ()) = tokio::join!(send().into_future(), started);
    first.problem(503, "database_unavailable");
    // Past the deadline of the request, and past the time after which the service closes the connection.
    let closed = || api.server.connections.pool_stats().iter().map(|pool| pool.calls.closed).sum::<u64>();
    wait_until("the service to close the connection", async || {
        let reply = send().await;
        assert!(reply.status == 409 || reply.status == 503, "{}", reply.status);
        closed() > 0
    })
    .await;
    assert_eq!(database.query_number(commits), 1);
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts"), 0);
    database.execute("ALTER SYSTEM RESET synchronous_standby_names");
    database.execute("SELECT pg_reload_conf()");
    let reply = wait_for("the commit to end", async || Some(send().await).filter(|reply| reply.status == 201)).await;
    assert!(reply.header("idempotency-replayed").is_some());
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts"), 1);
}
