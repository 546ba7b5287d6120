//! Creating, reading, changing, publishing, and deleting one post.

use serde_json::{Value, json};

use crate::support::{Api, on_both};

fn id(post: &Value) -> i64 {
    post["id"].as_i64().unwrap()
}

/// `post` without the fields that every change updates.
fn without_version(post: &Value) -> Value {
    let mut post = post.clone();
    for field in ["version", "updated_at"] {
        post[field].take();
    }
    post
}

#[on_both]
async fn create_defaults_to_a_draft(api: Api) {
    let post = api.create(json!({"title": "Hello, world"})).await;
    assert_eq!(post["title"], "Hello, world");
    assert_eq!(post["slug"], "hello-world");
    assert_eq!(post["content"], Value::Null);
    assert_eq!(post["published"], false);
    assert_eq!(post["published_at"], Value::Null);
    assert_eq!(post["scheduled_for"], Value::Null);
    assert_eq!(post["version"], 1);
    assert_eq!(post["created_at"], post["updated_at"]);
    let fields: Vec<&str> = post.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "id", "slug", "title", "description", "tags", "authors", "image", "image_alt", "metadata", "content",
            "published", "published_at", "scheduled_for", "created_at", "updated_at", "version",
        ]
    );
}

#[on_both]
async fn create_returns_location_and_etag(api: Api) {
    let reply = api.editor().post("/api/posts", &json!({"title": "Here", "published": true})).await.expect(201);
    let location = reply.header("location").unwrap().to_owned();
    let etag = reply.header("etag").unwrap().to_owned();
    let created = reply.json(201);
    assert_eq!(location, format!("/api/posts/{}", created["id"]));
    let read = api.get(&location).await.expect(200);
    assert_eq!(read.header("etag"), Some(etag.as_str()));
    assert!(etag.starts_with('"'), "{etag} is not strong");
    assert_eq!(read.json(200), created);
}

#[on_both]
async fn create_can_publish_immediately(api: Api) {
    let post = api.create(json!({"title": "Now", "content": "text", "slug": "at-once", "published": true})).await;
    assert_eq!(post["published"], true);
    assert_eq!(post["published_at"], post["created_at"]);
    assert_eq!(api.get("/api/posts/by-slug/at-once").await.json(200), post);
    assert_eq!(api.get("/api/posts").await.json(200)["items"], json!([post]));
}

