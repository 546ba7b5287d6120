//! `POST /api/posts/{id}/publish` with `at`: posts are published at their due time.

use std::sync::Arc;
use std::time::Duration;

use posts_api::db::Timestamp;
use posts_api::posts::publish;
use serde_json::{Value, json};

use crate::support::{Api, TestDatabase, ids, on_both, wait_until};

const LATER: &str = "2999-01-01T00:00:00.000000Z";

fn milliseconds_from_now(milliseconds: i64) -> String {
    Timestamp::from_microseconds(Timestamp::now().as_microseconds() + milliseconds * 1000).unwrap().to_string()
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Creates a draft and returns it with its path.
async fn create_draft(api: &Api) -> (Value, String) {
    let post = api.create(json!({"title": "Draft"})).await;
    let path = format!("/api/posts/{}", post["id"]);
    (post, path)
}

async fn publish(api: &Api, path: &str, body: &Value) -> Value {
    api.editor().post(&format!("{path}/publish"), body).await.json(200)
}

#[on_both]
async fn future_time_keeps_the_post_a_draft(api: Api) {
    let (post, path) = create_draft(&api).await;
    let scheduled = publish(&api, &path, &json!({"at": "2999-01-01T02:00:00+02:00"})).await;
    assert_eq!(scheduled["scheduled_for"], LATER);
    assert_eq!((&scheduled["published"], &scheduled["published_at"]), (&json!(false), &Value::Null));
    assert_eq!(scheduled["version"], 2);
    assert!(time(&scheduled["updated_at"]) > time(&post["updated_at"]));
    api.get(&path).await.problem(404, "not_found");
    assert_eq!(ids(&api.get("/api/posts").await.json(200)), Vec::<i64>::new());
    assert_eq!(api.reader().get(&path).await.json(200), scheduled);
}

#[on_both]
async fn rescheduling_changes_the_post_only_for_a_new_time(api: Api) {
    let (_, path) = create_draft(&api).await;
    let scheduled = publish(&api, &path, &json!({"at": LATER})).await;
    assert_eq!(publish(&api, &path, &json!({"at": LATER})).await, scheduled);
    let moved = publish(&api, &path, &json!({"at": "2999-01-02T00:00:00Z"})).await;
    assert_eq!((&moved["version"], &moved["scheduled_for"]), (&json!(3), &json!("2999-01-02T00:00:00.000000Z")));
}

#[on_both]
async fn past_time_publishes_immediately(api: Api) {
    let (_, path) = create_draft(&api).await;
    let post = publish(&api, &path, &json!({"at": "2020-02-29T12:00:00Z"})).await;
    assert_eq!((&post["published"], &post["scheduled_for"]), (&json!(true), &Value::Null));
    assert_eq!(post["published_at"], "2020-02-29T12:00:00.000000Z");
    api.get(&path).await.expect(200);
}

#[on_both]
async fn missing_time_publishes_now_and_clears_the_schedule(api: Api) {
    for body in [None, Some(json!(null)), Some(json!({})), Some(json!({"at": null}))] {
        let (_, path) = create_draft(&api).await;
        publish(&api, &path, &json!({"at": LATER})).await;
        let before = Timestamp::now();
        let post = match &body {
            None => api.editor().post_empty(&format!("{path}/publish")).await.json(200),
            Some(body) => publish(&api, &path, body).await,
        };
        assert_eq!(
            (&post["published"], &post["scheduled_for"], &post["version"]),
            (&json!(true), &Value::Null, &json!(3))
        );
        assert!(time(&post["published_at"]) >= before, "{body:?}");
    }
}

#[on_both]
async fn published_post_ignores_the_given_time(api: Api) {
    let (_, path) = create_draft(&api).await;
    let post = publish(&api, &path, &json!({})).await;
    for at in [json!({"at": LATER}), json!({"at": "2001-01-01T00:00:00Z"}), json!({})] {
        assert_eq!(publish(&api, &path, &at).await, post);
    }
}

#[on_both]
async fn invalid_time_is_rejected(api: Api) {
    let (_, path) = create_draft(&api).await;
    for (body, (pointer, code)) in [
        (json!({"at": "tomorrow"}), ("/at", "format")),
        (json!({"at": 1}), ("/at", "type")),
        (json!({"at": "2026-02-30T00:00:00Z"}), ("/at", "format")),
        (json!({"when": LATER}), ("/when", "unknown")),
        (json!([]), ("", "type")),
    ] {
        let errors = api.editor().post(&format!("{path}/publish"), &body).await.field_errors();
        assert_eq!(errors, [(pointer.to_owned(), code.to_owned())]);
    }
    assert_eq!(api.reader().get(&path).await.json(200)["version"], 1);
}

#[on_both]
async fn setting_published_cancels_the_schedule(api: Api) {
    let editor = api.editor();
    for change in ["unpublish", "patch", "put", "batch"] {
        let (post, path) = create_draft(&api).await;
        publish(&api, &path, &json!({"at": LATER})).await;
        // A change to another field keeps the schedule.
        let renamed = editor.patch(&path, &json!({"title": "Renamed"})).await.json(200);
        assert_eq!(renamed["scheduled_for"], LATER);
        let slug = post["slug"].as_str().unwrap();
        match change {
            "unpublish" => editor.post_empty(&format!("{path}/unpublish")).await,
            "patch" => editor.patch(&path, &json!({"published": false})).await,
            "put" => editor.put(&format!("/api/posts/by-slug/{slug}"), &json!({"title": "Put"})).await,
            _ => {
                let posts = json!([{"title": "Batch", "slug": slug}]);
                editor.post("/api/posts/batch", &json!({"posts": posts, "on_conflict": "replace"})).await
            }
        }
        .expect(200);
        let post = editor.get(&path).await.json(200);
        let state = (&post["published"], &post["scheduled_for"], &post["version"]);
        assert_eq!(state, (&json!(false), &Value::Null, &json!(4)), "{change}");
        editor.delete(&path).await.expect(204);
    }
}

#[on_both]
async fn scheduling_honors_if_match(api: Api) {
    let (_, path) = create_draft(&api).await;
    let at = json!({"at": LATER});
    let publish = async |etag: &str| api.editor().post(&format!("{path}/publish"), &at).header("if-match", etag).await;
    let etag = api.reader().get(&path).await.header("etag").unwrap().to_owned();
    publish(&etag).await.expect(200);
    publish(&etag).await.problem(412, "precondition_failed");
}

#[on_both]
async fn post_is_listed_only_from_its_due_time(api: Api) {
    let scheduled = api.create_scheduled().await;
    let path = format!("/api/posts/{}", scheduled["id"]);
    let at = &scheduled["scheduled_for"];
    let due = time(at);
    wait_until("the post is published", async || {
        let list = api.get("/api/posts").await.json(200);
        let is_listed = !ids(&list).is_empty();
        assert!(!is_listed || Timestamp::now() >= due, "listed before its due time");
        is_listed
    })
    .await;
    let post = api.get(&path).await.json(200);
    assert_eq!((&post["published_at"], &post["scheduled_for"]), (at, &Value::Null));
    assert_eq!(post["version"], scheduled["version"].as_i64().unwrap() + 1);
    let lag = time(&post["updated_at"]).as_microseconds() - due.as_microseconds();
    assert!(lag >= 0, "published {lag} microseconds too early");
    let schedule = &api.server.schedule;
    wait_until("the publication is counted", async || schedule.lags().count == 1).await;
    let recorded = Duration::from_secs_f64(schedule.lags().sum);
    assert_eq!(i64::try_from(recorded.as_micros()).unwrap(), lag);
    // The schedule does not apply again: an unpublished post stays a draft.
    let draft = api.editor().post_empty(&format!("{path}/unpublish")).await.json(200);
    assert_eq!((&draft["published"], &draft["scheduled_for"]), (&json!(false), &Value::Null));
}

#[on_both]
async fn startup_publishes_overdue_posts(database: TestDatabase) {
    database.migrate();
    let post = |id: i64| {
        json!({
            "id": id, "slug": format!("overdue-{id}"), "title": "Overdue", "version": 3,
            "scheduled_for": format!("2020-01-01T00:00:{:02}.{id:06}Z", id % 60),
        })
    };
    database.import(&(1..=250).map(post).collect::<Vec<_>>());
    let api = Api::start(&Arc::new(database), |_| {});
    wait_until("all posts are published", async || api.server.schedule.lags().count == 250).await;
    let list = api.get("/api/posts?limit=100&sort=published_at&count=exact").await.json(200);
    assert_eq!(list["total"], 250);
    for item in list["items"].as_array().unwrap() {
        let id = item["id"].as_i64().unwrap();
        assert_eq!(item["published_at"], post(id)["scheduled_for"]);
        assert_eq!((&item["version"], &item["scheduled_for"]), (&json!(4), &Value::Null));
    }
}

/// On SQLite the three instances share one file.
#[on_both]
async fn three_instances_publish_each_post_once(database: TestDatabase) {
    const POSTS: i64 = 200;
    let database = Arc::new(database);
    database.migrate();
    let at = milliseconds_from_now(1_000);
    let post = |id: i64| json!({"id": id, "slug": format!("due-{id}"), "title": "Due", "scheduled_for": at});
    database.import(&(1..=POSTS).map(post).collect::<Vec<_>>());
    let instances = [(); 3].map(|()| Api::start(&database, |_| {}));
    let published = || instances.iter().map(|api| api.server.schedule.lags().count).sum::<u64>();
    wait_until("all posts are published", async || published() == POSTS.unsigned_abs()).await;
    let exactly_once = format!(
        "SELECT count(*) AS number FROM posts
             WHERE version = 2 AND published AND scheduled_for IS NULL AND published_at = '{at}'"
    );
    assert_eq!(database.query_number(&exactly_once), POSTS);
    // One more post gives each instance time to poll again. None may publish a post twice.
    instances[0].create_scheduled().await;
    wait_until("one more post is published", async || published() > POSTS.unsigned_abs()).await;
    assert_eq!(database.query_number(&exactly_once), POSTS);
    assert_eq!(published(), POSTS.unsigned_abs() + 1);
}

/// All three find the same due posts before the first one publishes, which rarely happens between running instances.
#[on_both]
async fn concurrent_publishers_publish_each_due_post_once(database: TestDatabase) {
    database.migrate();
    let at = "2020-01-01T00:00:00Z";
    let post = |id: i64| json!({"id": id, "slug": format!("due-{id}"), "title": "Due", "scheduled_for": at});
    database.import(&(1..=200).map(post).collect::<Vec<_>>());
    let now = Timestamp::now();
    let found = [(); 3].map(|()| {
        let mut conn = database.connect();
        let ids = publish::find_due(&mut conn, now, 1000).unwrap();
        assert_eq!(ids.len(), 200);
        (conn, ids)
    });
    let threads = found.map(|(mut conn, ids)| {
        std::thread::spawn(move || conn.transaction(|conn| publish::publish_due(conn, &ids, now)).unwrap().len())
    });
    let published: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(published, 200);
    let exactly_once = "SELECT count(*) AS number FROM posts WHERE published AND version = 2 AND scheduled_for IS NULL";
    assert_eq!(database.query_number(exactly_once), 200);
}
