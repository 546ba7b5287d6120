//! The JSON of the posts in lists, which is rendered apart from that of single posts.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::support::{Api, on_both};

#[derive(serde::Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

/// Posts with characters that JSON escapes, with and without optional fields.
fn posts() -> Vec<Value> {
    let mut posts = vec![
        json!({"title": "Only a title"}),
        json!({"title": "Empty texts", "content": "", "image_alt": "", "image": "/x.jpg", "tags": [], "metadata": {}}),
    ];
    for text in
        ["\"\\/", "\u{1}\u{8}\t\n\u{c}\r\u{1f}\u{7f}\u{80}", "é ß 京 🦀", "\u{2028}\u{feff}", "a\u{301}</script>"]
    {
        let printable = format!("x{}x", text.replace(|c: char| c.is_control() || c == '\u{2028}', ""));
        posts.push(json!({
            "title": format!("x{text}x"),
            "content": text.repeat(40),
            "description": printable,
            "tags": [printable, "Second"],
            "authors": ["Ada \"The Countess\" Lovelace"],
            "image": "https://example.com/a%20b.jpg?c=d&e",
            "image_alt": printable,
            "metadata": {printable.clone(): [text, 1.50, -0.0, 1e300, null, true, {"nested": {}}]},
            "published": true,
        }));
    }
    posts
}

/// Creates the posts, and schedules the first one.
async fn create(api: &Api) {
    let mut ids = Vec::new();
    for post in posts() {
        ids.push(api.create(post).await["id"].clone());
    }
    let at = json!({"at": "2999-01-01T00:00:00Z"});
    api.editor().post(&format!("/api/posts/{}/publish", ids[0]), &at).await.expect(200);
}

#[on_both]
async fn items_have_the_bytes_of_single_posts(api: Api) {
    create(&api).await;
    for query in ["published=any", "published=any&sort=title", "published=any&tag=Second&tag=none", "q=second"] {
        let list = api.reader().get(&format!("/api/posts?view=full&{query}")).await.expect(200);
        let page: Page = serde_json::from_str(list.text()).unwrap();
        assert!(query == "q=second" || !page.items.is_empty(), "{query}");
        for item in page.items {
            let id = serde_json::from_str::<Value>(item.get()).unwrap()["id"].clone();
            let post = api.reader().get(&format!("/api/posts/{id}")).await.expect(200);
            assert_eq!(item.get(), post.text(), "{query}");
        }
    }
}

#[on_both]
async fn summaries_have_the_bytes_of_single_posts_around_the_excerpt(api: Api) {
    create(&api).await;
    let list = api.reader().get("/api/posts?view=summary&published=any").await.expect(200);
    let page: Page = serde_json::from_str(list.text()).unwrap();
    assert_eq!(page.items.len(), posts().len());
    for item in page.items {
        let summary: Value = serde_json::from_str(item.get()).unwrap();
        let post = api.reader().get(&format!("/api/posts/{}", summary["id"])).await.expect(200);
        let (before, after) = item.get().split_once(&format!("\"excerpt\":{}", summary["excerpt"])).unwrap();
        let full: Value = serde_json::from_str(post.text()).unwrap();
        assert_eq!(post.text(), format!("{before}\"content\":{}{after}", full["content"]));
    }
}

#[on_both]
async fn cursors_contain_titles_with_escaped_characters(api: Api) {
    create(&api).await;
    for direction in ["title", "-title"] {
        let mut titles = Vec::new();
        let mut path = format!("/api/posts?published=any&limit=1&sort={direction}");
        loop {
            let page = api.reader().get(&path).await.json(200);
            titles.push(page["items"][0]["title"].as_str().unwrap().to_owned());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/api/posts?published=any&limit=1&sort={direction}&cursor={cursor}");
        }
        let mut expected = titles.clone();
        expected.sort();
        if direction == "-title" {
            expected.reverse();
        }
        assert_eq!((titles.len(), titles), (posts().len(), expected));
    }
}
