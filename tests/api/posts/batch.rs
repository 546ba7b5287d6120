//! `POST /api/posts/batch`: stores all posts of a request or none.

use std::collections::BTreeSet;

use posts_api::db::Timestamp;
use posts_api::posts::batch;
use posts_api::posts::batch::{BatchEntry, BatchOutcome};
use posts_api::posts::input::{CreatePost, OnConflict};
use posts_api::validation;
use serde_json::{Value, json};

use crate::support::call::field_errors;
use crate::support::{Api, Engine, Reply, TestDatabase, on_both, statements};

fn post(body: &Value) -> CreatePost {
    validation::read(body.clone(), "").unwrap()
}

async fn send(api: &Api, on_conflict: &str, posts: &Value) -> Reply {
    api.editor().post("/api/posts/batch", &json!({"posts": posts, "on_conflict": on_conflict})).await
}

/// Sends a batch and returns the result and the post of each item, in request order.
async fn store(api: &Api, on_conflict: &str, posts: &Value) -> Vec<(String, Value)> {
    let response = send(api, on_conflict, posts).await.json(200);
    let items = response["items"].as_array().unwrap();
    assert_eq!(items.len(), posts.as_array().unwrap().len());
    items.iter().map(|item| (item["result"].as_str().unwrap().to_owned(), item["post"].clone())).collect()
}

async fn total(api: &Api) -> i64 {
    api.reader().get("/api/posts?published=any&count=exact").await.json(200)["total"].as_i64().unwrap()
}

fn field(stored: &[(String, Value)], name: &str) -> Vec<Value> {
    stored.iter().map(|(_, post)| post[name].clone()).collect()
}

fn results(stored: &[(String, Value)]) -> Vec<&str> {
    stored.iter().map(|(result, _)| result.as_str()).collect()
}

#[on_both]
async fn stores_posts_in_request_order(api: Api) {
    let posts: Vec<Value> = (0..500)
        .map(|n| match n % 3 {
            0 => json!({"title": format!("Post {n}"), "slug": format!("z-{}", 999 - n), "published": true}),
            1 => json!({"title": "Same title", "content": n.to_string()}),
            _ => json!({"title": format!("Post {n}"), "content": null, "slug": null}),
        })
        .collect();
    let stored = store(&api, "error", &json!(posts)).await;
    assert!(results(&stored).iter().all(|result| *result == "created"));
    let titles: Vec<Value> = posts.iter().map(|post| post["title"].clone()).collect();
    assert_eq!(field(&stored, "title"), titles);
    let ids: Vec<i64> = field(&stored, "id").iter().map(|id| id.as_i64().unwrap()).collect();
    assert!(ids.is_sorted(), "ids follow the request order");
    let slugs = field(&stored, "slug");
    assert_eq!(slugs.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), 500);
    assert_eq!(
        (&slugs[0], &slugs[1], &slugs[4], &slugs[7]),
        (&json!("z-999"), &json!("same-title"), &json!("same-title-2"), &json!("same-title-3"))
    );
    for (_, post) in stored.iter().step_by(100) {
        assert_eq!(api.reader().get(&format!("/api/posts/{}", post["id"])).await.json(200), *post);
    }
    assert!(field(&stored, "version").iter().all(|version| *version == 1));
    assert_eq!(
        (&stored[0].1["published_at"], &stored[1].1["published_at"]),
        (&stored[0].1["created_at"], &Value::Null)
    );
}

#[on_both]
async fn on_conflict_error_stores_nothing_on_a_slug_conflict(api: Api) {
    let before = api.create(json!({"title": "Before", "slug": "taken"})).await;
    let posts = json!([{"title": "New"}, {"title": "A", "slug": "taken"}, {"title": "B", "slug": "free"}]);
    for body in [json!({"posts": posts}), json!({"posts": posts, "on_conflict": "error"})] {
        let problem = api.editor().post("/api/posts/batch", &body).await.problem(409, "slug_taken");
        assert_eq!(field_errors(&problem), [("/posts/1/slug".to_owned(), "taken".to_owned())]);
    }
    assert_eq!(total(&api).await, 1);
    assert_eq!(api.reader().get("/api/posts/by-slug/taken").await.json(200), before);
}

