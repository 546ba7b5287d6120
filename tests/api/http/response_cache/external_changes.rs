//! Changes that bypass this instance: by external writers, and by other instances on PostgreSQL.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use super::{fill, warm};
use crate::support::database::execute;
use crate::support::{Api, Engine, TestDatabase, ids, on_both, wait_until};

#[on_both]
async fn unpublishing_hides_an_externally_published_post(api: Api) {
    fill(&api, 1).await;
    let editor = api.editor();
    let hide = [
        (Method::POST, "/unpublish", Value::Null),
        (Method::PATCH, "", json!({"published": false})),
        (Method::PUT, "", json!({"title": "Draft"})),
    ];
    for (method, action, body) in hide {
        let draft = api.create(json!({"title": "Draft"})).await;
        let path = format!("/api/posts/{}", draft["id"]);
        api.server.database.execute(&format!("UPDATE posts SET published = true WHERE id = {}", draft["id"]));
        wait_until("the external change is visible", async || api.get(&path).await.status == 200).await;
        warm(&api).await;
        api.get(&path).await.expect(200);
        let change = match method {
            Method::PUT => format!("/api/posts/by-slug/{}", draft["slug"].as_str().unwrap()),
            _ => format!("{path}{action}"),
        };
        editor.call(method, &change).json(&body).await.expect(200);
        api.get(&path).await.expect(404);
    }
}

#[on_both]
async fn external_change_is_visible_with_a_new_etag(api: Api) {
    fill(&api, 2).await;
    warm(&api).await;
    let before = api.get("/api/posts/1").await.expect(200);
    let etag = before.header("etag").unwrap().to_owned();
    let before = before.json(200);
    api.server.database.execute("UPDATE posts SET title = 'External', content = 'Other' WHERE id = 1");
    wait_until("the external change is visible", async || {
        api.get("/api/posts/1").await.json(200)["title"] == "External"
    })
    .await;
    let after = api.get("/api/posts/1").header("if-none-match", &etag).await.json(200);
    assert_eq!(after["version"], 2);
    assert_ne!(after["updated_at"], before["updated_at"]);
    assert_eq!(after["updated_at"].as_str().unwrap().len(), 27);
    api.editor().patch("/api/posts/1", &json!({"title": "x"})).header("if-match", &etag).await.expect(412);
    assert_eq!(api.get("/api/posts?view=summary").await.json(200)["items"][1]["excerpt"], "Other");
    api.server.database.execute("DELETE FROM posts WHERE id = 2");
    wait_until("the external deletion is visible", async || ids(&api.get("/api/posts").await.json(200)) == [1]).await;
    api.get("/api/posts/2").await.expect(404);
}

#[on_both]
async fn database_increments_the_version_of_external_changes(api: Api) {
    fill(&api, 3).await;
    let version =
        |id: i64| api.server.database.query_number(&format!("SELECT version AS number FROM posts WHERE id = {id}"));
    let database = &api.server.database;
    database.execute("UPDATE posts SET content = 'changed' WHERE id = 1");
    assert_eq!(version(1), 2);
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts WHERE id = 1 AND excerpt IS NULL"), 1);
    database.execute("UPDATE posts SET content = 'changed', version = 7 WHERE id = 2");
    assert_eq!(version(2), 7, "an external writer may set a higher version");
    database.execute("UPDATE posts SET title = 'x', version = 1 WHERE id = 2");
    assert_eq!(version(2), 8, "the version never decreases");
    api.editor().patch("/api/posts/3", &json!({"title": "x"})).await.expect(200);
    assert_eq!(version(3), 2, "the server increments it only once");
    let updated =
        database.query_number("SELECT count(*) AS number FROM posts WHERE id = 1 AND updated_at > created_at");
    assert_eq!(updated, 1);
}

/// Two instances on one PostgreSQL database with two posts, the second with a warm cache. `None` on SQLite.
async fn start_two(database: &Arc<TestDatabase>) -> Option<[Api; 2]> {
    if database.engine == Engine::Sqlite {
        return None;
    }
    let [first, second] = [(); 2].map(|()| Api::start(database, |_| ()));
    fill(&first, 2).await;
    warm(&second).await;
    Some([first, second])
}

async fn has_title(api: &Api, path: &str, title: &str) -> bool {
    let reply = api.get(path).await;
    reply.status == 200 && reply.json(200)["title"] == title
}

#[on_both]
async fn change_becomes_visible_on_other_instances(database: TestDatabase) {
    let Some([first, second]) = start_two(&Arc::new(database)).await else { return };
    first.editor().patch("/api/posts/1", &json!({"title": "Changed"})).await.expect(200);
    wait_until("the change is visible", async || has_title(&second, "/api/posts/1", "Changed").await).await;
}

#[on_both]
async fn change_becomes_visible_when_it_commits(database: TestDatabase) {
    let database = Arc::new(database);
    let Some([_first, second]) = start_two(&database).await else { return };
    let mut transaction = database.connect();
    // With plain BEGIN, SQLite takes the snapshot before the lock. If the service commits in between, the UPDATE fails.
    execute(&mut transaction, if database.engine == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" });
    execute(&mut transaction, "UPDATE posts SET title = 'Committed late' WHERE id = 2");
    second.get("/api/posts/2").await.expect(200);
    warm(&second).await;
    execute(&mut transaction, "COMMIT");
    wait_until("the change is visible", async || has_title(&second, "/api/posts/2", "Committed late").await).await;
}

#[on_both]
async fn change_becomes_visible_after_the_poller_reconnects(database: TestDatabase) {
    let database = Arc::new(database);
    let Some([first, second]) = start_two(&database).await else { return };
    // The cache serves nothing until the poller works again.
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    wait_until("the change is stored", async || {
        first.admin().patch("/api/posts/1", &json!({"title": "Changed"})).await.status == 200
    })
    .await;
    wait_until("the change is visible", async || has_title(&second, "/api/posts/1", "Changed").await).await;
    warm(&second).await;
}
