//! A `PUT`, or a batch that replaces posts, changes nothing if the post has all the values already.

use posts_api::db::{Backend, Connection};
use serde_json::{Value, json};

use super::field_values::{assert_complete, body, values};
use crate::support::database::query_number;
use crate::support::{Api, Engine, Fixture, Reply, on_both, wait_until};

const PATH: &str = "/api/posts/by-slug/page";

async fn put(api: &Api, body: &Value) -> Reply {
    api.admin().put(PATH, body).await
}

async fn put_batch(api: &Api, posts: &Value) -> Value {
    let batch = json!({"on_conflict": "replace", "posts": posts});
    api.admin().post("/api/posts/batch", &batch).await.json(200)["items"].clone()
}

fn in_batch(body: &Value) -> Value {
    let mut post = body.clone();
    post["slug"] = json!("page");
    json!([post])
}

/// A number that changes when another process must invalidate its cache: on SQLite with every write, on PostgreSQL with
/// every change to a published post.
fn changes_seen_by_others(conn: &mut Connection) -> i64 {
    let sql = match conn.backend {
        Backend::Postgres(_) => "SELECT last_value AS number FROM posts_changes",
        Backend::Sqlite(_) => "SELECT data_version AS number FROM pragma_data_version",
    };
    query_number(conn, sql)
}

/// Waits until `request` has run once without any change to the revision of this instance, or to what other instances
/// see. A poll that fails, or the expiry of the cache, can change them meanwhile.
async fn assert_leaves_no_trace(api: &Api, request: impl AsyncFn()) {
    let mut conn = api.server.database.connect();
    wait_until("a request that leaves no trace", async || {
        let before = (api.server.connections.revision(), changes_seen_by_others(&mut conn));
        request().await;
        before.0.is_some() && (api.server.connections.revision(), changes_seen_by_others(&mut conn)) == before
    })
    .await;
}

#[on_both]
async fn the_same_put_again_changes_nothing(api: Api) {
    let first = put(&api, &body()).await.expect(201);
    for _ in 0..2 {
        let again = put(&api, &body()).await.expect(200);
        assert_eq!((&again.body, again.header("etag")), (&first.body, first.header("etag")));
        assert_eq!(again.header("location"), None);
    }
    let read = api.get(PATH).await.expect(200);
    assert_eq!((&read.body, read.header("etag")), (&first.body, first.header("etag")));
}

#[on_both]
async fn the_same_batch_again_changes_nothing(api: Api) {
    let posts = json!([
        {"title": "A", "slug": "a", "published": true, "tags": ["x"]},
        {"title": "B", "slug": "b"},
        {"title": "C", "slug": "c"},
    ]);
    let first = put_batch(&api, &posts).await;
    let again = put_batch(&api, &posts).await;
    for (before, after) in first.as_array().unwrap().iter().zip(again.as_array().unwrap()) {
        assert_eq!((&after["result"], &after["post"]), (&json!("unchanged"), &before["post"]));
    }
    let mixed = put_batch(&api, &json!([posts[0], {"title": "B!", "slug": "b"}, {"title": "D", "slug": "d"}])).await;
    let results: Vec<&Value> = mixed.as_array().unwrap().iter().map(|item| &item["result"]).collect();
    assert_eq!(results, ["unchanged", "replaced", "created"]);
    let versions: Vec<&Value> = mixed.as_array().unwrap().iter().map(|item| &item["post"]["version"]).collect();
    assert_eq!(versions, [1, 2, 1]);
}

/// An idempotent replay is a copy of the first response, whatever a new request would do.
#[on_both]
async fn replays_of_a_batch_keep_their_result(api: Api) {
    let send = async |key: &str| {
        let batch = json!({"on_conflict": "replace", "posts": in_batch(&body())});
        let reply = api.admin().post("/api/posts/batch", &batch).header("idempotency-key", key).await;
        reply.json(200)["items"][0]["result"].clone()
    };
    assert_eq!(send("first").await, "created");
    assert_eq!(send("second").await, "unchanged");
    assert_eq!(send("first").await, "created");
    api.admin().patch("/api/posts/1", &json!({"title": "Other"})).await.expect(200);
    assert_eq!(send("second").await, "unchanged");
    assert_eq!(send("third").await, "replaced");
}

