//! `GET /api/redirects`.

use serde_json::{Value, json};

use super::{create_renamed, rename};
use crate::support::{Api, on_both};

/// The redirects of a page as pairs of slugs.
fn pairs(page: &Value) -> Vec<(&str, &str)> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| (item["from"].as_str().unwrap(), item["to"].as_str().unwrap())).collect()
}

#[on_both]
async fn lists_the_redirects_to_published_posts(api: Api) {
    assert_eq!(api.get("/api/redirects").await.json(200), json!({"items": [], "next_cursor": null}));
    let id = create_renamed(&api, &["b", "z", "x"]).await;
    create_renamed(&api, &["a", "y"]).await;
    let hidden = create_renamed(&api, &["h-1", "h-2"]).await;
    api.editor().post_empty(&format!("/api/posts/{hidden}/unpublish")).await.expect(200);
    for client in [api.clone(), api.reader()] {
        let page = client.get("/api/redirects").await.json(200);
        assert_eq!(pairs(&page), [("a", "y"), ("b", "x"), ("z", "x")]);
        assert_eq!(page["items"][1], json!({"from": "b", "to": "x", "id": id}));
        assert_eq!(page["next_cursor"], Value::Null);
    }
}

#[on_both]
async fn pages_follow_each_other_through_changes(api: Api) {
    create_renamed(&api, &["a", "c", "e", "x"]).await;
    let other = create_renamed(&api, &["g", "y"]).await;
    let first = api.get("/api/redirects?limit=2").await.expect(200);
    let page = first.clone().json(200);
    assert_eq!(pairs(&page), [("a", "x"), ("c", "x")]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = format!("/api/redirects?limit=2&cursor={cursor}");
    assert_eq!(
        first.header("link"),
        Some(format!("</api/redirects?limit=2>; rel=\"first\", <{next}>; rel=\"next\"").as_str())
    );
    rename(&api, other, "b").await;
    rename(&api, other, "f").await;
    let second = api.get(&next).await.json(200);
    assert_eq!(pairs(&second), [("e", "x"), ("g", "f")]);
    let last = format!("/api/redirects?limit=100&cursor={}", second["next_cursor"].as_str().unwrap());
    assert_eq!(pairs(&api.get(&last).await.json(200)), [("y", "f")]);
    assert_eq!(api.get(&last).await.json(200)["next_cursor"], Value::Null);
}

#[on_both]
async fn page_has_an_etag_and_obeys_conditions(api: Api) {
    create_renamed(&api, &["a", "b"]).await;
    let reply = api.get("/api/redirects").await.expect(200);
    let tag = reply.header("etag").unwrap().to_owned();
    assert_eq!(reply.header("cache-control"), Some("public, no-cache"));
    api.get("/api/redirects").header("if-none-match", &tag).await.expect(304);
    api.get("/api/redirects").header("if-match", "\"x\"").await.problem(412, "precondition_failed");
    create_renamed(&api, &["c", "d"]).await;
    assert_ne!(api.get("/api/redirects").header("if-none-match", &tag).await.expect(200).header("etag"), Some(&*tag));
}

#[on_both]
async fn invalid_parameters_are_rejected(api: Api) {
    create_renamed(&api, &["a", "b", "c"]).await;
    for query in
        ["limit=0", "limit=101", "limit=+1", "limit=", "limit=1&limit=2", "sort=from", "q=a", "cursor=&cursor="]
    {
        api.get(&format!("/api/redirects?{query}")).await.problem(400, "invalid_parameter");
    }
    create_renamed(&api, &["d"]).await;
    let posts = api.get("/api/posts?limit=1").await.json(200);
    for cursor in ["", "x", posts["next_cursor"].as_str().unwrap()] {
        api.get(&format!("/api/redirects?cursor={cursor}")).await.problem(400, "invalid_cursor");
    }
    let redirects = api.get("/api/redirects?limit=1").await.json(200);
    let cursor = redirects["next_cursor"].as_str().unwrap();
    api.get(&format!("/api/posts?cursor={cursor}")).await.problem(400, "invalid_cursor");
    api.get(&format!("/api/redirects?cursor={cursor}x")).await.problem(400, "invalid_cursor");
    let nul = posts_api::resource::paging::ListId::of(&"redirects").unwrap().cursor(&json!({"f": "a\0"}));
    api.get(&format!("/api/redirects?cursor={nul}")).await.problem(400, "invalid_cursor");
}
