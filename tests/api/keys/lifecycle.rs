//! Expiry, usage records, and revocation of API keys, and the protection of the last admin key.

use std::sync::Arc;

use posts_api::db::Timestamp;
use serde_json::{Value, json};

use crate::support::{Api, TestDatabase, on_both, wait_until};

/// Creates a key as `creator`. Returns its JSON and a client that uses it.
async fn create_key(creator: &Api, role: &str, expires_at: Option<&str>) -> (Value, Api) {
    let created =
        creator.post("/api/keys", &json!({"name": role, "role": role, "expires_at": expires_at})).await.json(201);
    let api = creator.with_key(created["key"].as_str().unwrap());
    (created, api)
}

/// The key as the list returns it.
async fn listed(api: &Api, id: &Value) -> Value {
    let keys = api.admin().get("/api/keys").await.json(200);
    keys["items"].as_array().unwrap().iter().find(|key| key["id"] == *id).unwrap().clone()
}

fn expire(api: &Api, id: &Value) {
    api.server
        .database
        .execute(&format!("UPDATE api_keys SET expires_at = '2020-01-01T00:00:00.000000Z' WHERE id = {id}"));
}

/// A server without `ADMIN_API_KEY`, and its only admin key.
async fn start_without_admin_key(database: TestDatabase) -> (Value, Api) {
    let database = Arc::new(database);
    let setup = Api::start(&database, |_| {});
    let (created, _) = create_key(&setup.admin(), "admin", None).await;
    let api = Api::start(&database, |config| config.admin_api_key = None);
    let key = created["key"].as_str().unwrap().to_owned();
    (created, api.with_key(&key))
}

#[on_both]
async fn key_is_rejected_once_expired(api: Api) {
    let (created, key) = create_key(&api.admin(), "reader", Some("2999-01-01T02:00:00+02:00")).await;
    assert_eq!(created["expires_at"], "2999-01-01T00:00:00.000000Z");
    key.get("/api/posts?published=any").await.expect(200);
    expire(&api, &created["id"]);
    for path in ["/api/posts?published=any", "/api/posts", "/api/keys"] {
        key.get(path).await.problem(401, "key_invalid");
    }
    assert_eq!(listed(&api, &created["id"]).await["expires_at"], "2020-01-01T00:00:00.000000Z");
    api.admin().delete(&format!("/api/keys/{}", created["id"])).await.expect(204);
}

#[on_both]
async fn key_without_expiry_stays_valid(api: Api) {
    let (created, key) = create_key(&api.admin(), "reader", None).await;
    assert_eq!(created["expires_at"], Value::Null);
    key.get("/api/posts?published=any").await.expect(200);
}

#[on_both]
async fn create_rejects_an_invalid_or_past_expiry(api: Api) {
    for (expires_at, code) in [
        (json!("2020-01-01T00:00:00Z"), "range"),
        (json!(Timestamp::now().to_string()), "range"),
        (json!("soon"), "format"),
        (json!(1), "type"),
    ] {
        let body = json!({"name": "n", "role": "reader", "expires_at": expires_at});
        let errors = api.admin().post("/api/keys", &body).await.field_errors();
        assert_eq!(errors, [("/expires_at".to_owned(), code.to_owned())]);
    }
    assert_eq!(api.admin().get("/api/keys").await.json(200), json!({"items": []}));
}

#[on_both]
async fn created_by_is_the_id_of_the_creating_key(api: Api) {
    let (first, admin) = create_key(&api.admin(), "admin", None).await;
    assert_eq!(first["created_by"], Value::Null);
    let (second, _) = create_key(&admin, "reader", None).await;
    assert_eq!(second["created_by"], first["id"]);
    assert_eq!(listed(&api, &second["id"]).await["created_by"], first["id"]);
}

