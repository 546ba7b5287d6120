//! `GET /api/posts/by-slug/{slug}` with an old slug.

use serde_json::json;

use super::{assert_moved, assert_stored, by_slug, create_renamed, rename};
use crate::support::{Api, on_both};

#[on_both]
async fn old_slugs_redirect_to_the_present_one(api: Api) {
    let id = create_renamed(&api, &["a", "b", "c"]).await;
    for client in [api.clone(), api.reader()] {
        for old in ["a", "b"] {
            let redirect = assert_moved(client.get(&by_slug(old)).await, "c");
            assert_eq!(redirect, json!({"from": old, "to": "c", "id": id}));
        }
        assert_eq!(client.get(&by_slug("c")).await.json(200)["id"], id);
        client.get(&by_slug("d")).await.problem(404, "not_found");
    }
    rename(&api, id, "a").await;
    assert_moved(api.get(&by_slug("c")).await, "a");
    assert_eq!(api.get(&by_slug("a")).await.json(200)["id"], id);
}

#[on_both]
async fn redirect_is_cacheable_and_ignores_conditions(api: Api) {
    create_renamed(&api, &["old", "new"]).await;
    let post = api.get(&by_slug("new")).await.expect(200);
    let plain = api.get(&by_slug("old")).await.expect(301);
    for name in ["cache-control", "vary", "content-type"] {
        assert_eq!(plain.header(name), post.header(name), "{name}");
    }
    assert_eq!((plain.header("etag"), plain.header("cache-control")), (None, Some("public, no-cache")));
    for (name, value) in [("if-none-match", "*"), ("if-match", "\"x\""), ("if-match", "*"), ("accept-encoding", "gzip")]
    {
        // Twice, so that the cache answers too.
        for _ in 0..2 {
            let reply = api.get(&by_slug("old")).header(name, value).await;
            assert_eq!(reply.body, plain.body, "{name}");
            assert_moved(reply, "new");
        }
    }
    let head = api.head(&by_slug("old")).await.expect(301);
    assert_eq!((head.header("location"), head.body.len()), (plain.header("location"), 0));
    let keyed = api.reader().get(&by_slug("old")).await.expect(301);
    assert_eq!(keyed.header("cache-control"), Some("private, no-cache"));
}

#[on_both]
async fn redirect_to_a_draft_requires_a_key(api: Api) {
    let id = create_renamed(&api, &["old", "new"]).await;
    api.editor().post_empty(&format!("/api/posts/{id}/unpublish")).await.expect(200);
    api.get(&by_slug("old")).await.problem(404, "not_found");
    assert_moved(api.reader().get(&by_slug("old")).await, "new");
    // The slug of a draft is not kept.
    rename(&api, id, "newer").await;
    assert_moved(api.reader().get(&by_slug("old")).await, "newer");
    api.reader().get(&by_slug("new")).await.problem(404, "not_found");
    api.editor().post_empty(&format!("/api/posts/{id}/publish")).await.expect(200);
    assert_moved(api.get(&by_slug("old")).await, "newer");
    api.editor().delete(&format!("/api/posts/{id}")).await.expect(204);
    api.reader().get(&by_slug("old")).await.problem(404, "not_found");
}

#[on_both]
async fn put_to_an_old_slug_creates_a_post(api: Api) {
    let id = create_renamed(&api, &["old", "new"]).await;
    let body = json!({"title": "Another", "published": true});
    let created = api.editor().put(&by_slug("old"), &body).await.json(201);
    assert_ne!(created["id"], id);
    assert_eq!(api.get(&by_slug("old")).await.json(200)["id"], created["id"]);
    assert_stored(&api.server.database, &[]);
    // The redirect does not return.
    api.editor().delete(&format!("/api/posts/{}", created["id"])).await.expect(204);
    api.get(&by_slug("old")).await.problem(404, "not_found");
    api.editor().put(&by_slug("new"), &body).await.expect(200);
}

#[on_both]
async fn draft_hides_a_redirect_only_with_a_key(api: Api) {
    create_renamed(&api, &["old", "new"]).await;
    let draft = api.editor().put(&by_slug("old"), &json!({"title": "Draft"})).await.json(201);
    assert_moved(api.get(&by_slug("old")).await, "new");
    assert_eq!(api.reader().get(&by_slug("old")).await.json(200)["id"], draft["id"]);
    api.editor().post_empty(&format!("/api/posts/{}/publish", draft["id"])).await.expect(200);
    assert_eq!(api.get(&by_slug("old")).await.json(200)["id"], draft["id"]);
    assert_stored(&api.server.database, &[]);
}

#[on_both]
async fn every_way_to_publish_ends_the_redirect(api: Api) {
    let editor = api.editor();
    create_renamed(&api, &["o-1", "o-2", "o-3", "o-4", "new"]).await;
    let batch = json!({"posts": [{"title": "A", "slug": "o-1", "published": true}, {"title": "B", "slug": "o-2"}]});
    editor.post("/api/posts/batch", &batch).await.expect(200);
    editor.put(&by_slug("o-2"), &json!({"title": "B", "published": true})).await.expect(200);
    let draft = api.create(json!({"title": "C", "slug": "c"})).await;
    editor.patch(&format!("/api/posts/{}", draft["id"]), &json!({"slug": "o-3", "published": true})).await.expect(200);
    let draft = api.create(json!({"title": "D", "slug": "o-4"})).await;
    api.server.database.execute(&format!("UPDATE posts SET published = TRUE WHERE id = {}", draft["id"]));
    assert_stored(&api.server.database, &[]);
}

#[on_both]
async fn a_slug_with_any_characters_redirects(api: Api) {
    let database = &api.server.database;
    let id = create_renamed(&api, &["a"]).await;
    database.execute(&format!("UPDATE posts SET slug = 'É x' WHERE id = {id}"));
    database.execute(&format!("UPDATE posts SET slug = 'ü/y' WHERE id = {id}"));
    let reply = api.reader().get("/api/posts/by-slug/%C3%89%20x").await.expect(301);
    assert_eq!(reply.header("location"), Some("/api/posts/by-slug/%C3%BC%2Fy"));
    for slug in ["%00", "a%00", "%C3"] {
        api.get(&by_slug(slug)).await.problem(404, "not_found");
    }
}
