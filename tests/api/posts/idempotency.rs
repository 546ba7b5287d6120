//! `Idempotency-Key`: a request that is sent again is not carried out again.

use posts_api::db::Timestamp;
use serde_json::{Value, json};

use crate::support::{Api, Reply, TestDatabase, on_both, wait_until};

async fn create(api: &Api, key: &str, body: &Value) -> Reply {
    api.post("/api/posts", body).header("idempotency-key", key).await
}

async fn total(api: &Api) -> i64 {
    api.reader().get("/api/posts?published=any&count=exact").await.json(200)["total"].as_i64().unwrap()
}

/// Sets the times of all that is kept back by 24 hours and a second, or by one that is a second short of them.
fn age(database: &TestDatabase, seconds: i64) {
    let then = Timestamp::from_microseconds(Timestamp::now().as_microseconds() - seconds * 1_000_000).unwrap();
    database.execute(&format!("UPDATE idempotency_keys SET created_at = '{then}'"));
}

const DAY: i64 = 24 * 60 * 60;

#[on_both]
async fn a_create_sent_again_is_answered_as_before(api: Api) {
    let editor = api.editor();
    let body = json!({"title": "Once", "content": "ü \"quoted\"", "published": true});
    let first = create(&editor, "key-1", &body).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    // The answer stays what it was, also after the post has changed or gone.
    let path = first.header("location").unwrap().to_owned();
    editor.patch(&path, &json!({"title": "Changed"})).await.expect(200);
    for again in 0..3 {
        if again == 2 {
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
    let plain = editor.post("/api/posts", &body).await.expect(201);
    for name in ["content-type", "cache-control"] {
        assert_eq!(plain.header(name), first.header(name), "with a key and without: {name}");
    }
    let fields = |reply: Reply| reply.json(201).as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(plain), fields(first));
}

#[on_both]
async fn a_key_belongs_to_one_request(api: Api) {
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
async fn each_api_key_has_idempotency_keys_of_its_own(api: Api) {
    let body = json!({"title": "Mine"});
    let replies = [create(&api.editor(), "key", &body).await, create(&api.admin(), "key", &body).await];
    let [one, other] = replies.map(|reply| {
        assert_eq!(reply.header("idempotency-replayed"), None);
        reply.json(201)
    });
    assert_ne!(one["id"], other["id"]);
    assert_eq!(create(&api.admin(), "key", &body).await.json(201), other);
    create(&api.reader(), "key", &body).await.problem(403, "forbidden");
    create(&api, "key", &body).await.problem(401, "key_required");
}

#[on_both]
async fn a_refused_request_may_be_mended_and_sent_again(api: Api) {
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
async fn a_key_is_printable_ascii_without_spaces(api: Api) {
    let editor = api.editor();
    let body = json!({"title": "Key"});
    for key in ["", "a b", "é", &"x".repeat(256), "a\tb"] {
        create(&editor, key, &body).await.problem(400, "invalid_header");
    }
    let twice = editor.post("/api/posts", &body).header("idempotency-key", "a").header("idempotency-key", "b");
    twice.await.problem(400, "invalid_header");
    assert_eq!(total(&api).await, 0);
    for key in ["x", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "~!@#$%^&*()", &"x".repeat(255)] {
        create(&editor, key, &body).await.expect(201);
        assert_eq!(create(&editor, key, &body).await.expect(201).header("idempotency-replayed"), Some("true"));
    }
    assert_eq!(total(&api).await, 4);
}

/// Whoever comes while the first one runs is told so, and gets its answer when it has ended.
#[on_both]
async fn of_a_hundred_creates_at_once_one_is_carried_out(api: Api) {
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
async fn a_batch_sent_again_is_answered_as_before(api: Api) {
    let editor = api.editor();
    let body = json!({"posts": [{"title": "One"}, {"title": "Two", "slug": "two"}]});
    let send = async || editor.post("/api/posts/batch", &body).header("idempotency-key", "batch").await.expect(200);
    let first = send().await;
    let again = send().await;
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&first.body, Some("true")));
    assert_eq!(total(&api).await, 2);
}

#[on_both]
async fn a_key_is_forgotten_after_a_day(api: Api) {
    let (editor, database) = (api.editor(), &api.server.database);
    let body = json!({"title": "Daily"});
    let first = create(&editor, "key", &body).await.json(201);
    age(database, DAY - 60);
    assert_eq!(create(&editor, "key", &body).await.json(201), first);
    age(database, DAY + 1);
    let reply = create(&editor, "key", &json!({"title": "Another"})).await.expect(201);
    assert_eq!(reply.header("idempotency-replayed"), None);
    assert_ne!(reply.clone().json(201)["id"], first["id"]);
    let again = create(&editor, "key", &json!({"title": "Another"})).await.expect(201);
    assert_eq!((again.body, again.headers["idempotency-replayed"].to_str().unwrap()), (reply.body, "true"));
}

#[on_both]
async fn what_was_forgotten_is_removed(api: Api) {
    let (editor, database) = (api.editor(), &api.server.database);
    let remove =
        || posts_api::http::idempotency_store::remove_expired(&mut database.connect(), Timestamp::now()).unwrap();
    for key in ["a", "b", "c"] {
        create(&editor, key, &json!({"title": "Old"})).await.expect(201);
    }
    assert_eq!(remove(), 0);
    age(database, DAY + 1);
    create(&editor, "d", &json!({"title": "Young"})).await.expect(201);
    assert_eq!((remove(), remove()), (3, 0));
    assert_eq!(create(&editor, "d", &json!({"title": "Young"})).await.headers["idempotency-replayed"], "true");
}

#[on_both]
async fn an_instance_that_starts_removes_what_was_forgotten(api: Api) {
    let database = &api.server.database;
    create(&api.editor(), "a", &json!({"title": "Old"})).await.expect(201);
    age(database, DAY + 1);
    let _other = Api::start(database, |_| {});
    let is_empty = || database.query_number("SELECT count(*) AS number FROM idempotency_keys") == 0;
    wait_until("the other instance removes it", async || is_empty()).await;
}

#[on_both]
async fn another_key_in_the_environment_is_another_caller(api: Api) {
    let key = "the-admin-key-after-a-rotation";
    let rotated = Api::start(&api.server.database, |config| config.admin_api_key = Some(key.parse().unwrap()));
    let body = json!({"title": "Once for each"});
    create(&api.admin(), "same", &body).await.expect(201);
    let reply = create(&rotated.with_key(key), "same", &body).await.expect(201);
    assert_eq!(reply.header("idempotency-replayed"), None);
    assert_eq!(total(&api).await, 2);
}