#[on_both]
async fn last_use_is_recorded_once_a_day(api: Api) {
    let (created, key) = create_key(&api.admin(), "reader", None).await;
    let (id, database) = (&created["id"], &api.server.database);
    assert_eq!(created["last_used_on"], Value::Null);
    assert_eq!(listed(&api, id).await["last_used_on"], Value::Null);
    let today = || json!(Timestamp::now().to_string()[..10]);
    let before = today();
    key.get("/api/posts").await.expect(200);
    wait_until("the use is recorded", async || listed(&api, id).await["last_used_on"] != Value::Null).await;
    let recorded = listed(&api, id).await["last_used_on"].clone();
    assert!(recorded == before || recorded == today(), "{recorded}");

    // Triggers count every further update of a key.
    match api.engine() {
        crate::support::Engine::Sqlite => {
            database.execute("CREATE TABLE updates (n INTEGER)");
            database
                .execute("CREATE TRIGGER count_use AFTER UPDATE ON api_keys BEGIN INSERT INTO updates VALUES (1); END");
        }
        crate::support::Engine::Postgres => {
            database.execute("CREATE TABLE updates (n integer)");
            database.execute(
                "CREATE FUNCTION count_use() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN INSERT INTO updates VALUES (1); RETURN NULL; END'",
            );
            database
                .execute("CREATE TRIGGER count_use AFTER UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION count_use()");
        }
    }
    let updates = || database.query_number("SELECT count(*) AS number FROM updates");
    for _ in 0..20 {
        key.get("/api/posts").await.expect(200);
    }
    // The update for a second key comes after any update for the first.
    let (second, second_key) = create_key(&api.admin(), "reader", None).await;
    second_key.get("/api/posts").await.expect(200);
    wait_until("the use of the second key is recorded", async || {
        listed(&api, &second["id"]).await["last_used_on"] != Value::Null
    })
    .await;
    if today() == before {
        assert_eq!(updates(), 1);
    }
    database.execute(&format!("UPDATE api_keys SET last_used_on = '2020-01-01' WHERE id = {id}"));
    key.get("/api/posts").await.expect(200);
    wait_until("the use on a new day is recorded", async || listed(&api, id).await["last_used_on"] != "2020-01-01")
        .await;
}

#[on_both]
async fn last_admin_key_cannot_be_revoked(database: TestDatabase) {
    let (first, admin) = start_without_admin_key(database).await;
    let revoke = async |key: &Value| admin.delete(&format!("/api/keys/{}", key["id"])).await;
    let (editor, _) = create_key(&admin, "editor", None).await;
    revoke(&first).await.problem(409, "last_admin_key");
    // An expired admin key does not count.
    let (second, expired) = create_key(&admin, "admin", Some("2999-01-01T00:00:00Z")).await;
    expire(&admin, &second["id"]);
    revoke(&first).await.problem(409, "last_admin_key");
    revoke(&second).await.expect(204);
    expired.get("/api/keys").await.problem(401, "key_invalid");
    revoke(&editor).await.expect(204);
    let (_, third) = create_key(&admin, "admin", None).await;
    revoke(&first).await.expect(204);
    admin.get("/api/keys").await.problem(401, "key_invalid");
    let keys = third.get("/api/keys").await.json(200);
    third.delete(&format!("/api/keys/{}", keys["items"][0]["id"])).await.problem(409, "last_admin_key");
    third.delete("/api/keys/999").await.problem(404, "not_found");
}

#[on_both]
async fn admin_key_setting_allows_revoking_the_last_stored_key(api: Api) {
    let (created, key) = create_key(&api.admin(), "admin", None).await;
    key.delete(&format!("/api/keys/{}", created["id"])).await.expect(204);
    key.get("/api/keys").await.problem(401, "key_invalid");
    assert_eq!(api.admin().get("/api/keys").await.json(200), json!({"items": []}));
}

#[on_both]
async fn concurrent_mutual_revocation_leaves_one_admin(database: TestDatabase) {
    let (mut first, mut first_admin) = start_without_admin_key(database).await;
    for _ in 0..10 {
        let (second, second_admin) = create_key(&first_admin, "admin", None).await;
        let paths = [&first, &second].map(|key| format!("/api/keys/{}", key["id"]));
        let (revoke_first, revoke_second) =
            tokio::join!(second_admin.delete(&paths[0]).into_future(), first_admin.delete(&paths[1]).into_future());
        let statuses = [revoke_first.status, revoke_second.status];
        assert!(statuses.contains(&204), "{statuses:?}");
        assert!(statuses.contains(&409) || statuses.contains(&401), "{statuses:?}");
        if revoke_first.status == 204 {
            (first, first_admin) = (second, second_admin);
        }
        first_admin.get("/api/keys").await.expect(200);
    }
}
