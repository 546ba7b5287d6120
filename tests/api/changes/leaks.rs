//! Nothing of a draft appears in the feed or in the log, with or without a key.

use serde_json::json;

use super::{Follower, feed_page, wait_until_settled};
use crate::support::{Api, on_both};

pub(super) const SECRET: &str = "hushhush";

/// What has ever been written into the log, as text.
fn log_text(api: &Api) -> String {
    format!("{:?}", super::rows(&api.server.database))
}

/// Creates drafts, changes them, deletes them, and hides public posts, before, between, and behind the changes of
/// others.
pub(super) async fn write_drafts(api: &Api) {
    let editor = api.editor();
    let secret =
        |name: &str| json!({"title": SECRET, "slug": format!("{SECRET}-{name}"), "content": SECRET, "tags": [SECRET]});
    for name in ["kept", "deleted", "renamed", "scheduled"] {
        api.create(secret(name)).await;
    }
    let path = |name: &str| format!("/api/posts/by-slug/{SECRET}-{name}");
    let id = async |name: &str| editor.get(&path(name)).await.json(200)["id"].as_i64().unwrap();
    editor.delete(&format!("/api/posts/{}", id("deleted").await)).await.expect(204);
    let renamed = id("renamed").await;
    editor.patch(&format!("/api/posts/{renamed}"), &json!({"slug": format!("{SECRET}-again")})).await.expect(200);
    let at = json!({"at": "2999-01-01T00:00:00Z"});
    editor.post(&format!("/api/posts/{}/publish", id("scheduled").await), &at).await.expect(200);
    // Was public under another name. What is written in the statement that hides it is secret too.
    let public = api.create(json!({"title": "Public", "slug": "public", "published": true})).await;
    let public = format!("/api/posts/{}", public["id"]);
    let hide = json!({"title": SECRET, "slug": format!("{SECRET}-hidden"), "content": SECRET, "published": false});
    editor.patch(&public, &hide).await.expect(200);
    editor.patch(&public, &json!({"slug": format!("{SECRET}-hidden-again")})).await.expect(200);
    let other = api.create(json!({"title": "Other", "slug": "other", "published": true})).await;
    editor.put("/api/posts/by-slug/other", &json!({"title": SECRET, "content": SECRET})).await.expect(200);
    let sql = format!("UPDATE posts SET slug = '{SECRET}-external' WHERE id = {}", other["id"]);
    api.server.database.execute(&sql);
    // Published under another name, then deleted: the draft's name was never public.
    let third = api.create(secret("third")).await;
    let third = format!("/api/posts/{}", third["id"]);
    let open = json!({"title": "Third", "slug": "third", "content": "", "tags": [], "published": true});
    editor.patch(&third, &open).await.expect(200);
    editor.delete(&third).await.expect(204);
}

#[on_both]
async fn drafts_do_not_appear(api: Api) {
    let mut from_now = Follower::from_now(&api).await;
    let mut from_start = Follower::default();
    from_start.read(&api, 1).await;
    write_drafts(&api).await;
    wait_until_settled(&api).await;
    assert!(!log_text(&api).contains(SECRET), "{}", log_text(&api));
    let mut cursors = vec![from_now.cursor.clone().unwrap(), from_start.cursor.clone().unwrap()];
    for follower in [&mut from_now, &mut from_start] {
        follower.catch_up(&api).await;
        let text = format!("{:?}", follower.items);
        assert!(!text.contains(SECRET), "{text}");
        assert!(follower.posts.is_empty());
    }
    cursors.extend([from_now.cursor, from_start.cursor].into_iter().flatten());
    for cursor in cursors {
        for view in ["full", "summary"] {
            for client in [api.clone(), api.reader(), api.admin()] {
                let page = feed_page(|| client.get(&format!("/api/changes?view={view}&cursor={cursor}"))).await;
                assert!(!page.to_string().contains(SECRET), "{page}");
            }
        }
    }
    for client in [api.clone(), api.reader(), api.admin()] {
        let page = feed_page(|| client.get("/api/changes")).await;
        assert_eq!(page["items"], json!([]));
    }
}

/// Cursors reveal nothing either: drafts move no position.
#[on_both]
async fn drafts_move_no_cursor(api: Api) {
    api.create(json!({"title": "Public", "published": true})).await;
    wait_until_settled(&api).await;
    let before = feed_page(|| api.reader().get("/api/changes")).await;
    for number in 0..20 {
        api.create(json!({"title": SECRET, "slug": format!("{SECRET}-{number}")})).await;
    }
    wait_until_settled(&api).await;
    assert_eq!(feed_page(|| api.reader().get("/api/changes")).await, before);
}