#[on_both]
async fn times_are_rfc_3339_utc_with_microseconds(api: Api) {
    let post = api.create(json!({"title": "Times", "published": true})).await;
    for field in ["created_at", "updated_at", "published_at"] {
        let time = post[field].as_str().unwrap();
        assert!(time.len() == 27 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{field}: {time}");
    }
}

#[on_both]
async fn create_trims_the_title_and_keeps_content_verbatim(api: Api) {
    let title = "  \u{a0}Zoë’s “quoted” 日本語 🦀 \\ \" title\n";
    let post = api.create(json!({"title": title, "content": " verbatim \n"})).await;
    assert_eq!(post["title"], title.trim());
    assert_eq!(post["content"], " verbatim \n");
}

#[on_both]
async fn null_slug_and_content_equal_absent_fields(api: Api) {
    let post = api.create(json!({"title": "Nulls", "slug": null, "content": null})).await;
    assert_eq!((&post["slug"], &post["content"]), (&json!("nulls"), &Value::Null));
}

#[on_both]
async fn reading_a_draft_requires_a_key(api: Api) {
    let draft = api.create(json!({"title": "Secret"})).await;
    for path in [format!("/api/posts/{}", id(&draft)), "/api/posts/by-slug/secret".to_owned()] {
        let hidden = api.get(&path).await.problem(404, "not_found");
        let absent = api.get("/api/posts/by-slug/no-such-post").await.problem(404, "not_found");
        assert_eq!(hidden["detail"], absent["detail"], "the response distinguishes a draft from a missing post");
        assert_eq!(api.reader().get(&path).await.json(200), draft);
        assert_eq!(api.editor().get(&path).await.json(200), draft);
        assert_eq!(api.admin().get(&path).await.json(200), draft);
    }
}

#[on_both]
async fn patch_changes_only_the_given_fields(api: Api) {
    let post = api.create(json!({"title": "Before", "content": "text", "published": true})).await;
    let path = format!("/api/posts/{}", id(&post));
    let changed = api.editor().patch(&path, &json!({"title": " After "})).await.json(200);
    let mut expected = without_version(&post);
    expected["title"] = "After".into();
    assert_eq!(without_version(&changed), expected);
    assert_eq!(changed["version"], 2);
    assert_ne!(changed["updated_at"], post["updated_at"]);
    assert_eq!(api.get(&path).await.json(200), changed);
}

#[on_both]
async fn patch_null_clears_the_content(api: Api) {
    let post = api.create(json!({"title": "Content", "content": "text"})).await;
    let path = format!("/api/posts/{}", id(&post));
    assert_eq!(api.editor().patch(&path, &json!({"content": null})).await.json(200)["content"], Value::Null);
    assert_eq!(api.editor().patch(&path, &json!({"content": "new"})).await.json(200)["content"], "new");
    assert_eq!(api.editor().patch(&path, &json!({"title": "Title"})).await.json(200)["content"], "new");
    assert_eq!(api.editor().patch(&path, &json!({"content": ""})).await.json(200)["content"], "");
}

#[on_both]
async fn patch_rejects_null_for_required_fields(api: Api) {
    let post = api.create(json!({"title": "Stays"})).await;
    let path = format!("/api/posts/{}", id(&post));
    for field in ["title", "slug", "published"] {
        let errors = api.editor().patch(&path, &json!({field: null})).await.field_errors();
        assert_eq!(errors, [(format!("/{field}"), "null".to_owned())]);
    }
    assert_eq!(api.reader().get(&path).await.json(200), post);
}

#[on_both]
async fn empty_patch_changes_nothing(api: Api) {
    let post = api.create(json!({"title": "Same"})).await;
    let path = format!("/api/posts/{}", id(&post));
    assert_eq!(api.editor().patch(&path, &json!({})).await.json(200), post);
    assert_eq!(api.reader().get(&path).await.json(200), post);
    api.editor().patch("/api/posts/999", &json!({})).await.problem(404, "not_found");
}

#[on_both]
async fn patch_accepts_merge_patch_json(api: Api) {
    let post = api.create(json!({"title": "Before"})).await;
    let path = format!("/api/posts/{}", id(&post));
    let call = api.editor().call(reqwest::Method::PATCH, &path);
    let changed = call.body("application/merge-patch+json; charset=utf-8", r#"{"title": "After"}"#).await;
    assert_eq!(changed.json(200)["title"], "After");
}

#[on_both]
async fn renamed_draft_is_found_only_by_its_new_slug(api: Api) {
    let post = api.create(json!({"title": "Old name"})).await;
    let path = format!("/api/posts/{}", id(&post));
    let renamed = api.editor().patch(&path, &json!({"slug": "new-name"})).await.json(200);
    assert_eq!(api.reader().get("/api/posts/by-slug/new-name").await.json(200), renamed);
    api.reader().get("/api/posts/by-slug/old-name").await.problem(404, "not_found");
}

#[on_both]
async fn publish_shows_and_unpublish_hides_the_post(api: Api) {
    let draft = api.create(json!({"title": "Shown"})).await;
    let path = format!("/api/posts/{}", id(&draft));
    let published = api.editor().post_empty(&format!("{path}/publish")).await.expect(200);
    let etag = published.header("etag").unwrap().to_owned();
    let published = published.json(200);
    assert_eq!((&published["published"], &published["version"]), (&json!(true), &json!(2)));
    assert_eq!(published["published_at"], published["updated_at"]);
    let read = api.get(&path).await.expect(200);
    assert_eq!(read.header("etag"), Some(etag.as_str()));
    assert_eq!(read.json(200), published);

    let hidden = api.editor().post_empty(&format!("{path}/unpublish")).await.json(200);
    assert_eq!((&hidden["published"], &hidden["version"]), (&json!(false), &json!(3)));
    api.get(&path).await.problem(404, "not_found");
}

#[on_both]
async fn publish_and_unpublish_are_idempotent(api: Api) {
    let post = api.create(json!({"title": "Twice"})).await;
    let publish = format!("/api/posts/{}/publish", id(&post));
    let unpublish = format!("/api/posts/{}/unpublish", id(&post));
    assert_eq!(api.editor().post_empty(&unpublish).await.json(200), post);
    let first = api.editor().post_empty(&publish).await.json(200);
    assert_eq!(api.editor().post_empty(&publish).await.json(200), first);
    let hidden = api.editor().post_empty(&unpublish).await.json(200);
    assert_eq!(api.editor().post_empty(&unpublish).await.json(200), hidden);
}

#[on_both]
async fn republishing_keeps_the_first_publication_time(api: Api) {
    let post = api.create(json!({"title": "First", "published": true})).await;
    let path = format!("/api/posts/{}", id(&post));
    let hidden = api.editor().post_empty(&format!("{path}/unpublish")).await.json(200);
    assert_eq!(hidden["published_at"], post["published_at"]);
    let republished = api.editor().post_empty(&format!("{path}/publish")).await.json(200);
    assert_eq!(republished["published_at"], post["published_at"]);
    api.editor().patch(&path, &json!({"published": false})).await.expect(200);
    let patched = api.editor().patch(&path, &json!({"published": true})).await.json(200);
    assert_eq!(patched["published_at"], post["published_at"]);
}

#[on_both]
async fn patch_publishes_like_the_publish_action(api: Api) {
    let post = api.create(json!({"title": "Patched"})).await;
    let path = format!("/api/posts/{}", id(&post));
    let published = api.editor().patch(&path, &json!({"published": true})).await.json(200);
    assert_eq!(published["published"], true);
    assert_eq!(published["published_at"], published["updated_at"]);
    let hidden = api.editor().patch(&path, &json!({"published": false})).await.json(200);
    assert_eq!((&hidden["published"], &hidden["published_at"]), (&json!(false), &published["published_at"]));
}

#[on_both]
async fn delete_removes_the_post_and_never_reuses_its_id(api: Api) {
    let post = api.create(json!({"title": "Gone", "published": true})).await;
    let path = format!("/api/posts/{}", id(&post));
    let deleted = api.editor().delete(&path).await.expect(204);
    assert!(deleted.body.is_empty());
    api.get(&path).await.problem(404, "not_found");
    api.get("/api/posts/by-slug/gone").await.problem(404, "not_found");
    let next = api.create(json!({"title": "Gone"})).await;
    assert_eq!(next["slug"], "gone");
    assert!(id(&next) > id(&post));
}

#[on_both]
async fn changing_a_missing_post_returns_404(api: Api) {
    let editor = api.editor();
    editor.patch("/api/posts/1", &json!({"title": "x"})).await.problem(404, "not_found");
    editor.delete("/api/posts/1").await.problem(404, "not_found");
    editor.post_empty("/api/posts/1/publish").await.problem(404, "not_found");
    editor.post_empty("/api/posts/1/unpublish").await.problem(404, "not_found");
}

#[on_both]
async fn impossible_id_returns_404(api: Api) {
    api.create(json!({"title": "First", "published": true})).await;
    for id in [
        "abc", "0", "-1", "+1", "01", "1.0", "1e0", "%31%30%30", "9007199254740991", "9007199254740992",
        "9223372036854775807", "9223372036854775808", "99999999999999999999999999", "%00", "%FF", "1%20",
    ] {
        let path = format!("/api/posts/{id}");
        let editor = api.editor();
        editor.get(&path).await.problem(404, "not_found");
        editor.patch(&path, &json!({"title": "x"})).await.problem(404, "not_found");
        editor.delete(&path).await.problem(404, "not_found");
        editor.post_empty(&format!("{path}/publish")).await.problem(404, "not_found");
        editor.post_empty(&format!("{path}/unpublish")).await.problem(404, "not_found");
        api.admin().delete(&format!("/api/keys/{id}")).await.problem(404, "not_found");
    }
}

#[on_both]
async fn impossible_slug_returns_404(api: Api) {
    for slug in ["%00", "a%00b", "%FF", "A", "a--b", "%2e%2e", "%27%20OR%201=1--"] {
        api.get(&format!("/api/posts/by-slug/{slug}")).await.problem(404, "not_found");
    }
    api.get(&format!("/api/posts/by-slug/{}", "a".repeat(5000))).await.problem(404, "not_found");
}
