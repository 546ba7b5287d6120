//! What the service notes of keys, and how they end: by time, by hand, but not by accident the last one.

use std::sync::Arc;

use posts_api::db::Timestamp;
use serde_json::{Value, json};

use crate::support::{Api, TestDatabase, on_both, wait_until};

async fn make_key(by: &Api, role: &str, expires_at: Option<&str>) -> (Value, Api) {
    let made = by.post("/api/keys", &json!({"name": role, "role": role, "expires_at": expires_at})).await.json(201);
    let api = by.with_key(made["key"].as_str().unwrap());
    (made, api)
}

async fn listed(api: &Api, id: &Value) -> Value {
    let keys = api.admin().get("/api/keys").await.json(200);
    keys["items"].as_array().unwrap().iter().find(|key| key["id"] == *id).unwrap().clone()
}

fn expire(api: &Api, id: &Value) {
    api.server
        .database
        .execute(&format!("UPDATE api_keys SET expires_at = '2020-01-01T00:00:00.000000Z' WHERE id = {id}"));
}

/// A service without a key in its environment, and an admin key of it.
async fn without_environment_key(database: TestDatabase) -> (Value, Api) {
    let database = Arc::new(database);
    let with = Api::start(&database, |_| {});
    let (made, _) = make_key(&with.admin(), "admin", None).await;
    let api = Api::start(&database, |config| config.admin_api_key = None);
    let key = made["key"].as_str().unwrap().to_owned();
    (made, api.with_key(&key))
}

#[on_both]
async fn key_is_rejected_once_expired(api: Api) {
    let (made, key) = make_key(&api.admin(), "reader", Some("2999-01-01T02:00:00+02:00")).await;
    assert_eq!(made["expires_at"], "2999-01-01T00:00:00.000000Z");
    key.get("/api/posts?published=any").await.expect(200);
    expire(&api, &made["id"]);
    for path in ["/api/posts?published=any", "/api/posts", "/api/keys"] {
        key.get(path).await.problem(401, "key_invalid");
    }
    assert_eq!(listed(&api, &made["id"]).await["expires_at"], "2020-01-01T00:00:00.000000Z");
    api.admin().delete(&format!("/api/keys/{}", made["id"])).await.expect(204);
    let (made, key) = make_key(&api.admin(), "reader", None).await;
    assert_eq!(made["expires_at"], Value::Null);
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
        let told = api.admin().post("/api/keys", &body).await.field_errors();
        assert_eq!(told, [("/expires_at".to_owned(), code.to_owned())]);
    }
    assert_eq!(api.admin().get("/api/keys").await.json(200), json!({"items": []}));
}

#[on_both]
async fn created_by_is_the_id_of_the_creating_key(api: Api) {
    let (first, admin) = make_key(&api.admin(), "admin", None).await;
    assert_eq!(first["created_by"], Value::Null);
    let (second, _) = make_key(&admin, "reader", None).await;
    assert_eq!(second["created_by"], first["id"]);
    assert_eq!(listed(&api, &second["id"]).await["created_by"], first["id"]);
}

#[on_both]
async fn last_use_is_recorded_once_a_day(api: Api) {
    let (made, key) = make_key(&api.admin(), "reader", None).await;
    let (id, database) = (&made["id"], &api.server.database);
    assert_eq!(made["last_used_on"], Value::Null);
    assert_eq!(listed(&api, id).await["last_used_on"], Value::Null);
    let today = || json!(Timestamp::now().to_string()[..10]);
    let before = today();
    key.get("/api/posts").await.expect(200);
    wait_until("the use is noted", async || listed(&api, id).await["last_used_on"] != Value::Null).await;
    let noted = listed(&api, id).await["last_used_on"].clone();
    assert!(noted == before || noted == today(), "{noted}");

    // From here on every write of a use is counted.
    match api.engine() {
        crate::support::Engine::Sqlite => {
            database.execute("CREATE TABLE uses (n INTEGER)");
            database.execute("CREATE TRIGGER note_use AFTER UPDATE ON api_keys BEGIN INSERT INTO uses VALUES (1); END");
        }
        crate::support::Engine::Postgres => {
            database.execute("CREATE TABLE uses (n integer)");
            database.execute(
                "CREATE FUNCTION note_use() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO uses VALUES (1); RETURN NULL; END'",
            );
            database
                .execute("CREATE TRIGGER note_use AFTER UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION note_use()");
        }
    }
    let uses = || database.query_number("SELECT count(*) AS number FROM uses");
    for _ in 0..20 {
        key.get("/api/posts").await.expect(200);
    }
    // A write of another key comes after all that these requests could have caused.
    let (other, other_key) = make_key(&api.admin(), "reader", None).await;
    other_key.get("/api/posts").await.expect(200);
    wait_until("the other use is noted", async || listed(&api, &other["id"]).await["last_used_on"] != Value::Null)
        .await;
    if today() == before {
        assert_eq!(uses(), 1);
    }
    database.execute(&format!("UPDATE api_keys SET last_used_on = '2020-01-01' WHERE id = {id}"));
    key.get("/api/posts").await.expect(200);
    wait_until("the use of a new day is noted", async || listed(&api, id).await["last_used_on"] != "2020-01-01").await;
}

#[on_both]
async fn last_admin_key_cannot_be_revoked(database: TestDatabase) {
    let (first, admin) = without_environment_key(database).await;
    let revoke = async |key: &Value| admin.delete(&format!("/api/keys/{}", key["id"])).await;
    let (editor, _) = make_key(&admin, "editor", None).await;
    revoke(&first).await.problem(409, "last_admin_key");
    // One that has expired is no way in.
    let (second, other) = make_key(&admin, "admin", Some("2999-01-01T00:00:00Z")).await;
    expire(&admin, &second["id"]);
    revoke(&first).await.problem(409, "last_admin_key");
    revoke(&second).await.expect(204);
    other.get("/api/keys").await.problem(401, "key_invalid");
    revoke(&editor).await.expect(204);
    let (_, third) = make_key(&admin, "admin", None).await;
    revoke(&first).await.expect(204);
    admin.get("/api/keys").await.problem(401, "key_invalid");
    let left = third.get("/api/keys").await.json(200);
    let left = &left["items"][0];
    third.delete(&format!("/api/keys/{}", left["id"])).await.problem(409, "last_admin_key");
    third.delete("/api/keys/999").await.problem(404, "not_found");
}

#[on_both]
async fn admin_key_setting_allows_revoking_the_last_stored_key(api: Api) {
    let (made, key) = make_key(&api.admin(), "admin", None).await;
    key.delete(&format!("/api/keys/{}", made["id"])).await.expect(204);
    key.get("/api/keys").await.problem(401, "key_invalid");
    assert_eq!(api.admin().get("/api/keys").await.json(200), json!({"items": []}));
}

#[on_both]
async fn concurrent_mutual_revocation_leaves_one_admin(database: TestDatabase) {
    let (first, admin) = without_environment_key(database).await;
    let (mut first, mut admin) = (first, admin);
    for _ in 0..10 {
        let (second, other) = make_key(&admin, "admin", None).await;
        let (a, b) = (format!("/api/keys/{}", first["id"]), format!("/api/keys/{}", second["id"]));
        let (one, two) = tokio::join!(other.delete(&a).into_future(), admin.delete(&b).into_future());
        let statuses = [one.status, two.status];
        assert!(statuses.contains(&204), "{statuses:?}");
        assert!(statuses.contains(&409) || statuses.contains(&401), "{statuses:?}");
        if one.status == 204 {
            (first, admin) = (second, other);
        }
        admin.get("/api/keys").await.expect(200);
    }
}