#[on_both]
async fn on_conflict_skip_keeps_the_existing_post(api: Api) {
    let before = api.create(json!({"title": "Before", "slug": "taken", "content": "old"})).await;
    let posts = json!([{"title": "New"}, {"title": "A", "slug": "taken"}, {"title": "B", "slug": "free"}]);
    let first = store(&api, "skip", &posts).await;
    assert_eq!(results(&first), ["created", "skipped", "created"]);
    assert_eq!(first[1].1, before);
    let second = store(&api, "skip", &posts).await;
    assert_eq!(results(&second), ["created", "skipped", "skipped"]);
    assert_eq!((&second[0].1["slug"], &second[2].1), (&json!("new-2"), &first[2].1));
    assert_eq!(total(&api).await, 4);
}

#[on_both]
async fn on_conflict_replace_keeps_id_and_original_times(api: Api) {
    let before = api.create(json!({"title": "Before", "slug": "taken", "content": "old", "published": true})).await;
    let posts = json!([
        {"title": "New"}, {"title": "After", "slug": "taken"}, {"title": "B", "slug": "free", "published": true},
    ]);
    let first = store(&api, "replace", &posts).await;
    assert_eq!(results(&first), ["created", "replaced", "created"]);
    let mut expected = before.clone();
    for (name, value) in
        [("title", json!("After")), ("content", json!(null)), ("published", json!(false)), ("version", json!(2))]
    {
        expected[name] = value;
    }
    expected["updated_at"] = first[1].1["updated_at"].clone();
    assert_eq!(first[1].1, expected);
    assert!(first[1].1["updated_at"].as_str() > before["updated_at"].as_str());
    let posts = json!([
        {"title": "New"}, {"title": "Later", "slug": "taken"}, {"title": "C", "slug": "free", "published": true},
    ]);
    let second = store(&api, "replace", &posts).await;
    assert_eq!(results(&second), ["created", "replaced", "replaced"]);
    assert_eq!(field(&second, "version"), [1, 3, 2]);
    assert_eq!(
        field(&second, "published_at")[1..],
        [before["published_at"].clone(), first[2].1["published_at"].clone()]
    );
}

#[on_both]
async fn reports_every_field_error_and_stores_nothing(api: Api) {
    let good = json!({"title": "Good"});
    for (body, expected) in [
        (json!({"posts": [good, good, good, {"title": ""}]}), vec![("/posts/3/title", "empty")]),
        (
            json!({"posts": [{"title": 1, "colour": "red"}, good, {"slug": "No"}, [], null], "on_conflict": "merge"}),
            vec![
                ("/on_conflict", "format"),
                ("/posts/0/colour", "unknown"),
                ("/posts/0/title", "type"),
                ("/posts/2/slug", "format"),
                ("/posts/2/title", "required"),
                ("/posts/3", "type"),
                ("/posts/4", "type"),
            ],
        ),
        (
            json!({"posts": [{"title": "A", "slug": "same"}, good, {"title": "B", "slug": "same"}]}),
            vec![("/posts/2/slug", "duplicate")],
        ),
        (json!({"posts": []}), vec![("/posts", "empty")]),
        (json!({}), vec![("/posts", "required")]),
        (json!({"posts": null}), vec![("/posts", "null")]),
        (json!({"posts": {"title": "x"}}), vec![("/posts", "type")]),
        (json!({"posts": [good], "extra": 1}), vec![("/extra", "unknown")]),
        (json!({"posts": vec![good.clone(); 501]}), vec![("/posts", "too_long")]),
    ] {
        let errors = api.editor().post("/api/posts/batch", &body).await.field_errors();
        let errors: Vec<_> = errors.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str())).collect();
        assert_eq!(errors, expected);
    }
    api.editor().post("/api/posts/batch", &json!([good])).await.field_errors();
    assert_eq!(total(&api).await, 0);
}

#[on_both]
async fn rejects_a_duplicate_slug_for_every_on_conflict(api: Api) {
    let posts = json!([{"title": "A", "slug": "same"}, {"title": "B", "slug": "same"}, {"title": "C", "slug": "same"}]);
    for on_conflict in ["error", "skip", "replace"] {
        let errors = send(&api, on_conflict, &posts).await.field_errors();
        assert_eq!(
            errors.iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>(),
            ["/posts/1/slug", "/posts/2/slug"]
        );
    }
}

#[on_both]
async fn generated_slug_yields_to_an_explicit_one(api: Api) {
    for on_conflict in ["error", "skip", "replace"] {
        let posts = json!([{"title": on_conflict}, {"title": "x", "slug": on_conflict}, {"title": on_conflict}]);
        let stored = store(&api, on_conflict, &posts).await;
        let numbered = |number| json!(format!("{on_conflict}-{number}"));
        assert_eq!(field(&stored, "slug"), [numbered(2), json!(on_conflict), numbered(3)]);
    }
}

