//! Which names are listed, with which counts, and how they are spelled.

use serde_json::{Value, json};

use super::{labels, read};
use crate::support::{Api, on_both};

async fn create(api: &Api, tags: &[&str], published: bool) -> String {
    let post = api.create(json!({"title": "Post", "tags": tags, "authors": tags, "published": published})).await;
    format!("/api/posts/{}", post["id"])
}

/// A published post with the time of its publication.
fn dated(id: u8, tags: &[&str], published_at: &str) -> Value {
    json!({"id": id, "title": "Post", "tags": tags, "published": true, "published_at": published_at})
}

#[on_both]
async fn only_published_posts_count(api: Api) {
    let editor = api.editor();
    create(&api, &["Rust", "web"], true).await;
    let draft = create(&api, &["Rust", "secret"], false).await;
    editor.post(&format!("{draft}/publish"), &json!({"at": "2999-01-01T00:00:00Z"})).await.expect(200);
    for client in [&api, &editor] {
        for path in ["/api/tags", "/api/authors", "/api/tags?sort=-posts"] {
            assert_eq!(read(client, path).await, ["Rust 1", "web 1"], "{path}");
        }
    }
    editor.post_empty(&format!("{draft}/publish")).await.expect(200);
    assert_eq!(read(&api, "/api/tags?sort=-posts").await, ["Rust 2", "secret 1", "web 1"]);
    editor.post_empty(&format!("{draft}/unpublish")).await.expect(200);
    assert_eq!(read(&api, "/api/authors").await, ["Rust 1", "web 1"]);
}

#[on_both]
async fn tags_and_authors_are_separate_lists(api: Api) {
    api.create(json!({"title": "A", "tags": ["Rust"], "authors": ["Ada Lovelace"], "published": true})).await;
    let page = api.get("/api/tags").await.json(200);
    assert_eq!(page, json!({"items": [{"name": "Rust", "posts": 1}], "next_cursor": null}));
    let page = api.get("/api/authors").await.json(200);
    assert_eq!(page, json!({"items": [{"name": "Ada Lovelace", "posts": 1}], "next_cursor": null}));
}

#[on_both]
async fn every_change_of_a_post_changes_the_counts(api: Api) {
    let editor = api.editor();
    assert_eq!(read(&api, "/api/tags").await, [""; 0]);
    let path = create(&api, &["a", "b"], true).await;
    assert_eq!(read(&api, "/api/tags").await, ["a 1", "b 1"]);
    editor.patch(&path, &json!({"tags": ["b", "c"]})).await.expect(200);
    assert_eq!(read(&api, "/api/tags").await, ["b 1", "c 1"]);
    editor.patch(&path, &json!({"title": "Other", "slug": "other"})).await.expect(200);
    assert_eq!(read(&api, "/api/tags").await, ["b 1", "c 1"]);
    editor.patch(&path, &json!({"tags": null})).await.expect(200);
    assert_eq!(read(&api, "/api/tags").await, [""; 0]);
    assert_eq!(read(&api, "/api/authors").await, ["a 1", "b 1"]);
    editor.put("/api/posts/by-slug/other", &json!({"title": "T", "tags": ["d"], "published": true})).await.expect(200);
    let batch = json!({"on_conflict": "replace", "posts": [
        {"title": "T", "slug": "other", "tags": ["d", "e"], "published": true},
        {"title": "U", "tags": ["e"], "published": true},
    ]});
    editor.post("/api/posts/batch", &batch).await.expect(200);
    assert_eq!(read(&api, "/api/tags").await, ["d 1", "e 2"]);
    editor.delete(&path).await.expect(204);
    assert_eq!(read(&api, "/api/tags").await, ["e 1"]);
    assert_eq!(read(&api, "/api/authors").await, [""; 0]);
}