#[on_both]
async fn caches_of_all_instances_stay_valid(api: Api) {
    put(&api, &body()).await.expect(201);
    assert_leaves_no_trace(&api, async || drop(put(&api, &body()).await.expect(200))).await;
    assert_leaves_no_trace(&api, async || {
        assert_eq!(put_batch(&api, &in_batch(&body())).await[0]["result"], "unchanged");
    })
    .await;
    let tag = api.get(PATH).await.header("etag").unwrap().to_owned();
    assert_leaves_no_trace(&api, async || {
        api.admin().put(PATH, &body()).header("if-match", &tag).await.expect(200);
    })
    .await;
    // The check itself notices a change.
    let mut conn = api.server.database.connect();
    let before = changes_seen_by_others(&mut conn);
    let mut other = body();
    other["title"] = json!("Other");
    put(&api, &other).await.expect(200);
    assert_ne!(changes_seen_by_others(&mut conn), before);
}

/// Fails for a new field of a `PUT` that has no values here, that is not replaced, or that is not compared.
#[on_both]
async fn a_difference_in_any_field_is_a_change(api: Api) {
    let values = values();
    let document = api.get("/api/openapi.json").await.json(200);
    assert_complete(&document, "PutPost", values.iter().map(|(field, _, _)| *field));
    put(&api, &body()).await.expect(201);
    let mut version = 1;
    for (field, value, other) in &values {
        for value in [other, value] {
            let mut changed = body();
            changed[*field] = value.clone();
            version += 1;
            for repeated in 0..2 {
                let post = put(&api, &changed).await.json(200);
                assert_eq!((&post[*field], &post["version"]), (value, &json!(version)), "{field}, repeated {repeated}");
                let item = put_batch(&api, &in_batch(&changed)).await[0].clone();
                assert_eq!((&item["result"], &item["post"]), (&json!("unchanged"), &post), "{field}");
            }
        }
        for value in [other, value] {
            let mut changed = body();
            changed[*field] = value.clone();
            version += 1;
            let item = put_batch(&api, &in_batch(&changed)).await[0].clone();
            assert_eq!((&item["result"], &item["post"]["version"]), (&json!("replaced"), &json!(version)), "{field}");
        }
    }
}

/// The stored values are compared, not those of the request.
#[on_both]
async fn values_are_compared_after_normalization(api: Api) {
    let first =
        put(&api, &json!({"title": "Page", "tags": ["é", "web dev"], "metadata": {"a": {"b": 1}}})).await.json(201);
    for body in [
        json!({
            "title": " Page\n", "tags": ["e\u{301}", " web\t dev"], "metadata": {"a": {"b": 1, "c": null}, "d": null},
        }),
        json!({
            "title": "Page", "description": null, "tags": ["é", "web dev"], "authors": null, "image": null,
            "image_alt": null, "metadata": {"a": {"b": 1}}, "content": null, "published": false,
        }),
    ] {
        assert_eq!(put(&api, &body).await.json(200), first);
    }
    let other =
        put(&api, &json!({"title": "Page", "tags": ["é", "web dev"], "metadata": {"a": {"b": 1.0}}})).await.json(200);
    assert_eq!(other["version"], 2, "1.0 is stored in another form than 1");
}

#[on_both]
async fn a_scheduled_post_is_changed(api: Api) {
    let draft = json!({"title": "Later"});
    for is_batch in [false, true] {
        let id = put(&api, &draft).await.json(if is_batch { 200 } else { 201 })["id"].clone();
        let at = json!({"at": "2999-01-01T00:00:00Z"});
        let scheduled = api.admin().post(&format!("/api/posts/{id}/publish"), &at).await.json(200);
        let replaced = if is_batch {
            let item = put_batch(&api, &in_batch(&draft)).await[0].clone();
            assert_eq!(item["result"], "replaced");
            item["post"].clone()
        } else {
            put(&api, &draft).await.json(200)
        };
        assert_eq!(replaced["scheduled_for"], Value::Null);
        assert_eq!(replaced["version"].as_i64(), scheduled["version"].as_i64().map(|version| version + 1));
        assert_eq!(put(&api, &draft).await.json(200), replaced);
    }
}

#[on_both]
async fn publication_times_are_kept_and_completed(api: Api) {
    let published = json!({"title": "Page", "published": true});
    put(&api, &published).await.expect(201);
    let draft = put(&api, &json!({"title": "Page"})).await.json(200);
    assert!(draft["published_at"].is_string());
    assert_eq!(put(&api, &json!({"title": "Page"})).await.json(200), draft, "a draft keeps its publication time");
    // On PostgreSQL, a trigger completes what an external writer has published.
    if api.engine() == Engine::Sqlite {
        api.server.database.execute("UPDATE posts SET published = TRUE, published_at = NULL");
        let before = api.admin().get(PATH).await.json(200);
        assert_eq!((&before["published"], &before["published_at"]), (&json!(true), &Value::Null));
        let completed = put(&api, &published).await.json(200);
        assert!(completed["published_at"].is_string());
        assert_eq!(completed["version"].as_i64(), before["version"].as_i64().map(|version| version + 1));
        assert_eq!(put(&api, &published).await.json(200), completed);
    }
}