#[on_both]
async fn accepts_bodies_up_to_16_mib(api: Api) {
    const LIMIT: usize = 16 * 1024 * 1024;
    let posts: Vec<Value> =
        (0..32).map(|n| json!({"title": format!("Large {n}"), "content": "x".repeat(500_000)})).collect();
    let mut body = json!({"posts": posts}).to_string();
    body.push_str(&" ".repeat(LIMIT - body.len()));
    let editor = api.editor();
    let send = async |body: String| editor.post_empty("/api/posts/batch").body("application/json", body).await;
    send(format!("{body} ")).await.problem(413, "body_too_large");
    assert_eq!(total(&api).await, 0);
    send(body).await.expect(200);
    assert_eq!(total(&api).await, 32);
}

#[on_both]
async fn runs_at_most_four_statements(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    for on_conflict in [OnConflict::Error, OnConflict::Skip, OnConflict::Replace] {
        for number in [5, 500] {
            let entry = |n: i32| {
                let slug = (n % 2 == 0).then(|| format!("{on_conflict:?}-{number}-{n}").to_lowercase());
                let title = format!("{on_conflict:?} {number} {n}");
                BatchEntry::new(post(&json!({"title": title, "slug": slug, "published": true})), Timestamp::now())
            };
            let entries: Vec<BatchEntry> = (0..number).map(entry).collect();
            let (outcomes, statements) =
                statements::capture(&mut conn, |conn| batch::store(conn, entries, on_conflict).unwrap().outcomes);
            assert!(outcomes.iter().all(|(outcome, _)| *outcome == BatchOutcome::Created));
            // On SQLite, where a statement takes no round trip, each replacement is compared with the stored post.
            let is_compared = database.engine == Engine::Sqlite && on_conflict == OnConflict::Replace;
            let limit = 4 + if is_compared { usize::try_from(number).unwrap().div_ceil(2) } else { 0 };
            assert!(statements.len() <= limit, "{on_conflict:?} of {number}: {} statements", statements.len());
        }
    }
}

#[on_both]
async fn statement_count_is_bounded_for_equal_titles(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    let mut store = |titles: Vec<String>| {
        let entry = |title: String| BatchEntry::new(post(&json!({"title": title})), Timestamp::now());
        let entries = titles.into_iter().map(entry).collect();
        let (outcomes, statements) =
            statements::capture(&mut conn, |conn| batch::store(conn, entries, OnConflict::Error).unwrap().outcomes);
        assert!(outcomes.iter().all(|(outcome, _)| *outcome == BatchOutcome::Created));
        statements.len()
    };
    let equal = |number: usize| vec!["Untitled".to_owned(); number];
    let different = |number: usize| (0..number).map(|n| format!("Title {n}")).collect::<Vec<_>>();
    for titles in [equal(500), equal(500), different(500), different(500), different(500)] {
        let count = store(titles.clone());
        assert!(count < 40, "{count} statements for 500 posts like {:?}", titles[0]);
    }
}

#[on_both]
async fn concurrent_batches_get_distinct_slugs(api: Api) {
    let posts = json!(vec![json!({"title": "Same"}); 40]);
    let batches = futures_util::future::join_all((0..4).map(|_| store(&api, "error", &posts))).await;
    let slugs: BTreeSet<String> =
        batches.iter().flat_map(|stored| field(stored, "slug")).map(|slug| slug.to_string()).collect();
    assert_eq!(slugs.len(), 160);
}

#[on_both]
async fn concurrent_batches_in_opposite_slug_orders_succeed(api: Api) {
    let slugs: Vec<String> = (0..200).map(|number| format!("slug-{number}")).collect();
    for on_conflict in ["skip", "replace"] {
        let batches = (0..6).map(|index| {
            let mut posts: Vec<Value> = slugs.iter().map(|slug| json!({"title": "T", "slug": slug})).collect();
            if index % 2 == 1 {
                posts.reverse();
            }
            let editor = api.editor();
            async move { editor.post("/api/posts/batch", &json!({"posts": posts, "on_conflict": on_conflict})).await }
        });
        for reply in futures_util::future::join_all(batches).await {
            reply.expect(200);
        }
    }
}
