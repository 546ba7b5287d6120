//! Creating, listing, and revoking API keys, and the operations that each role permits.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};
use posts_api::db::{Backend, Connection, Timestamp};
use posts_api::keys;
use posts_api::keys::model::{CreateApiKey, SecretKey};
use posts_api::routing::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::ADMIN_KEY;
use crate::support::{Api, TestDatabase, on_both};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
}

fn rows(database: &TestDatabase) -> Vec<Row> {
    let query = diesel::sql_query("SELECT name, hash FROM api_keys ORDER BY id");
    match &mut database.connect().backend {
        Backend::Postgres(conn) => query.load(conn),
        Backend::Sqlite(conn) => query.load(conn),
    }
    .unwrap()
}

async fn create_key(api: &Api, name: &str, role: &str) -> Value {
    api.admin().post("/api/keys", &json!({"name": name, "role": role})).await.json(201)
}

fn names(keys: &Value) -> Vec<&str> {
    keys["items"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect()
}

/// The lowest role that each route requires: 0 reader, 1 editor, 2 admin. `None`: no key.
const REQUIRED_ROLES: [(&str, &str, Option<usize>); 14] = [
    ("GET", "/api/posts", None),
    ("GET", "/api/posts/1", None),
    ("GET", "/api/posts/by-slug/first", None),
    ("GET", "/api/posts?published=any", Some(0)),
    ("POST", "/api/posts", Some(1)),
    ("POST", "/api/posts/batch", Some(1)),
    ("PUT", "/api/posts/by-slug/other", Some(1)),
    ("PATCH", "/api/posts/1", Some(1)),
    ("POST", "/api/posts/1/publish", Some(1)),
    ("POST", "/api/posts/1/unpublish", Some(1)),
    ("DELETE", "/api/posts/999", Some(1)),
    ("GET", "/api/keys", Some(2)),
    ("POST", "/api/keys", Some(2)),
    ("DELETE", "/api/keys/999", Some(2)),
];

#[on_both]
async fn secret_is_shown_once_and_stored_as_a_hash(api: Api) {
    let reply = api.admin().post("/api/keys", &json!({"name": " ci ", "role": "editor"})).await.expect(201);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let created = reply.json(201);
    let key = created["key"].as_str().unwrap();
    // The prefix, then 160 bits in base 32.
    assert!(key.starts_with("posts_") && key.len() == 6 + 32, "{key}");
    assert_eq!((&created["name"], &created["role"]), (&json!("ci"), &json!("editor")));

    let reply = api.admin().get("/api/keys").await.expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(!reply.text().contains(key));
    let mut listed = created.clone();
    listed.as_object_mut().unwrap().remove("key");
    assert_eq!(reply.json(200), json!({"items": [listed]}));

    let rows = rows(&api.server.database);
    assert_eq!((rows.len(), rows[0].name.as_str()), (1, "ci"));
    assert_eq!(rows[0].hash, SecretKey::hash(key));
}

#[on_both]
async fn concurrent_first_starts_create_one_key(database: TestDatabase) {
    database.migrate();
    let conns: Vec<Connection> = (0..20).map(|_| database.connect()).collect();
    let barrier = std::sync::Barrier::new(conns.len());
    let created = std::thread::scope(|scope| {
        let starts: Vec<_> = conns
            .into_iter()
            .enumerate()
            .map(|(number, mut conn)| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let key = CreateApiKey { name: "first start".into(), role: Role::Admin, expires_at: None };
                    let hash = SecretKey::hash(&number.to_string());
                    barrier.wait();
                    let now = Timestamp::now();
                    conn.transaction(|conn| keys::store::create_first(conn, &key, &hash, now)).unwrap().is_some()
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).filter(|created| *created).count()
    });
    assert_eq!((created, rows(&database).len()), (1, 1));
}

#[on_both]
async fn keys_with_the_same_name_are_distinct(api: Api) {
    let first = create_key(&api, "same name", "reader").await;
    let second = create_key(&api, "same name", "reader").await;
    assert_ne!(first["key"], second["key"]);
    assert_ne!(first["id"], second["id"]);
}

#[on_both]
async fn list_is_oldest_first_without_revoked_keys(api: Api) {
    let admin = api.admin();
    for name in ["a", "c", "b"] {
        create_key(&api, name, "reader").await;
    }
    let keys = admin.get("/api/keys").await.json(200);
    assert_eq!(names(&keys), ["a", "c", "b"]);
    let path = format!("/api/keys/{}", keys["items"][1]["id"]);
    assert!(admin.delete(&path).await.expect(204).body.is_empty());
    assert_eq!(names(&admin.get("/api/keys").await.json(200)), ["a", "b"]);
    admin.delete(&path).await.problem(404, "not_found");
}

#[on_both]
async fn revocation_takes_effect_at_once_on_every_instance(api: Api) {
    let second = Api::start(&api.server.database, |_| {});
    let created = create_key(&api, "revoked", "admin").await;
    let key = created["key"].as_str().unwrap();
    for instance in [&api, &second] {
        instance.with_key(key).get("/api/keys").await.expect(200);
    }
    // A key may revoke itself.
    api.with_key(key).delete(&format!("/api/keys/{}", created["id"])).await.expect(204);
    for instance in [&api, &second] {
        instance.with_key(key).get("/api/keys").await.problem(401, "key_invalid");
        instance.with_key(key).get("/api/posts").await.problem(401, "key_invalid");
    }
}

#[on_both]
async fn each_role_is_limited_to_its_operations(api: Api) {
    api.create(json!({"title": "First", "published": true})).await;
    let callers = [api.reader(), api.editor(), api.admin()];
    for (method, path, required) in REQUIRED_ROLES {
        let method: Method = method.parse().unwrap();
        let body = match path {
            "/api/keys" => json!({"name": "new", "role": "reader"}),
            "/api/posts/batch" => json!({"posts": [{"title": "New"}]}),
            path if path.ends_with("publish") => json!({}),
            _ => json!({"title": "New"}),
        };
        let call = |api: &Api| {
            let call = api.call(method.clone(), path);
            if ["POST", "PUT", "PATCH"].contains(&method.as_str()) { call.json(&body) } else { call }
        };
        let anonymous = call(&api).await;
        if required.is_none() {
            assert!([200, 404].contains(&anonymous.status), "{method} {path}: {}", anonymous.status);
        } else {
            assert_eq!(anonymous.header("www-authenticate"), Some("Bearer"), "{method} {path}");
            anonymous.problem(401, "key_required");
        }
        for (role, key) in callers.iter().enumerate() {
            let reply = call(key).await;
            if required.is_some_and(|required| role < required) {
                reply.problem(403, "forbidden");
            } else {
                assert!([200, 201, 404].contains(&reply.status), "{method} {path} {role}: {}", reply.status);
            }
        }
        let unknown = call(&api.with_key("posts_mfrggzdfmztwq2lknnwg23tpobyxe43u")).await;
        assert_eq!(unknown.header("www-authenticate"), Some("Bearer error=\"invalid_token\""), "{method} {path}");
        unknown.problem(401, "key_invalid");
    }
}

#[on_both]
async fn unauthorized_request_is_rejected_before_validation(api: Api) {
    for (key, status, code) in [(api.clone(), 401, "key_required"), (api.reader(), 403, "forbidden")] {
        let body = "not json";
        key.call(Method::POST, "/api/posts").body("text/plain", body).await.problem(status, code);
        key.call(Method::PATCH, "/api/posts/abc").body("text/plain", body).await.problem(status, code);
        key.call(Method::DELETE, "/api/posts/abc").await.problem(status, code);
    }
}

#[on_both]
async fn key_is_accepted_only_as_a_bearer_token(api: Api) {
    let headers = [
        (format!("Bearer {ADMIN_KEY}"), 200),
        (format!("bearer {ADMIN_KEY}"), 200),
        (format!("BEARER   {ADMIN_KEY}"), 200),
        (ADMIN_KEY.to_owned(), 401),
        (format!("Basic {ADMIN_KEY}"), 401),
        ("Bearer".into(), 401),
        ("Bearer ".into(), 401),
        (String::new(), 401),
        (format!("Bearer {ADMIN_KEY}x"), 401),
        (format!("Bearer {}", ADMIN_KEY.to_uppercase()), 401),
        ("Bearer \u{e9}".into(), 401),
        (format!("Bearer {}", "x".repeat(5000)), 401),
    ];
    for (header, status) in headers {
        let reply = api.get("/api/posts").header("authorization", &header).await;
        if status == 401 {
            reply.problem(401, "key_invalid");
        } else {
            reply.expect(200);
        }
    }
}

#[on_both]
async fn admin_key_is_rejected_where_none_is_configured(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.admin_api_key = None);
    api.admin().get("/api/posts").await.problem(401, "key_invalid");
}

#[on_both]
async fn create_reports_invalid_fields(api: Api) {
    let admin = api.admin();
    for (body, expected) in [
        (json!({}), vec![("/name", "required"), ("/role", "required")]),
        (json!({"name": " ", "role": "owner"}), vec![("/name", "empty"), ("/role", "format")]),
        (json!({"name": "x".repeat(101), "role": "Admin"}), vec![("/name", "too_long"), ("/role", "format")]),
        (json!({"name": "a\0b", "role": 1}), vec![("/name", "nul"), ("/role", "type")]),
        (
            json!({"name": null, "role": null, "key": "mine"}),
            vec![("/key", "unknown"), ("/name", "null"), ("/role", "null")],
        ),
    ] {
        let errors = admin.post("/api/keys", &body).await.field_errors();
        let errors: Vec<_> = errors.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str())).collect();
        assert_eq!(errors, expected, "{body}");
    }
    admin.post("/api/keys", &json!({"name": "é".repeat(100), "role": "reader"})).await.expect(201);
}