#[on_both]
async fn newest_published_post_determines_the_spelling(api: Api) {
    let database = &api.server.database;
    database.import(&[
        dated(1, &["RUST", "x"], "2026-01-02T00:00:00Z"),
        dated(2, &["rust"], "2026-01-01T00:00:00Z"),
        json!({"id": 3, "title": "Draft", "tags": ["rUST"], "published_at": "2026-03-01T00:00:00Z"}),
    ]);
    assert_eq!(read(&api, "/api/tags?q=r").await, ["RUST 2"]);
    // Of two posts that were published at the same time, the one with the higher id.
    database.import(&[dated(4, &["Rust"], "2026-01-02T00:00:00Z")]);
    let editor = api.editor();
    let spelling = async || read(&api, "/api/tags?q=r&sort=-posts").await;
    editor.patch("/api/posts/1", &json!({"content": "Invalidates the cache."})).await.expect(200);
    assert_eq!(spelling().await, ["Rust 3"]);
    editor.post_empty("/api/posts/4/unpublish").await.expect(200);
    assert_eq!(spelling().await, ["RUST 2"]);
    editor.patch("/api/posts/1", &json!({"tags": ["ruST"]})).await.expect(200);
    assert_eq!(spelling().await, ["ruST 2"]);
    editor.delete("/api/posts/1").await.expect(204);
    assert_eq!(spelling().await, ["rust 1"]);
}

#[on_both]
async fn names_differ_by_more_than_ascii_case(api: Api) {
    for tags in [&["C", "c++", "É", "日本"][..], &["c", "C++", "C#", "é"], &["e\u{301}", "web  dev"], &["Web\tDev"]]
    {
        create(&api, tags, true).await;
    }
    // In order of the bytes of the folded names.
    let all = ["c 2", "C# 1", "C++ 2", "Web Dev 2", "É 1", "é 2", "日本 1"];
    assert_eq!(read(&api, "/api/tags").await, all);
    assert_eq!(read(&api, "/api/tags?sort=name").await, all);
    let by_posts = ["c 2", "C++ 2", "Web Dev 2", "é 2", "C# 1", "É 1", "日本 1"];
    assert_eq!(read(&api, "/api/tags?sort=-posts").await, by_posts);
}

#[on_both]
async fn q_is_a_prefix_without_ascii_case(api: Api) {
    create(
        &api,
        &["Rust", "rustlang", "Web dev", "webdev", "a_b", "axb", "100%", "100 km", "Café", "\u{10ffff}z"],
        true,
    )
    .await;
    for (q, expected) in [
        ("rust", vec!["Rust 1", "rustlang 1"]),
        ("RUSTL", vec!["rustlang 1"]),
        ("++web%09", vec!["Web dev 1", "webdev 1"]),
        ("web++d", vec!["Web dev 1"]),
        ("web", vec!["Web dev 1", "webdev 1"]),
        // Neither is a wildcard.
        ("a_", vec!["a_b 1"]),
        ("100%25", vec!["100% 1"]),
        ("caf%C3%A9", vec!["Café 1"]),
        ("cafe%CC%81", vec!["Café 1"]),
        ("CAF%C3%89", vec![]),
        ("%F4%8F%BF%BF", vec!["\u{10ffff}z 1"]),
        ("ust", vec![]),
        ("rust+", vec!["Rust 1", "rustlang 1"]),
        (&"x".repeat(200), vec![]),
    ] {
        for sort in ["name", "-posts"] {
            assert_eq!(read(&api, &format!("/api/tags?q={q}&sort={sort}")).await, expected, "{q} by {sort}");
        }
    }
    for empty in ["", "+%09"] {
        assert_eq!(read(&api, &format!("/api/tags?q={empty}")).await.len(), 10, "{empty:?}");
    }
}

#[on_both]
async fn names_at_the_limits_are_listed(api: Api) {
    let names = |kind: char, count: usize, length: usize| -> Vec<String> {
        (0..count).map(|n| format!("{kind}{n:03}{}", "\u{1f980}".repeat(length - 4))).collect()
    };
    let (tags, authors) = (names('t', 50, 100), names('a', 20, 200));
    for _ in 0..3 {
        api.create(json!({"title": "Full", "tags": tags, "authors": authors, "published": true})).await;
    }
    for sort in ["name", "-posts"] {
        let page = api.get(&format!("/api/tags?limit=100&sort={sort}")).await.json(200);
        assert_eq!(labels(&page), tags.iter().map(|tag| format!("{tag} 3")).collect::<Vec<_>>());
        let page = api.get(&format!("/api/authors?limit=100&sort={sort}")).await.json(200);
        assert_eq!(labels(&page), authors.iter().map(|author| format!("{author} 3")).collect::<Vec<_>>());
    }
}
