//! The liveness and readiness probes.

use std::sync::Arc;
use std::time::Duration;

use posts_api::db::DatabaseUrl;
use serde_json::json;

use crate::support::{Api, Engine, TestDatabase, on_both};

#[on_both]
async fn running_service_is_live_and_ready(api: Api) {
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(api.get(path).await.json(200), json!({"status": "ok"}), "{path}");
    }
}

#[on_both]
async fn service_without_a_database_is_live_but_not_ready(database: TestDatabase) {
    let nowhere = match database.engine {
        Engine::Sqlite => "sqlite:///no/such/directory/posts.db",
        // The discard port: no server listens.
        Engine::Postgres => "postgres://user:a-secret-of-the-tests@127.0.0.1:9/nothing",
    };
    let api = Api::start(&Arc::new(database), |config| {
        config.database = DatabaseUrl::parse(nowhere).unwrap().0;
        config.pool.wait = Duration::from_millis(200);
    });
    let reply = api.get("/health/ready").await.expect(503);
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert!(!reply.text().contains("a-secret-of-the-tests"));
    reply.problem(503, "not_ready");
    let reply = api.get("/api/posts").await.expect(503);
    assert_eq!(reply.header("retry-after"), Some("1"));
    reply.problem(503, "database_unavailable");
    // These need no database.
    for path in ["/health/live", "/api/openapi.json", "/docs", "/problems/not_ready"] {
        api.get(path).await.expect(200);
    }
}

#[on_both]
async fn dropped_database_fails_readiness(api: Api) {
    if api.engine() == Engine::Sqlite {
        // An open file stays readable after its removal.
        return;
    }
    api.get("/health/ready").await.expect(200);
    api.server.database.destroy();
    api.get("/health/ready").await.problem(503, "not_ready");
    api.get("/api/posts").await.problem(503, "database_unavailable");
    api.get("/health/live").await.expect(200);
}

#[on_both]
async fn terminated_connections_are_replaced(api: Api) {
    if api.engine() == Engine::Sqlite {
        return;
    }
    api.create(json!({"title": "Before"})).await;
    // Waits up to a minute for each backend to exit.
    api.server.database.execute(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    // The pool does not test a connection that it used within the last second. So at most its four connections fail,
    // and never with 500.
    for _ in 0..4 {
        let reply = api.get("/api/posts").await;
        if reply.status != 200 {
            reply.problem(503, "database_unavailable");
        }
    }
    api.get("/api/posts").await.expect(200);
}

#[on_both]
async fn stopping_service_is_not_ready_but_serves_requests(api: Api) {
    api.server.readiness.stop();
    let problem = api.get("/health/ready").await.problem(503, "not_ready");
    assert_eq!(problem["detail"], "the service is stopping");
    api.get("/health/live").await.expect(200);
    api.create(json!({"title": "Still here"})).await;
}
