//! `Idempotency-Key`: a repeated request replays the first response and changes nothing.

use posts_api::db::Timestamp;
use serde_json::{Value, json};

use crate::support::{Api, Reply, TestDatabase, on_both, wait_until};

async fn create(api: &Api, key: &str, body: &Value) -> Reply {
    api.post("/api/posts", body).header("idempotency-key", key).await
}

async fn total(api: &Api) -> i64 {
    api.reader().get("/api/posts?published=any&count=exact").await.json(200)["total"].as_i64().unwrap()
}

/// Makes every stored response `seconds` old.
fn set_age(database: &TestDatabase, seconds: i64) {
    let then = Timestamp::from_microseconds(Timestamp::now().as_microseconds() - seconds * 1_000_000).unwrap();
    database.execute(&format!("UPDATE idempotency_keys SET created_at = '{then}'"));
}

const DAY: i64 = 24 * 60 * 60;

#[on_both]
async fn repeated_create_replays_the_response(api: Api) {
    let editor = api.editor();
    let body = json!({"title": "Once", "content": "ü \"quoted\"", "published": true});
    let first = create(&editor, "key-1", &body).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    // The replay does not depend on the post, which is changed and then deleted.
    let path = first.header("location").unwrap().to_owned();
    editor.patch(&path, &json!({"title": "Changed"})).await.expect(200);
    for attempt in 0..3 {
        if attempt == 2 {
            editor.delete(&path).await.expect(204);
        }
        let reply = create(&editor, "key-1", &body).await.expect(201);
        assert_eq!(reply.body, first.body);
        assert_eq!(reply.header("idempotency-replayed"), Some("true"));
        for name in ["location", "etag", "content-type", "content-length", "cache-control"] {
            assert_eq!(reply.header(name), first.header(name), "{name}");
        }
    }
    assert_eq!(total(&api).await, 0);
}

#[on_both]
async fn keyed_and_unkeyed_responses_have_the_same_shape(api: Api) {
    let editor = api.editor();
    let body = json!({"title": "Shape", "published": true});
    let (keyed, unkeyed) =
        (create(&editor, "key", &body).await.expect(201), editor.post("/api/posts", &body).await.expect(201));
    for name in ["content-type", "cache-control"] {
        assert_eq!(keyed.header(name), unkeyed.header(name), "{name}");
    }
    let fields = |reply: Reply| reply.json(201).as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(keyed), fields(unkeyed));
}

#[on_both]
async fn key_rejects_a_different_request(api: Api) {
    let editor = api.editor();
    let body = json!({"title": "First"});
    create(&editor, "key", &body).await.expect(201);
    create(&editor, "key", &json!({"title": "Second"})).await.problem(422, "idempotency_key_reused");
    let batch = editor.post("/api/posts/batch", &json!({"posts": [body]})).header("idempotency-key", "key").await;
    batch.problem(422, "idempotency_key_reused");
    create(&editor, "Key", &json!({"title": "Second"})).await.expect(201);
    assert_eq!(total(&api).await, 2);
}

#[on_both]
async fn keys_are_scoped_to_the_api_key(api: Api) {
    let body = json!({"title": "Mine"});
    let replies = [create(&api.editor(), "key", &body).await, create(&api.admin(), "key", &body).await];
    let [editors, admins] = replies.map(|reply| {
        assert_eq!(reply.header("idempotency-replayed"), None);
        reply.json(201)
    });
    assert_ne!(editors["id"], admins["id"]);
    assert_eq!(create(&api.admin(), "key", &body).await.json(201), admins);
    create(&api.reader(), "key", &body).await.problem(403, "forbidden");
    create(&api, "key", &body).await.problem(401, "key_required");
}

#[on_both]
async fn rejected_request_can_be_fixed_and_retried(api: Api) {
    let editor = api.editor();
    api.create(json!({"title": "Taken", "slug": "taken"})).await;
    create(&editor, "a", &json!({"title": ""})).await.problem(422, "validation_failed");
    create(&editor, "a", &json!({"title": "Ok"})).await.expect(201);
    create(&editor, "b", &json!({"title": "T", "slug": "taken"})).await.problem(409, "slug_taken");
    create(&editor, "b", &json!({"title": "T", "slug": "free"})).await.expect(201);
    let batch = |slug: &str| json!({"posts": [{"title": "New"}, {"title": "T", "slug": slug}]});
    let send = async |slug: &str| editor.post("/api/posts/batch", &batch(slug)).header("idempotency-key", "c").await;
    send("taken").await.problem(409, "slug_taken");
    assert_eq!(total(&api).await, 3);
    send("free-2").await.expect(200);
    assert_eq!(total(&api).await, 5);
}

