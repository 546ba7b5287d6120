//! The search index follows every change of a post and accepts any content.

use serde_json::json;

use super::search;
use crate::support::{Api, ids, on_both};

#[on_both]
async fn every_change_updates_the_search_index(api: Api) {
    let editor = api.editor();
    let post = api.create(json!({"title": "Old", "content": "before", "published": true})).await;
    let path = format!("/api/posts/{}", post["id"]);
    let counts = async |words: [&str; 4]| {
        let mut counts = Vec::new();
        for word in words {
            counts.push(search(&api, word).await.len());
        }
        counts
    };
    let words = ["old", "new", "before", "after"];
    assert_eq!(counts(words).await, [1, 0, 1, 0]);
    editor.patch(&path, &json!({"title": "New"})).await.expect(200);
    assert_eq!(counts(words).await, [0, 1, 1, 0]);
    editor.patch(&path, &json!({"content": "after"})).await.expect(200);
    assert_eq!(counts(words).await, [0, 1, 0, 1]);
    editor.patch(&path, &json!({"content": null})).await.expect(200);
    assert_eq!(counts(words).await, [0, 1, 0, 0]);
    editor
        .put("/api/posts/by-slug/old", &json!({"title": "Old", "content": "after", "published": true}))
        .await
        .expect(200);
    assert_eq!(counts(words).await, [1, 0, 0, 1]);
    let post = json!({"slug": "old", "title": "New", "content": "before", "published": true});
    let batch = json!({"on_conflict": "replace", "posts": [post]});
    editor.post("/api/posts/batch", &batch).await.expect(200);
    assert_eq!(counts(words).await, [0, 1, 1, 0]);
    editor.post_empty(&format!("{path}/unpublish")).await.expect(200);
    assert_eq!(counts(words).await, [0, 0, 0, 0]);
    assert_eq!(ids(&editor.get("/api/posts?q=before&published=any").await.json(200)).len(), 1);
    editor.post_empty(&format!("{path}/publish")).await.expect(200);
    assert_eq!(counts(words).await, [0, 1, 1, 0]);
    editor.delete(&path).await.expect(204);
    assert_eq!(counts(words).await, [0, 0, 0, 0]);
    assert!(ids(&editor.get("/api/posts?q=before&published=any").await.json(200)).is_empty());
}

#[on_both]
async fn largest_content_of_distinct_words_is_indexed(api: Api) {
    let letters = (0x4e00..0x9fff_u32).filter_map(char::from_u32);
    let mut content: String = letters.flat_map(|letter| [letter, ' ']).collect();
    let mut pairs = (0x4e00..0x9000_u32).filter_map(char::from_u32);
    while content.len() + 8 <= 512 * 1024 {
        let letter = pairs.next().unwrap();
        for second in ['a', 'b', 'c', 'd', 'e', 'f', 'g'] {
            if content.len() + 8 <= 512 * 1024 {
                content.extend([letter, second, ' ']);
            }
        }
    }
    let post = api.create(json!({"title": "Dictionary", "content": content, "published": true})).await;
    assert_eq!(search(&api, "dictionary").await, [post["id"].as_i64().unwrap()]);
    assert_eq!(search(&api, "一").await.len(), 1);
    let path = format!("/api/posts/{}", post["id"]);
    assert_eq!(api.get(&path).await.json(200)["content"], content);
    api.editor().patch(&path, &json!({"content": "short"})).await.expect(200);
    assert_eq!(search(&api, "一").await.len(), 0);
}