/// The trigger clears the excerpt of a post whose content an external writer has changed.
#[on_both]
async fn a_cleared_excerpt_is_no_difference(api: Api) {
    put(&api, &json!({"title": "Page", "content": "old", "published": true})).await.expect(201);
    api.server.database.execute("UPDATE posts SET content = 'new'");
    let external = api.admin().get(PATH).await.json(200);
    let cleared = "SELECT count(*) AS number FROM posts WHERE excerpt IS NULL";
    assert_eq!(api.server.database.query_number(cleared), 1);
    let body = json!({"title": "Page", "content": "new", "published": true});
    assert_eq!(put(&api, &body).await.json(200), external);
    assert_eq!(put_batch(&api, &in_batch(&body)).await[0]["result"], "unchanged");
    assert_eq!(api.admin().get("/api/posts?view=summary").await.json(200)["items"][0]["excerpt"], "new");
}

/// An external writer may format JSON differently. The text is part of the entity tag, so it is replaced once.
#[on_both]
async fn json_of_an_external_writer_is_replaced_once(api: Api) {
    let body = json!({"title": "Page", "tags": ["a", "b"]});
    put(&api, &body).await.expect(201);
    api.server.database.execute("UPDATE posts SET tags = '[\"a\", \"b\"]'");
    let external = api.admin().get(PATH).await.json(200);
    let replaced = put(&api, &body).await.json(200);
    assert_eq!(replaced["version"].as_i64(), external["version"].as_i64().map(|version| version + 1));
    assert_eq!(put(&api, &body).await.json(200), replaced);
}

#[on_both]
async fn preconditions_apply_to_an_unchanged_post(api: Api) {
    let first = put(&api, &body()).await.expect(201);
    let tag = first.header("etag").unwrap().to_owned();
    for (name, value, status) in [
        ("if-match", tag.as_str(), 200),
        ("if-match", "*", 200),
        ("if-match", "\"00000000000000000000000000000000\"", 412),
        ("if-none-match", "\"00000000000000000000000000000000\"", 200),
        ("if-none-match", tag.as_str(), 412),
        ("if-none-match", "*", 412),
    ] {
        let reply = api.admin().put(PATH, &body()).header(name, value).await.expect(status);
        if status == 200 {
            assert_eq!((&reply.body, reply.header("etag")), (&first.body, first.header("etag")), "{name}: {value}");
        }
    }
    assert_eq!(api.get(PATH).await.expect(200).body, first.body);
}

/// On SQLite, a trigger cannot compare whole rows.
#[tokio::test]
async fn an_external_upsert_without_changes_keeps_the_version() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let first = put(&api, &body()).await.json(201);
    api.server.database.execute(
        "INSERT INTO posts (slug, title) VALUES ('page', 'Page') ON CONFLICT (slug) DO UPDATE \
         SET title = excluded.title",
    );
    assert_eq!(api.admin().get(PATH).await.json(200), first);
}

/// On PostgreSQL, each conflict uses up an id.
#[tokio::test]
async fn an_unchanged_put_uses_up_no_id_on_sqlite() {
    let Some(api) = Api::on(Engine::Sqlite) else { return };
    put(&api, &body()).await.expect(201);
    for _ in 0..3 {
        put(&api, &body()).await.expect(200);
        put_batch(&api, &in_batch(&body())).await;
    }
    assert_eq!(api.create(json!({"title": "Next"})).await["id"], 2);
}

#[on_both]
async fn equal_puts_at_once_create_one_version(api: Api) {
    for round in 0..5 {
        let path = format!("/api/posts/by-slug/round-{round}");
        for version in 1..=3 {
            let body = json!({"title": format!("Version {version}"), "published": true});
            let admin = api.admin();
            let replies = futures_util::future::join_all((0..12).map(|_| admin.put(&path, &body).into_future())).await;
            let created = replies.iter().filter(|reply| reply.status == 201).count();
            assert_eq!(created, usize::from(version == 1));
            for reply in &replies {
                assert!(reply.status == 200 || reply.status == 201, "{}", reply.text());
                assert_eq!((&reply.body, reply.header("etag")), (&replies[0].body, replies[0].header("etag")));
            }
            assert_eq!(replies[0].clone().json(replies[0].status)["version"], version);
        }
    }
}
