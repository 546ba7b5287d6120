//! Slugs: generated from titles, made unique, or given by the client.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{Api, on_both};

#[on_both]
async fn generated_slug_is_the_title_in_ascii(api: Api) {
    for (title, slug) in [
        ("Hello, World!", "hello-world"),
        ("  Über größe Äpfel  ", "uber-grosse-apfel"),
        ("Привет, мир", "privet-mir"),
        ("北京", "bei-jing"),
        ("C++ & C# in 2026", "c-c-in-2026"),
        ("🦀", "crab"),
        ("!!!", "post"),
        ("???", "post-2"),
    ] {
        let post = api.create(json!({"title": title, "published": true})).await;
        assert_eq!(post["slug"], slug, "{title}");
        assert_eq!(api.get(&format!("/api/posts/by-slug/{slug}")).await.json(200), post);
    }
}

#[on_both]
async fn repeated_title_gets_a_numbered_slug(api: Api) {
    for slug in ["same", "same-2", "same-3", "same-4", "same-5"] {
        assert_eq!(api.create(json!({"title": "Same"})).await["slug"], slug);
    }
    assert_eq!(api.create(json!({"title": "Same 3"})).await["slug"], "same-3-2");
}

#[on_both]
async fn numbered_slugs_of_a_long_title_stay_within_the_limit(api: Api) {
    let mut slugs = BTreeSet::new();
    for _ in 0..12 {
        let post = api.create(json!({"title": "x".repeat(200)})).await;
        let slug = post["slug"].as_str().unwrap().to_owned();
        assert!(slug.len() <= 200, "{slug}");
        assert!(slugs.insert(slug));
    }
}

#[on_both]
async fn create_rejects_a_taken_slug(api: Api) {
    let first = api.create(json!({"title": "First", "slug": "mine"})).await;
    assert_eq!(first["slug"], "mine");
    let second = json!({"title": "Second", "slug": "mine"});
    api.editor().post("/api/posts", &second).await.problem(409, "slug_taken");
    assert_eq!(api.reader().get("/api/posts?published=any").await.json(200)["items"], json!([first]));
}

#[on_both]
async fn patch_rejects_a_taken_slug(api: Api) {
    api.create(json!({"title": "First"})).await;
    let second = api.create(json!({"title": "Second"})).await;
    let path = format!("/api/posts/{}", second["id"]);
    let change = json!({"slug": "first", "title": "Not stored either"});
    api.editor().patch(&path, &change).await.problem(409, "slug_taken");
    assert_eq!(api.reader().get(&path).await.json(200), second);
    // A post's own slug does not conflict with itself.
    assert_eq!(api.editor().patch(&path, &json!({"slug": "second"})).await.json(200)["slug"], "second");
}

#[on_both]
async fn delete_frees_the_slug(api: Api) {
    let post = api.create(json!({"title": "Old", "slug": "again"})).await;
    api.editor().delete(&format!("/api/posts/{}", post["id"])).await.expect(204);
    assert_eq!(api.create(json!({"title": "New", "slug": "again"})).await["slug"], "again");
}

#[on_both]
async fn patching_the_title_keeps_the_slug(api: Api) {
    let post = api.create(json!({"title": "Before"})).await;
    let path = format!("/api/posts/{}", post["id"]);
    assert_eq!(api.editor().patch(&path, &json!({"title": "After"})).await.json(200)["slug"], "before");
}

#[on_both]
async fn concurrent_creates_with_one_title_get_distinct_slugs(api: Api) {
    let editor = api.editor();
    let calls = (0..50).map(|_| editor.post("/api/posts", &json!({"title": "At once"})).into_future());
    let slugs: BTreeSet<String> = futures_util::future::join_all(calls)
        .await
        .into_iter()
        .map(|reply| reply.json(201)["slug"].as_str().unwrap().to_owned())
        .collect();
    let expected = (1..=50).map(|number| if number == 1 { "at-once".into() } else { format!("at-once-{number}") });
    assert_eq!(slugs, expected.collect());
}

#[on_both]
async fn concurrent_creates_with_one_slug_have_one_winner(api: Api) {
    let editor = api.editor();
    let post = json!({"title": "Mine", "slug": "mine"});
    let calls = (0..20).map(|_| editor.post("/api/posts", &post).into_future());
    let (created, rejected): (Vec<_>, Vec<_>) =
        futures_util::future::join_all(calls).await.into_iter().partition(|reply| reply.status == 201);
    assert_eq!(created.len(), 1);
    for reply in rejected {
        reply.problem(409, "slug_taken");
    }
}
