//! The order of a search: posts with all words in the title first, on pages of any size.

use serde_json::json;

use crate::support::{Api, ids, on_both};

/// Imports 12 posts that match. Every third one has both words in its title, and those with an even id are published.
fn fill(api: &Api) {
    let post = |id: i64| {
        let title = if id % 3 == 0 { "Red fox" } else { "Red" };
        json!({"id": id, "slug": format!("post-{id}"), "title": title, "content": "a fox", "published": id % 2 == 0})
    };
    api.server.database.import(&(1..=12).map(post).chain([json!({"id": 13, "title": "Fox"})]).collect::<Vec<_>>());
}

/// The ids on each page, as far as `link` leads.
async fn pages(api: &Api, list: &str, start: &str, link: &str) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut cursor = start.to_owned();
    loop {
        let page = api.reader().get(&format!("/api/posts?{list}{cursor}")).await.json(200);
        pages.push(ids(&page));
        match page[link].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[on_both]
async fn pages_of_any_size_have_each_match_once(api: Api) {
    fill(&api);
    for (published, expected) in [
        ("true", vec![12, 6, 10, 8, 4, 2]),
        ("false", vec![9, 3, 11, 7, 5, 1]),
        ("any", vec![12, 9, 6, 3, 11, 10, 8, 7, 5, 4, 2, 1]),
    ] {
        for limit in 1..=13 {
            for q in ["red+fox", "re*+fox", "fox+%22red%22"] {
                let list = format!("q={q}&published={published}&view=summary&limit={limit}");
                let found = pages(&api, &list, "", "next_cursor").await;
                assert!(found.iter().rev().skip(1).all(|page| page.len() == limit), "{list}: {found:?}");
                assert_eq!(found.concat(), expected, "{list}");
            }
        }
    }
}

/// The page before the cursor crosses from the posts with matches in the content to those with matches in the title.
#[on_both]
async fn pages_backwards_have_the_same_posts(api: Api) {
    fill(&api);
    for limit in 1..=7 {
        let list = format!("q=red+fox&limit={limit}");
        let forwards = pages(&api, &list, "", "next_cursor").await;
        let mut page = api.get(&format!("/api/posts?{list}")).await.json(200);
        while let Some(cursor) = page["next_cursor"].as_str() {
            page = api.get(&format!("/api/posts?{list}&cursor={cursor}")).await.json(200);
        }
        let Some(cursor) = page["prev_cursor"].as_str() else { continue };
        let mut backwards = pages(&api, &list, &format!("&cursor={cursor}"), "prev_cursor").await;
        backwards.reverse();
        assert_eq!(backwards, forwards[..forwards.len() - 1], "{list}");
    }
}

#[on_both]
async fn searches_by_id_ignore_where_the_words_are(api: Api) {
    fill(&api);
    for (sort, expected) in [("-id", vec![12, 10, 8, 6, 4, 2]), ("id", vec![2, 4, 6, 8, 10, 12])] {
        for limit in 1..=7 {
            let list = format!("q=red+fox&sort={sort}&limit={limit}");
            assert_eq!(pages(&api, &list, "", "next_cursor").await.concat(), expected, "{list}");
        }
    }
}
