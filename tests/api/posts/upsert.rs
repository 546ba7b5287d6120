//! `PUT /api/posts/by-slug/{slug}`: write or replace.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, Reply, TestDatabase, on_both};

const PATH: &str = "/api/posts/by-slug/page";

async fn put(api: &Api, body: &Value) -> Reply {
    api.editor().put(PATH, body).await
}

fn tag(reply: &Reply) -> String {
    reply.header("etag").unwrap().to_owned()
}

#[on_both]
async fn a_post_is_created_where_there_is_none(api: Api) {
    let reply = put(&api, &json!({"title": " Page ", "content": "text", "published": true})).await.expect(201);
    let location = reply.header("location").unwrap().to_owned();
    let tag = tag(&reply);
    let post = reply.json(201);
    assert_eq!((&post["title"], &post["slug"], &post["version"]), (&json!("Page"), &json!("page"), &json!(1)));
    let read = api.get(&location).await.expect(200);
    assert_eq!(read.header("etag"), Some(tag.as_str()));
    assert_eq!(read.json(200), post);
}

#[on_both]
async fn the_post_that_is_there_is_replaced(api: Api) {
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
    // What is left out is as in a new post, but when it was first published stays known.
    let third = put(&api, &json!({"title": "Three"})).await.json(200);
    assert_eq!((&third["published"], &third["published_at"]), (&json!(false), &first["published_at"]));
    api.get(PATH).await.problem(404, "not_found");
    let fourth = put(&api, &json!({"title": "Four", "published": true})).await.json(200);
    assert_eq!(
        (&fourth["published_at"], &fourth["id"], &fourth["version"]),
        (&first["published_at"], &first["id"], &json!(4))
    );
}

#[on_both]
async fn if_none_match_star_only_creates(api: Api) {
    let create =
        async |title: &str| api.editor().put(PATH, &json!({"title": title})).header("if-none-match", "*").await;
    let first = create("One").await.json(201);
    create("Two").await.problem(412, "precondition_failed");
    assert_eq!(api.reader().get(PATH).await.json(200), first);
    for wrong in ["\"1-1\"", "W/\"x\"", "garbage"] {
        let reply = api.editor().put(PATH, &json!({"title": "T"})).header("if-none-match", wrong).await;
        reply.problem(400, "invalid_header");
    }
    let both =
        api.editor().put(PATH, &json!({"title": "T"})).header("if-none-match", "*").header("if-match", "*").await;
    both.problem(400, "invalid_header");
}

#[on_both]
async fn if_match_only_replaces_what_it_names(api: Api) {
    let body = json!({"title": "T"});
    let put_if = async |tag: &str| api.editor().put(PATH, &body).header("if-match", tag).await;
    for tag in ["*", "\"1-1\"", "\"garbage\""] {
        put_if(tag).await.problem(412, "precondition_failed");
    }
    let first = tag(&put(&api, &body).await);
    let second = tag(&put_if(&first).await.expect(200));
    assert_ne!(first, second);
    put_if(&first).await.problem(412, "precondition_failed");
    put_if(&format!("W/{second}")).await.problem(412, "precondition_failed");
    let third = tag(&put_if(&format!("\"other\", {second}")).await.expect(200));
    put_if("*").await.expect(200);
    // Another post behind the same slug is another post.
    let id = api.reader().get(PATH).await.json(200)["id"].clone();
    api.editor().delete(&format!("/api/posts/{id}")).await.expect(204);
    put(&api, &body).await.expect(201);
    put_if(&third).await.problem(412, "precondition_failed");
}

#[on_both]
async fn where_if_match_is_required_a_put_says_what_it_expects(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.require_if_match = true);
    put(&api, &json!({"title": "T"})).await.problem(428, "precondition_required");
    let created = api.editor().put(PATH, &json!({"title": "T"})).header("if-none-match", "*").await.expect(201);
    put(&api, &json!({"title": "T"})).await.problem(428, "precondition_required");
    api.editor().put(PATH, &json!({"title": "T"})).header("if-match", &tag(&created)).await.expect(200);
    api.editor().put(PATH, &json!({"title": "T"})).header("if-match", "*").await.expect(200);
}

#[on_both]
async fn mistakes_are_told(api: Api) {
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
    for slug in ["No-Capitals", "a--b", "-", "a_b", &"x".repeat(201), "a%2Fb"] {
        let reply = api.editor().put(&format!("/api/posts/by-slug/{slug}"), &json!({"title": "T"})).await;
        let problem = reply.problem(400, "invalid_parameter");
        assert!(problem["detail"].as_str().unwrap().starts_with("slug: "), "{problem}");
    }
    let total = api.reader().get("/api/posts?published=any&count=exact").await.json(200)["total"].clone();
    assert_eq!(total, 0);
}

#[on_both]
async fn of_many_puts_at_once_one_creates_and_the_others_replace(api: Api) {
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
async fn of_many_that_only_create_one_does(api: Api) {
    let body = json!({"title": "T"});
    let create = || async { api.editor().put(PATH, &body).header("if-none-match", "*").await.status };
    let mut statuses = futures_util::future::join_all((0..40).map(|_| create())).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1], statuses[39]), (201, 412, 412));
}
