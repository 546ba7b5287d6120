//! Excerpts of posts over the API: stored by the service, or derived from contents that an external writer has stored.

use serde_json::{Value, json};

use crate::support::{Api, on_both, report_skipped, wait_until};

async fn excerpts(api: &Api) -> Vec<String> {
    let page = api.reader().get("/api/posts?view=summary&published=any&sort=id&limit=100").await.json(200);
    page["items"].as_array().unwrap().iter().map(|post| post["excerpt"].as_str().unwrap().to_owned()).collect()
}

/// The service stores the excerpts of its own writes. For those of external writers it reads the beginning of the
/// content only, with the same result.
#[on_both]
async fn derived_excerpts_equal_stored_ones(api: Api) {
    let long = |unit: &str, length: usize| format!("Text {}", unit.repeat(length));
    let mut contents: Vec<String> = [4090, 4091, 4092, 9000].map(|length| format!("{}\n", long("\n", length))).into();
    contents.extend([2040, 2045, 2046, 4096, 5000].map(|length| long("é", length)));
    contents.extend(["<p>Some <b>HTML</b></p>".into(), "# Title\n\nText[^1] [a][b]".into(), String::new()]);
    for content in &contents {
        api.create(json!({"title": "Excerpt", "content": content})).await;
    }
    let stored = excerpts(&api).await;
    assert_eq!(stored.len(), contents.len());
    assert_eq!(stored[9], "Some HTML");
    api.server.database.execute("UPDATE posts SET excerpt = NULL");
    let nulls = "SELECT count(*) AS number FROM posts WHERE excerpt IS NULL";
    wait_until("the excerpts are gone", async || api.server.database.query_number(nulls) == 12).await;
    assert_eq!(excerpts(&api).await, stored);
}

/// Markup of any kind at the beginning of 750 real posts.
#[test]
fn excerpts_of_real_posts_contain_no_markup() {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/rust-blog-posts.ndjson");
    let Ok(text) = std::fs::read_to_string(FILE) else {
        report_skipped("the excerpts of 750 real posts: ../shared/data/rust-blog-posts.ndjson is absent");
        return;
    };
    for line in text.lines() {
        let post: Value = serde_json::from_str(line).unwrap();
        let content = post["content"].as_str().unwrap();
        let excerpt = posts_api::posts::excerpt::of(content);
        assert!(!excerpt.is_empty() && excerpt.chars().count() <= 200, "{}: {excerpt}", post["slug"]);
        for markup in
            ["](", "][", "[^", "]:", "**", "__", "```", "</", "<p", "<!--", "&nbsp;", "&amp;", "{%", "![", "\n"]
        {
            assert!(!excerpt.contains(markup), "{}: {excerpt}", post["slug"]);
        }
        assert!(!excerpt.starts_with('#'), "{}: {excerpt}", post["slug"]);
    }
}
