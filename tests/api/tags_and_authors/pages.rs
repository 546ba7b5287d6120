//! Pages, cursors, parameters, and caching of the lists of tags and authors.

use serde_json::{Value, json};

use super::labels;
use crate::support::{Api, Reply, on_both};

/// Imports posts such that tag and author `name-k` have `k` posts, and `tie-k` one each. Returns the names by count.
fn fill(api: &Api) -> Vec<String> {
    let posts: Vec<Value> = (1..=12)
        .map(|number: i32| {
            let mut names: Vec<String> = (number..=12).map(|k| format!("Name-{k:02}")).collect();
            names.push(format!("tie-{number:02}"));
            json!({"title": "Post", "tags": names, "authors": names, "published": true})
        })
        .collect();
    api.server.database.import(&posts);
    let counted = (2..=12).rev().map(|k| format!("Name-{k:02} {k}"));
    let single = std::iter::once("Name-01 1".to_owned()).chain((1..=12).map(|k| format!("tie-{k:02} 1")));
    counted.chain(single).collect()
}

/// The target of the relation `next` in the `Link` header.
fn next_link(reply: &Reply) -> Option<String> {
    let link = reply.header("link").unwrap().split(", ").find(|link| link.ends_with("; rel=\"next\""))?;
    Some(link.strip_prefix('<').unwrap().split('>').next().unwrap().to_owned())
}

#[on_both]
async fn pages_follow_each_other_in_both_orders(api: Api) {
    let by_posts = fill(&api);
    let mut by_name = by_posts.clone();
    by_name.sort();
    for list in ["tags", "authors"] {
        for (sort, expected) in [("name", &by_name), ("-posts", &by_posts)] {
            for limit in [1, 5, 24, 100] {
                let mut path = format!("/api/{list}?sort={sort}&limit={limit}");
                let mut found = Vec::new();
                loop {
                    let reply = api.get(&path).await.expect(200);
                    let next = next_link(&reply);
                    let page = reply.json(200);
                    found.extend(labels(&page));
                    assert_eq!(page["next_cursor"].is_string(), next.is_some(), "{path}");
                    let Some(next) = next else { break };
                    assert_eq!(page["items"].as_array().unwrap().len(), limit, "{path}");
                    assert_eq!(
                        next,
                        format!(
                            "/api/{list}?sort={sort}&limit={limit}&cursor={}",
                            page["next_cursor"].as_str().unwrap()
                        )
                    );
                    path = next;
                }
                assert_eq!(found, *expected, "{list} by {sort}, {limit} per page");
            }
        }
    }
}

#[on_both]
async fn default_page_has_20_names_by_name(api: Api) {
    fill(&api);
    let reply = api.get("/api/tags").await;
    let page = reply.clone().json(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 20);
    assert_eq!(page, api.get("/api/tags?sort=name&limit=20").await.json(200));
    assert!(reply.header("link").unwrap().starts_with("</api/tags>; rel=\"first\", </api/tags?cursor="));
}

#[on_both]
async fn cursor_survives_changes_between_pages(api: Api) {
    let mut all = fill(&api);
    all.sort();
    let first = api.get("/api/tags?limit=3").await.json(200);
    // The last tag of the page disappears, and another one appears before it.
    api.server.database.execute("DELETE FROM posts WHERE id <= 3");
    api.create(json!({"title": "New", "tags": ["aaa"], "published": true})).await;
    let rest = format!("/api/tags?limit=100&cursor={}", first["next_cursor"].as_str().unwrap());
    let rest = labels(&api.get(&rest).await.json(200));
    assert_eq!(rest[0], "Name-04 1");
    assert_eq!(rest.last().unwrap(), "tie-12 1");
}

