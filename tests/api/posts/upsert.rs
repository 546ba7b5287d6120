//! `PUT /api/posts/by-slug/{slug}`: creates or replaces a post.

use std::cell::Cell;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, Reply, TestDatabase, on_both};

const PATH: &str = "/api/posts/by-slug/page";

async fn put(api: &Api, body: &Value) -> Reply {
    api.editor().put(PATH, body).await
}

async fn total(api: &Api) -> i64 {
    api.reader().get("/api/posts?published=any&count=exact").await.json(200)["total"].as_i64().unwrap()
}

fn etag(reply: &Reply) -> String {
    reply.header("etag").unwrap().to_owned()
}

#[on_both]
async fn creates_a_missing_post(api: Api) {
    let reply = put(&api, &json!({"title": " Page ", "content": "text", "published": true})).await.expect(201);
    let location = reply.header("location").unwrap().to_owned();
    let etag = etag(&reply);
    let post = reply.json(201);
    assert_eq!((&post["title"], &post["slug"], &post["version"]), (&json!("Page"), &json!("page"), &json!(1)));
    let read = api.get(&location).await.expect(200);
    assert_eq!(read.header("etag"), Some(etag.as_str()));
    assert_eq!(read.json(200), post);
}

#[on_both]
async fn replaces_an_existing_post(api: Api) {
    let first = put(&api, &json!({"title": "One", "content": "text", "published": true})).await.json(201);
    let reply = put(&api, &json!({"title": "Two", "published": true})).await.expect(200);
    assert_eq!(reply.header("location"), None);
    let second = reply.json(200);
    let mut expected = first.clone();
    expected["title"] = json!("Two");
    expected["content"] = Value::Null;
    expected["version"] = json!(2);
    expected["updated_at"] = second["updated_at"].clone();
    assert_eq!(second, expected);
    assert!(second["updated_at"].as_str() > first["updated_at"].as_str());
}

#[on_both]
async fn replacing_keeps_id_and_first_publication_time(api: Api) {
    let first = put(&api, &json!({"title": "One", "published": true})).await.json(201);
    // Omitted fields get the defaults of a new post.
    let second = put(&api, &json!({"title": "Two"})).await.json(200);
    assert_eq!((&second["published"], &second["published_at"]), (&json!(false), &first["published_at"]));
    api.get(PATH).await.problem(404, "not_found");
    let third = put(&api, &json!({"title": "Three", "published": true})).await.json(200);
    assert_eq!(
        (&third["published_at"], &third["id"], &third["version"]),
        (&first["published_at"], &first["id"], &json!(3))
    );
}

#[on_both]
async fn if_none_match_star_only_creates(api: Api) {
    let create =
        async |title: &str| api.editor().put(PATH, &json!({"title": title})).header("if-none-match", "*").await;
    let first = create("One").await.json(201);
    create("Two").await.problem(412, "precondition_failed");
    assert_eq!(api.reader().get(PATH).await.json(200), first);
}

#[on_both]
async fn invalid_preconditions_are_rejected(api: Api) {
    for name in ["if-match", "if-none-match"] {
        for value in ["garbage", "1-1", "*, \"a\"", "W/a"] {
            let reply = api.editor().put(PATH, &json!({"title": "T"})).header(name, value).await;
            reply.problem(400, "invalid_header");
        }
    }
    assert_eq!(total(&api).await, 0);
}

#[on_both]
async fn if_none_match_with_tags_protects_these_versions(api: Api) {
    let put_unless = async |tag: &str, title: &str| {
        api.editor().put(PATH, &json!({"title": title})).header("if-none-match", tag).await
    };
    let first = etag(&put_unless("\"other\"", "One").await.expect(201));
    for listed in [first.clone(), format!("W/{first}"), format!("\"other\", {first}")] {
        put_unless(&listed, "Two").await.problem(412, "precondition_failed");
    }
    let second = etag(&put_unless("\"other\", W/\"x\"", "Two").await.expect(200));
    put_unless(&first, "Three").await.expect(200);
    put_unless(&second, "Four").await.expect(200);
}

