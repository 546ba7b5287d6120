//! `publish` with `at`: posts that are published when their time has come.

use std::sync::Arc;

use posts_api::db::Timestamp;
use posts_api::posts::publish;
use serde_json::{Value, json};

use crate::support::{Api, TestDatabase, ids, on_both, wait_until};

const LATER: &str = "2999-01-01T00:00:00.000000Z";

fn in_milliseconds(milliseconds: i64) -> String {
    Timestamp::from_microseconds(Timestamp::now().as_microseconds() + milliseconds * 1000).unwrap().to_string()
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// A draft, and its path.
async fn draft(api: &Api) -> (Value, String) {
    let post = api.create(json!({"title": "Draft"})).await;
    let path = format!("/api/posts/{}", post["id"]);
    (post, path)
}

async fn publish(api: &Api, path: &str, body: &Value) -> Value {
    api.editor().post(&format!("{path}/publish"), body).await.json(200)
}

#[on_both]
async fn a_time_to_come_keeps_the_draft_until_then(api: Api) {
    let (post, path) = draft(&api).await;
    let scheduled = publish(&api, &path, &json!({"at": "2999-01-01T02:00:00+02:00"})).await;
    assert_eq!(scheduled["scheduled_for"], LATER);
    assert_eq!((&scheduled["published"], &scheduled["published_at"]), (&json!(false), &Value::Null));
    assert_eq!(scheduled["version"], 2);
    assert!(time(&scheduled["updated_at"]) > time(&post["updated_at"]));
    api.get(&path).await.problem(404, "not_found");
    assert_eq!(ids(&api.get("/api/posts").await.json(200)), Vec::<i64>::new());
    assert_eq!(api.reader().get(&path).await.json(200), scheduled);
    // The same again changes nothing, another time does.
    assert_eq!(publish(&api, &path, &json!({"at": LATER})).await, scheduled);
    let moved = publish(&api, &path, &json!({"at": "2999-01-02T00:00:00Z"})).await;
    assert_eq!((&moved["version"], &moved["scheduled_for"]), (&json!(3), &json!("2999-01-02T00:00:00.000000Z")));
}

#[on_both]
async fn a_time_that_has_passed_publishes_at_once_and_is_shown(api: Api) {
    let (_, path) = draft(&api).await;
    let post = publish(&api, &path, &json!({"at": "2020-02-29T12:00:00Z"})).await;
    assert_eq!((&post["published"], &post["scheduled_for"]), (&json!(true), &Value::Null));
    assert_eq!(post["published_at"], "2020-02-29T12:00:00.000000Z");
    api.get(&path).await.expect(200);
}

#[on_both]
async fn without_a_time_it_is_published_now(api: Api) {
    for body in [None, Some(json!({})), Some(json!({"at": null}))] {
        let (_, path) = draft(&api).await;
        // What was scheduled is thereby done.
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
async fn a_published_post_stays_published_whatever_time_is_given(api: Api) {
    let (_, path) = draft(&api).await;
    let post = publish(&api, &path, &json!({})).await;
    for at in [json!({"at": LATER}), json!({"at": "2001-01-01T00:00:00Z"}), json!({})] {
        assert_eq!(publish(&api, &path, &at).await, post);
    }
}

#[on_both]
async fn a_wrong_time_is_told(api: Api) {
    let (_, path) = draft(&api).await;
    for (body, mistake) in [
        (json!({"at": "tomorrow"}), ("/at", "format")),
        (json!({"at": 1}), ("/at", "type")),
        (json!({"at": "2026-02-30T00:00:00Z"}), ("/at", "format")),
        (json!({"when": LATER}), ("/when", "unknown")),
        (json!([]), ("", "type")),
    ] {
        let told = api.editor().post(&format!("{path}/publish"), &body).await.field_errors();
        assert_eq!(told, [(mistake.0.to_owned(), mistake.1.to_owned())]);
    }
    assert_eq!(api.reader().get(&path).await.json(200)["version"], 1);
}

#[on_both]
async fn whoever_says_whether_it_is_published_cancels_what_was_scheduled(api: Api) {
    let editor = api.editor();
    for change in ["unpublish", "patch", "put", "batch"] {
        let (post, path) = draft(&api).await;
        publish(&api, &path, &json!({"at": LATER})).await;
        // A change of anything else leaves it.
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
async fn if_match_holds_for_a_schedule_too(api: Api) {
    let (post, path) = draft(&api).await;
    let at = json!({"at": LATER});
    let publish = async |tag: String| api.editor().post(&format!("{path}/publish"), &at).header("if-match", &tag).await;
    let tag = format!("\"{}-1\"", post["id"]);
    publish(tag.clone()).await.expect(200);
    publish(tag).await.problem(412, "precondition_failed");
}

#[on_both]
async fn a_list_shows_a_post_from_its_time_on_and_never_before(api: Api) {
    let scheduled = api.create_scheduled().await;
    let path = format!("/api/posts/{}", scheduled["id"]);
    let at = &scheduled["scheduled_for"];
    let due = time(at);
    wait_until("the post is published", async || {
        let list = api.get("/api/posts").await.json(200);
        let is_shown = !ids(&list).is_empty();
        assert!(!is_shown || Timestamp::now() >= due, "shown too early");
        is_shown
    })
    .await;
    let post = api.get(&path).await.json(200);
    assert_eq!((&post["published_at"], &post["scheduled_for"]), (at, &Value::Null));
    assert_eq!(post["version"], scheduled["version"].as_i64().unwrap() + 1);
    let lag = time(&post["updated_at"]).as_microseconds() - due.as_microseconds();
    assert!(lag >= 0, "published {lag} microseconds too early");
    let schedule = &api.server.schedule;
    wait_until("it is counted", async || schedule.published() == 1).await;
    assert_eq!(i64::try_from(schedule.last_lag().as_micros()).unwrap(), lag);
    // It ends nothing: unpublished, it stays a draft.
    let draft = api.editor().post_empty(&format!("{path}/unpublish")).await.json(200);
    assert_eq!((&draft["published"], &draft["scheduled_for"]), (&json!(false), &Value::Null));
}

#[on_both]
async fn what_came_due_while_nothing_ran_is_published_at_the_start(database: TestDatabase) {
    database.migrate();
    let post = |id: i64| {
        json!({
            "id": id, "slug": format!("overdue-{id}"), "title": "Overdue", "version": 3,
            "scheduled_for": format!("2020-01-01T00:00:{:02}.{id:06}Z", id % 60),
        })
    };
    database.import(&(1..=250).map(post).collect::<Vec<_>>());
    let api = Api::start(&Arc::new(database), |_| {});
    wait_until("all are published", async || api.server.schedule.published() == 250).await;
    let list = api.get("/api/posts?limit=100&sort=published_at&count=exact").await.json(200);
    assert_eq!(list["total"], 250);
    for item in list["items"].as_array().unwrap() {
        let id = item["id"].as_i64().unwrap();
        assert_eq!(item["published_at"], post(id)["scheduled_for"]);
        assert_eq!((&item["version"], &item["scheduled_for"]), (&json!(4), &Value::Null));
    }
}

/// On SQLite the instances are three services on one file.
#[on_both]
async fn three_instances_publish_each_post_once(database: TestDatabase) {
    const POSTS: i64 = 200;
    let database = Arc::new(database);
    database.migrate();
    let at = in_milliseconds(1_000);
    let post = |id: i64| json!({"id": id, "slug": format!("due-{id}"), "title": "Due", "scheduled_for": at});
    database.import(&(1..=POSTS).map(post).collect::<Vec<_>>());
    let instances = [(); 3].map(|()| Api::start(&database, |_| {}));
    let published = || instances.iter().map(|api| api.server.schedule.published()).sum::<u64>();
    wait_until("all are published", async || published() == POSTS.unsigned_abs()).await;
    let exactly_once = format!(
        "SELECT count(*) AS number FROM posts
             WHERE version = 2 AND published AND scheduled_for IS NULL AND published_at = '{at}'"
    );
    assert_eq!(database.query_number(&exactly_once), POSTS);
    // One more post shows that all three have looked again since, and found nothing.
    instances[0].create_scheduled().await;
    wait_until("one more is published", async || published() > POSTS.unsigned_abs()).await;
    assert_eq!(database.query_number(&exactly_once), POSTS);
    assert_eq!(published(), POSTS.unsigned_abs() + 1);
}

/// All have looked before the first one publishes, which instances rarely do by themselves.
#[on_both]
async fn of_those_who_found_the_same_posts_due_one_publishes_each(database: TestDatabase) {
    database.migrate();
    let post = |id: i64| json!({"id": id, "slug": format!("due-{id}"), "title": "Due", "scheduled_for": "2020-01-01T00:00:00Z"});
    database.import(&(1..=200).map(post).collect::<Vec<_>>());
    let now = Timestamp::now();
    let found = [(); 3].map(|()| {
        let mut conn = database.connect();
        let ids = publish::due(&mut conn, now, 1000).unwrap();
        assert_eq!(ids.len(), 200);
        (conn, ids)
    });
    let threads = found.map(|(mut conn, ids)| {
        std::thread::spawn(move || conn.transaction(|conn| publish::publish_due(conn, &ids, now)).unwrap().len())
    });
    let published: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(published, 200);
    let once = "SELECT count(*) AS number FROM posts WHERE published AND version = 2 AND scheduled_for IS NULL";
    assert_eq!(database.query_number(once), 200);
}