#[on_both]
async fn cursor_of_another_list_is_rejected(api: Api) {
    fill(&api);
    let cursor = async |path: &str| {
        let page = api.get(path).await.json(200);
        page["next_cursor"].as_str().unwrap().to_owned()
    };
    let cursors = [
        cursor("/api/tags?limit=2&sort=name").await,
        cursor("/api/tags?limit=2&sort=-posts").await,
        cursor("/api/tags?limit=2&q=name").await,
        cursor("/api/tags?limit=2&q=nam").await,
        cursor("/api/tags?limit=2&sort=-posts&q=name").await,
        cursor("/api/authors?limit=2").await,
        cursor("/api/posts?limit=2").await,
    ];
    let lists = [
        "/api/tags?x", "/api/tags?sort=-posts", "/api/tags?q=name", "/api/tags?q=nam", "/api/tags?sort=-posts&q=name",
        "/api/authors?x", "/api/posts?x",
    ];
    for (index, cursor) in cursors.iter().enumerate() {
        for (other, list) in lists.iter().enumerate() {
            let path = format!("{}&cursor={cursor}", list.replace("?x", "?limit=2"));
            if index == other {
                api.get(&path).await.expect(200);
            } else {
                api.get(&path).await.problem(400, "invalid_cursor");
            }
        }
    }
    // Only `limit` may differ. Equal prefixes belong to the same list however they are written.
    api.get(&format!("/api/tags?cursor={}", cursors[0])).await.expect(200);
    api.get(&format!("/api/tags?q=+NAME&cursor={}", cursors[2])).await.expect(200);
    api.get(&format!("/api/tags?q=&cursor={}", cursors[0])).await.expect(200);
}

#[on_both]
async fn altered_cursor_is_rejected(api: Api) {
    fill(&api);
    let page = api.get("/api/tags?limit=2&sort=-posts").await.json(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    for index in 0..cursor.len() {
        let mut altered = cursor.to_owned().into_bytes();
        altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        api.get(&format!("/api/tags?sort=-posts&cursor={altered}")).await.problem(400, "invalid_cursor");
    }
    for other in ["", "x", "%00", &cursor[1..], &cursor[..cursor.len() - 1]] {
        api.get(&format!("/api/tags?sort=-posts&cursor={other}")).await.problem(400, "invalid_cursor");
    }
}

#[on_both]
async fn invalid_parameters_are_rejected(api: Api) {
    for list in ["/api/tags", "/api/authors"] {
        for query in [
            "limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "limit=01", "limit=1&limit=2", "sort=posts",
            "sort=-name", "sort=title", "sort=-id", "sort=relevance", "sort=", "sort=name&sort=name", "sort=Name",
            "published=true", "view=summary", "count=exact", "tag=rust", "slug=a", "x=1", "=", "q=a&q=b", "q=%00",
            "q=a%07", "q=%7F", "q=%C2%9F",
        ] {
            api.get(&format!("{list}?{query}")).await.problem(400, "invalid_parameter");
        }
        api.get(&format!("{list}?q={}", "x".repeat(201))).await.problem(400, "invalid_parameter");
    }
    for sort in ["name", "-posts", "posts"] {
        let problem = api.get(&format!("/api/posts?sort={sort}")).await.problem(400, "invalid_parameter");
        assert!(problem["detail"].as_str().unwrap().contains("sort"), "{problem}");
    }
}

#[on_both]
async fn other_methods_and_keys_are_rejected(api: Api) {
    use reqwest::Method;
    for list in ["/api/tags", "/api/authors"] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let reply = api.call(method, list).await;
            assert_eq!(reply.header("allow"), Some("GET, HEAD, OPTIONS"));
            reply.problem(405, "method_not_allowed");
        }
        api.with_key("wrong").get(list).await.problem(401, "key_invalid");
    }
}

#[on_both]
async fn responses_are_cached_and_validated(api: Api) {
    fill(&api);
    for path in ["/api/tags", "/api/authors?sort=-posts&limit=2", "/api/tags?q=name"] {
        let full = api.get(path).await.expect(200);
        assert_eq!(full.header("cache-control"), Some("public, no-cache"), "{path}");
        let tag = full.header("etag").unwrap();
        for call in [api.get(path), api.head(path)] {
            let reply = call.header("if-none-match", tag).await.expect(304);
            assert!(reply.body.is_empty());
            assert_eq!(reply.header("link"), full.header("link"));
        }
        let head = api.head(path).await.expect(200);
        assert_eq!((head.header("etag"), head.body.len()), (Some(tag), 0));
        let private = api.reader().get(path).await.expect(200);
        assert_eq!(private.header("cache-control"), Some("private, no-cache"), "{path}");
        assert_eq!(private.body, full.body, "{path}");
    }
}