#[on_both]
async fn if_match_only_replaces_the_matching_version(api: Api) {
    let body = json!({"title": "T"});
    let titles = Cell::new(0);
    let put_if = async |etag: &str| {
        titles.set(titles.get() + 1);
        api.editor().put(PATH, &json!({"title": format!("Title {}", titles.get())})).header("if-match", etag).await
    };
    for etag in ["*", "\"1-1\"", "\"garbage\""] {
        put_if(etag).await.problem(412, "precondition_failed");
    }
    let first = etag(&put(&api, &body).await);
    let second = etag(&put_if(&first).await.expect(200));
    assert_ne!(first, second);
    put_if(&first).await.problem(412, "precondition_failed");
    put_if(&format!("W/{second}")).await.problem(412, "precondition_failed");
    let third = etag(&put_if(&format!("\"other\", {second}")).await.expect(200));
    put_if("*").await.expect(200);
    // A new post with the same slug does not match the old post's ETag.
    let id = api.reader().get(PATH).await.json(200)["id"].clone();
    api.editor().delete(&format!("/api/posts/{id}")).await.expect(204);
    put(&api, &body).await.expect(201);
    put_if(&third).await.problem(412, "precondition_failed");
}

#[on_both]
async fn missing_precondition_returns_428_where_required(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.require_if_match = true);
    put(&api, &json!({"title": "T"})).await.problem(428, "precondition_required");
    let created = api.editor().put(PATH, &json!({"title": "T"})).header("if-none-match", "*").await.expect(201);
    put(&api, &json!({"title": "T"})).await.problem(428, "precondition_required");
    api.editor().put(PATH, &json!({"title": "T"})).header("if-match", &etag(&created)).await.expect(200);
    api.editor().put(PATH, &json!({"title": "T"})).header("if-match", "*").await.expect(200);
}

#[on_both]
async fn rejects_invalid_bodies(api: Api) {
    for (body, pointer, code) in [
        (json!({}), "/title", "required"),
        (json!({"title": "T", "slug": "page"}), "/slug", "unknown"),
        (json!({"title": null}), "/title", "null"),
        (json!({"title": "T", "published": null}), "/published", "null"),
        (json!({"title": "T", "content": "a\0"}), "/content", "nul"),
        (json!([]), "", "type"),
    ] {
        assert_eq!(put(&api, &body).await.field_errors(), [(pointer.to_owned(), code.to_owned())]);
    }
    assert_eq!(total(&api).await, 0);
}

#[on_both]
async fn rejects_invalid_slugs(api: Api) {
    for slug in ["No-Capitals", "a--b", "-", "a_b", &"x".repeat(201), "a%2Fb"] {
        let reply = api.editor().put(&format!("/api/posts/by-slug/{slug}"), &json!({"title": "T"})).await;
        let problem = reply.problem(400, "invalid_parameter");
        assert!(problem["detail"].as_str().unwrap().starts_with("slug: "), "{problem}");
    }
    assert_eq!(total(&api).await, 0);
}

#[on_both]
async fn concurrent_puts_create_once_then_replace(api: Api) {
    let bodies: Vec<Value> = (0..40).map(|n| json!({"title": format!("Writer {n}"), "published": true})).collect();
    let replies = futures_util::future::join_all(bodies.iter().map(|body| put(&api, body))).await;
    let mut versions: Vec<i64> = Vec::new();
    for reply in replies {
        let status = reply.status;
        let post = reply.json(status);
        versions.push(post["version"].as_i64().unwrap());
        assert_eq!(status, if post["version"] == 1 { 201 } else { 200 });
    }
    versions.sort_unstable();
    assert_eq!(versions, (1..=40).collect::<Vec<_>>());
    assert_eq!(api.get("/api/posts?count=exact").await.json(200)["total"], 1);
}

#[on_both]
async fn concurrent_creates_have_one_winner(api: Api) {
    let body = json!({"title": "T"});
    let create = || async { api.editor().put(PATH, &body).header("if-none-match", "*").await.status };
    let mut statuses = futures_util::future::join_all((0..40).map(|_| create())).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1], statuses[39]), (201, 412, 412));
}
