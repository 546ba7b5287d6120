//! The walk through all posts, and the changes behind it.

use serde_json::{Value, json};

use super::{Follower, feed_page, public_posts, wait_until_settled};
use crate::support::{Api, ids, on_both};

fn item(kind: &str, id: i64, slug: &str) -> (String, i64, String) {
    (format!("post.{kind}"), id, slug.to_owned())
}

async fn create(api: &Api, slugs: &[&str]) {
    for slug in slugs {
        api.create(json!({"title": slug, "slug": slug, "published": true, "content": "Text"})).await;
    }
}

#[on_both]
async fn the_feed_begins_with_all_published_posts(api: Api) {
    create(&api, &["a", "b"]).await;
    api.create(json!({"title": "Draft"})).await;
    create(&api, &["c"]).await;
    wait_until_settled(&api).await;
    let mut follower = Follower::default();
    assert!(follower.read(&api, 2).await);
    assert_eq!(follower.take_items(), [item("published", 1, "a"), item("published", 2, "b")]);
    // Changes of a post that was read, and of one that was not.
    api.editor().patch("/api/posts/1", &json!({"slug": "z"})).await.expect(200);
    api.editor().delete("/api/posts/4").await.expect(204);
    create(&api, &["d"]).await;
    follower.catch_up(&api).await;
    assert_eq!(
        follower.take_items(),
        [item("published", 5, "d"), item("updated", 1, "z"), item("deleted", 4, "c"), item("published", 5, "d")]
    );
    assert_eq!(follower.posts, public_posts(&api).await);
    let cursor = follower.cursor.clone();
    assert!(!follower.read(&api, 100).await);
    assert_eq!((follower.take_items(), follower.cursor), (vec![], cursor));
}

#[on_both]
async fn items_describe_the_change_and_the_post(api: Api) {
    create(&api, &["a"]).await;
    let walk = feed_page(|| api.get("/api/changes")).await;
    let post = api.get("/api/posts/1").await.json(200);
    assert_eq!(
        walk["items"],
        json!([{
            "type": "post.published", "id": 1, "slug": "a", "former_slugs": [], "version": 1,
            "at": post["updated_at"], "post": post,
        }])
    );
    wait_until_settled(&api).await;
    let mut follower = Follower::from_now(&api).await;
    for slug in ["b", "c", "b"] {
        api.editor().patch("/api/posts/1", &json!({"slug": slug})).await.expect(200);
    }
    follower.catch_up(&api).await;
    let renamed = follower.items.pop().unwrap();
    assert_eq!((&renamed["slug"], &renamed["version"]), (&json!("b"), &json!(4)));
    assert_eq!(renamed["former_slugs"], json!(["a", "c"]));
    assert_eq!(renamed["post"], api.get("/api/posts/1").await.json(200));
    api.editor().patch("/api/posts/1", &json!({"slug": "d"})).await.expect(200);
    api.editor().patch("/api/posts/1", &json!({"slug": "hidden", "published": false})).await.expect(200);
    follower.catch_up(&api).await;
    let removed = follower.items.pop().unwrap();
    let at = removed["at"].as_str().unwrap();
    assert!(at >= renamed["at"].as_str().unwrap());
    assert_eq!(
        removed,
        json!({
            "type": "post.unpublished", "id": 1, "slug": "d", "former_slugs": ["b"], "version": 6, "at": at,
            "post": null,
        })
    );
    assert_eq!(follower.items, Vec::<Value>::new());
}

#[on_both]
async fn summaries_have_an_excerpt(api: Api) {
    create(&api, &["a"]).await;
    wait_until_settled(&api).await;
    let walk = feed_page(|| api.get("/api/changes?view=summary")).await;
    let cursor = feed_page(|| api.get("/api/changes?cursor=now")).await["cursor"].clone();
    api.editor().patch("/api/posts/1", &json!({"title": "New"})).await.expect(200);
    wait_until_settled(&api).await;
    let path = format!("/api/changes?view=summary&cursor={}", cursor.as_str().unwrap());
    for page in [walk, feed_page(|| api.reader().get(&path)).await] {
        let post = &page["items"][0]["post"];
        assert_eq!((&post["excerpt"], post.get("content")), (&json!("Text"), None));
    }
}

#[on_both]
async fn an_empty_site_has_a_cursor(api: Api) {
    api.create(json!({"title": "Draft"})).await;
    let page = feed_page(|| api.get("/api/changes")).await;
    assert_eq!((&page["items"], &page["has_more"]), (&json!([]), &json!(false)));
    let mut follower = Follower { cursor: page["cursor"].as_str().map(str::to_owned), ..Follower::default() };
    create(&api, &["a"]).await;
    follower.catch_up(&api).await;
    assert_eq!(follower.take_items(), [item("published", 2, "a")]);
}

/// The cursor of one instance, view, or limit works with every other one.
#[on_both]
async fn a_cursor_works_with_other_parameters(api: Api) {
    create(&api, &["a", "b", "c"]).await;
    wait_until_settled(&api).await;
    let page = feed_page(|| api.reader().get("/api/changes?limit=1")).await;
    let cursor = page["cursor"].as_str().unwrap();
    let rest = feed_page(|| api.get(&format!("/api/changes?view=summary&limit=50&cursor={cursor}"))).await;
    assert_eq!(ids(&rest), [2, 3]);
}

/// A post that was removed after its last change on the page is removed by this page and by the next one. The removal
/// in the log does not contain the slugs of earlier changes.
#[on_both]
async fn a_removal_between_pages_is_reported_twice(api: Api) {
    let mut follower = Follower::from_now(&api).await;
    create(&api, &["a", "b", "c"]).await;
    api.editor().patch("/api/posts/1", &json!({"slug": "z"})).await.expect(200);
    api.editor().delete("/api/posts/1").await.expect(204);
    api.editor().post_empty("/api/posts/2/unpublish").await.expect(200);
    wait_until_settled(&api).await;
    assert!(follower.read(&api, 1).await);
    assert_eq!(follower.take_items(), [item("unpublished", 1, "a")]);
    follower.catch_up(&api).await;
    assert_eq!(
        follower.take_items(),
        [item("published", 3, "c"), item("deleted", 1, "z"), item("unpublished", 2, "b")]
    );
}

/// The versions of a post that an import creates again start over.
#[on_both]
async fn a_post_created_again_with_its_id_is_new(api: Api) {
    let post = |slug: &str| json!({"id": 5, "title": "A", "slug": slug, "published": true});
    api.server.database.import(&[post("a")]);
    let mut follower = Follower::default();
    follower.catch_up(&api).await;
    for title in ["B", "C"] {
        api.editor().patch("/api/posts/5", &json!({"title": title})).await.expect(200);
    }
    follower.catch_up(&api).await;
    follower.take_items();
    api.editor().delete("/api/posts/5").await.expect(204);
    api.server.database.import(&[post("b")]);
    follower.catch_up(&api).await;
    assert_eq!(follower.take_items(), [item("deleted", 5, "a"), item("published", 5, "b")]);
    assert_eq!(follower.posts, public_posts(&api).await);
    assert_eq!(follower.posts[&5]["version"], 1);
}