#[on_both]
async fn key_must_be_printable_ascii_up_to_255_bytes(api: Api) {
    let editor = api.editor();
    let body = json!({"title": "Key"});
    for key in ["", "a b", "é", &"x".repeat(256), "a\tb"] {
        create(&editor, key, &body).await.problem(400, "invalid_header");
    }
    let duplicate = editor.post("/api/posts", &body).header("idempotency-key", "a").header("idempotency-key", "b");
    duplicate.await.problem(400, "invalid_header");
    assert_eq!(total(&api).await, 0);
    for key in ["x", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "~!@#$%^&*()", &"x".repeat(255)] {
        create(&editor, key, &body).await.expect(201);
        assert_eq!(create(&editor, key, &body).await.expect(201).header("idempotency-replayed"), Some("true"));
    }
    assert_eq!(total(&api).await, 4);
}

/// A request that arrives while the first one runs gets 409, and the replay once the first has finished.
#[on_both]
async fn concurrent_requests_with_one_key_execute_once(api: Api) {
    let editor = api.editor();
    let post = json!({"title": "At once"});
    for (path, body) in [("/api/posts", post.clone()), ("/api/posts/batch", json!({"posts": [post]}))] {
        let before = total(&api).await;
        let send = || async {
            loop {
                let reply = editor.post(path, &body).header("idempotency-key", path).await;
                match reply.status {
                    200 | 201 => return reply,
                    409 => drop(reply.problem(409, "idempotency_key_in_use")),
                    _ => drop(reply.problem(503, "database_busy")),
                }
            }
        };
        let replies = futures_util::future::join_all((0..100).map(|_| send())).await;
        assert_eq!(replies.iter().filter(|reply| reply.header("idempotency-replayed").is_none()).count(), 1);
        assert!(replies.iter().all(|reply| reply.body == replies[0].body));
        assert_eq!(total(&api).await, before + 1, "{path}");
    }
}

#[on_both]
async fn repeated_batch_replays_the_response(api: Api) {
    let editor = api.editor();
    let body = json!({"posts": [{"title": "One"}, {"title": "Two", "slug": "two"}]});
    let send = async || editor.post("/api/posts/batch", &body).header("idempotency-key", "batch").await.expect(200);
    let first = send().await;
    let replay = send().await;
    assert_eq!((&replay.body, replay.header("idempotency-replayed")), (&first.body, Some("true")));
    assert_eq!(total(&api).await, 2);
}

#[on_both]
async fn key_expires_after_24_hours(api: Api) {
    let (editor, database) = (api.editor(), &api.server.database);
    let body = json!({"title": "Daily"});
    let first = create(&editor, "key", &body).await.json(201);
    set_age(database, DAY - 60);
    assert_eq!(create(&editor, "key", &body).await.json(201), first);
    set_age(database, DAY + 1);
    let reply = create(&editor, "key", &json!({"title": "Another"})).await.expect(201);
    assert_eq!(reply.header("idempotency-replayed"), None);
    assert_ne!(reply.clone().json(201)["id"], first["id"]);
    let repeated = create(&editor, "key", &json!({"title": "Another"})).await.expect(201);
    assert_eq!((repeated.body, repeated.headers["idempotency-replayed"].to_str().unwrap()), (reply.body, "true"));
}

#[on_both]
async fn cleanup_removes_only_expired_keys(api: Api) {
    let (editor, database) = (api.editor(), &api.server.database);
    let remove_expired =
        || posts_api::http::idempotency_store::remove_expired(&mut database.connect(), Timestamp::now()).unwrap();
    for key in ["a", "b", "c"] {
        create(&editor, key, &json!({"title": "Old"})).await.expect(201);
    }
    assert_eq!(remove_expired(), 0);
    set_age(database, DAY + 1);
    create(&editor, "d", &json!({"title": "Young"})).await.expect(201);
    assert_eq!((remove_expired(), remove_expired()), (3, 0));
    assert_eq!(create(&editor, "d", &json!({"title": "Young"})).await.headers["idempotency-replayed"], "true");
}

#[on_both]
async fn startup_removes_expired_keys(api: Api) {
    let database = &api.server.database;
    create(&api.editor(), "a", &json!({"title": "Old"})).await.expect(201);
    set_age(database, DAY + 1);
    let _second = Api::start(database, |_| {});
    let is_empty = || database.query_number("SELECT count(*) AS number FROM idempotency_keys") == 0;
    wait_until("the second instance removes the expired key", async || is_empty()).await;
}

#[on_both]
async fn rotated_admin_key_is_a_different_caller(api: Api) {
    let key = "the-admin-key-after-a-rotation";
    let rotated = Api::start(&api.server.database, |config| config.admin_api_key = Some(key.parse().unwrap()));
    let body = json!({"title": "Once for each"});
    create(&api.admin(), "same", &body).await.expect(201);
    let reply = create(&rotated.with_key(key), "same", &body).await.expect(201);
    assert_eq!(reply.header("idempotency-replayed"), None);
    assert_eq!(total(&api).await, 2);
}
