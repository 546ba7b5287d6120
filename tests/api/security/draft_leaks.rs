//! Anonymous clients learn neither that drafts exist nor their content. Two servers have the same published posts, and
//! one also has drafts. Every anonymous response must be equal, byte for byte.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Api, Reply, on_both};

/// Ten published posts, oldest first. Their ids leave gaps for drafts.
pub(crate) fn published() -> Vec<Value> {
    let post = |number: i64| {
        json!({
            "id": number * 10, "slug": format!("public-{number}"), "title": format!("Public {}", number % 3),
            "content": format!("common words of number{number}"), "published": true,
            "tags": ["Common", format!("tag-{}", number % 3)], "authors": [format!("Author {}", number % 2)],
            "published_at": format!("2026-01-{:02}T00:00:00Z", 1 + number % 4),
            "updated_at": format!("2026-02-{:02}T00:00:00Z", 1 + number % 5), "version": number,
        })
    };
    (1..=10).map(post).collect()
}

/// Drafts with ids between the published posts: never published, previously published, and scheduled.
pub(crate) fn drafts() -> Vec<Value> {
    let post = |number: i64| {
        let was_published = (number % 2 == 0).then(|| format!("2026-01-{:02}T00:00:00Z", 1 + number % 4));
        let scheduled_for = (number % 3 == 0).then_some("2999-01-01T00:00:00Z");
        json!({
            "id": number * 5 + 1, "slug": format!("secret-{number}"), "title": format!("Public {}", number % 3),
            "content": "common words of secretword", "published": false, "published_at": was_published,
            // The spelling of the newest draft differs from that of every published post.
            "tags": ["COMMON", "TAG-1", format!("secret-{}", number % 4)],
            "authors": ["AUTHOR 0", format!("A secret {number}")],
            "scheduled_for": scheduled_for, "updated_at": format!("2026-02-{:02}T00:00:00Z", 1 + number % 5),
        })
    };
    (1..=25).map(post).collect()
}

/// A server with only the published posts, and one that also has the drafts.
pub(crate) fn start_both(plain: Api) -> [Api; 2] {
    let with_drafts = <Api as crate::support::Fixture>::on(plain.engine()).unwrap();
    plain.server.database.import(&published());
    let mut all = [published(), drafts()].concat();
    all.sort_by_key(|post| post["id"].as_i64());
    with_drafts.server.database.import(&all);
    // The import sets `created_at` to its own time.
    for api in [&plain, &with_drafts] {
        api.server
            .database
            .execute("UPDATE posts SET created_at = '2026-01-01T00:00:00.000000Z', version = version + 1");
    }
    [plain, with_drafts]
}

/// The status, headers, and body of a response, without the parts that differ between any two requests.
pub(crate) fn comparable(reply: &Reply) -> (u16, Vec<(String, String)>, Value) {
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    let mut body = serde_json::from_slice(&reply.body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&reply.body)));
    if let Some(id) = body.get_mut("request_id") {
        *id = Value::Null;
    }
    (reply.status, headers, body)
}

/// Sends the same request to both servers, asserts equal responses, and returns one of them.
async fn request_both(servers: &[Api; 2], method: &Method, path: &str, tag: Option<&str>) -> Reply {
    let mut replies = Vec::new();
    for api in servers {
        let call = api.call(method.clone(), path);
        replies.push(match tag {
            Some(tag) => call.header("if-none-match", tag).await,
            None => call.await,
        });
    }
    assert_eq!(comparable(&replies[0]), comparable(&replies[1]), "{method} {path} with {tag:?} reveals drafts");
    replies.swap_remove(1)
}

/// Reads one path with every method and condition, and returns the plain response.
async fn read_in_every_way(servers: &[Api; 2], path: &str) -> Reply {
    let reply = request_both(servers, &Method::GET, path, None).await;
    request_both(servers, &Method::HEAD, path, None).await;
    let tag = reply.header("etag").map(str::to_owned);
    for tag in [tag.as_deref().unwrap_or("\"none\""), "*", "\"other\""] {
        for method in [Method::GET, Method::HEAD] {
            request_both(servers, &method, path, Some(tag)).await;
        }
    }
    assert!(!reply.text().to_lowercase().contains("secret"), "{path}: {}", reply.text());
    reply
}

pub(crate) const SORTS: [&str; 9] = [
    "", "sort=id", "sort=-published_at", "sort=published_at", "sort=-updated_at", "sort=updated_at", "sort=title",
    "sort=-title", "q=common",
];
pub(crate) const FILTERS: [&str; 18] = [
    "",
    "limit=3",
    "published=true&limit=100",
    "slug=public-1&slug=public-2",
    "slug=secret-1&slug=secret-2&slug=public-9",
    "published_after=2026-01-02T00:00:00Z",
    "published_before=2026-01-03T00:00:00Z&limit=2",
    "updated_after=2026-02-02T00:00:00Z",
    "updated_before=2026-02-03T00:00:00Z&limit=2",
    "count=exact&limit=4",
    "count=estimated&limit=4",
    "view=summary&limit=4",
    "tag=common&limit=4",
    "tag=tag-1&tag=secret-1&tag=TAG-2&limit=4",
    "tag=secret-1&count=exact",
    "author=author+0&count=exact&limit=2",
    "tag=common&author=author+0&author=a+secret+4&limit=2",
    "tag=tag-1&published_after=2026-01-02T00:00:00Z&count=estimated",
];

#[on_both]
async fn lists_do_not_reveal_drafts(api: Api) {
    let servers = start_both(api);
    for sort in SORTS {
        for filter in FILTERS {
            let query = format!("{sort}&{filter}");
            let first = read_in_every_way(&servers, &format!("/api/posts?{query}")).await;
            let mut page = first.json(200);
            for direction in ["next_cursor", "prev_cursor"] {
                while let Some(cursor) = page[direction].as_str() {
                    page = request_both(&servers, &Method::GET, &format!("/api/posts?{query}&cursor={cursor}"), None)
                        .await
                        .json(200);
                }
            }
        }
    }
}

/// The queries of the lists of tags and authors.
pub(crate) const LABEL_QUERIES: [&str; 8] =
    ["", "sort=name", "sort=-posts", "limit=1", "sort=-posts&limit=2", "q=tag", "q=secret&sort=-posts", "q=a+s"];

#[on_both]
async fn tags_and_authors_do_not_reveal_drafts(api: Api) {
    let servers = start_both(api);
    for list in ["/api/tags", "/api/authors"] {
        for query in LABEL_QUERIES {
            let mut page = read_in_every_way(&servers, &format!("{list}?{query}")).await.json(200);
            while let Some(cursor) = page["next_cursor"].as_str() {
                page = read_in_every_way(&servers, &format!("{list}?{query}&cursor={cursor}")).await.json(200);
            }
        }
    }
    // Published posts have the names in question.
    let tags = json!([{"name": "Common", "posts": 10}, {"name": "tag-1", "posts": 4}, {"name": "tag-0", "posts": 3},
        {"name": "tag-2", "posts": 3}]);
    assert_eq!(servers[1].get("/api/tags?sort=-posts").await.json(200)["items"], tags);
    // A key does not change the lists.
    for list in ["/api/tags", "/api/authors"] {
        let replies = [servers[0].get(list).await, servers[1].reader().get(list).await];
        assert_eq!(replies[0].body, replies[1].body, "{list}");
    }
}

#[on_both]
async fn search_does_not_reveal_drafts(api: Api) {
    let servers = start_both(api);
    for (query, expected) in [
        ("secretword", 0),
        ("secret*", 0),
        ("common", 10),
        ("%22of+secretword%22", 0),
        ("common+secretword", 0),
        ("number3", 1),
        ("public", 10),
        ("number*", 10),
        ("%22words+of%22", 10),
    ] {
        for parameters in ["", "&sort=title", "&count=exact", "&count=estimated", "&view=summary", "&published=true"] {
            let reply = read_in_every_way(&servers, &format!("/api/posts?q={query}{parameters}")).await;
            assert_eq!(reply.json(200)["items"].as_array().unwrap().len(), expected, "{query}");
        }
    }
    let drafts = servers[1].reader().get("/api/posts?q=secretword&published=false&count=exact").await.json(200);
    assert_eq!(drafts["total"], 25);
}

#[on_both]
async fn draft_looks_like_a_missing_post(api: Api) {
    let servers = start_both(api);
    for draft in drafts() {
        let slug = draft["slug"].as_str().unwrap();
        for path in [format!("/api/posts/{}", draft["id"]), format!("/api/posts/by-slug/{slug}")] {
            read_in_every_way(&servers, &path).await.problem(404, "not_found");
            servers[1].reader().get(&path).await.expect(200);
        }
    }
    for post in published() {
        read_in_every_way(&servers, &format!("/api/posts/{}", post["id"])).await.expect(200);
        read_in_every_way(&servers, &format!("/api/posts/by-slug/{}", post["slug"].as_str().unwrap()))
            .await
            .expect(200);
    }
}

/// Drafts with old slugs, among which the first ones in the list of redirects, and drafts that took old slugs of public
/// posts.
#[on_both]
async fn redirects_do_not_reveal_drafts(api: Api) {
    let servers = start_both(api);
    for api in &servers {
        api.server
            .database
            .execute("INSERT INTO post_aliases (slug, post_id) SELECT 'old-' || slug, id FROM posts WHERE published");
    }
    let database = &servers[1].server.database;
    for prefix in ["a", "old", "z"] {
        database.execute(&format!(
            "INSERT INTO post_aliases (slug, post_id) SELECT '{prefix}-' || slug, id FROM posts WHERE NOT published"
        ));
    }
    for (id, number) in [(6, 1), (11, 2)] {
        database.execute(&format!("UPDATE posts SET slug = 'old-public-{number}' WHERE id = {id}"));
    }
    for limit in [1, 3, 10, 100] {
        let mut path = format!("/api/redirects?limit={limit}");
        let mut found = 0;
        loop {
            let page = read_in_every_way(&servers, &path).await.json(200);
            found += page["items"].as_array().unwrap().len();
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/api/redirects?limit={limit}&cursor={cursor}");
        }
        assert_eq!(found, 10);
    }
    for number in 1..=10 {
        read_in_every_way(&servers, &format!("/api/posts/by-slug/old-public-{number}")).await.expect(301);
    }
    for slug in ["a-secret-3", "old-secret-4", "z-secret-25", "secret-1", "a-missing-3"] {
        read_in_every_way(&servers, &format!("/api/posts/by-slug/{slug}")).await.problem(404, "not_found");
    }
    let reader = servers[1].reader();
    reader.get("/api/posts/by-slug/old-secret-4").await.expect(301);
    reader.get("/api/posts/by-slug/old-public-1").await.expect(200);
}

#[on_both]
async fn rejections_do_not_reveal_drafts(api: Api) {
    let servers = start_both(api);
    for query in ["published=false", "published=any&q=secretword", "published=any&count=exact", "published=no"] {
        request_both(&servers, &Method::GET, &format!("/api/posts?{query}"), None).await;
        request_both(&servers, &Method::GET, &format!("/api/posts?{query}"), Some("*")).await;
    }
    for path in ["/api/posts/6", "/api/posts/10", "/api/posts/by-slug/secret-1"] {
        for method in [Method::PATCH, Method::DELETE, Method::PUT, Method::POST, Method::OPTIONS] {
            request_both(&servers, &method, path, None).await;
        }
    }
    for action in ["publish", "unpublish"] {
        request_both(&servers, &Method::POST, &format!("/api/posts/6/{action}"), None)
            .await
            .problem(401, "key_required");
    }
    // A cursor into a list of drafts does not work without a key.
    let drafts = servers[1].reader().get("/api/posts?published=false&limit=2").await.json(200);
    let cursor = drafts["next_cursor"].as_str().unwrap();
    request_both(&servers, &Method::GET, &format!("/api/posts?limit=2&cursor={cursor}"), None)
        .await
        .problem(400, "invalid_cursor");
    request_both(&servers, &Method::GET, &format!("/api/posts?published=false&limit=2&cursor={cursor}"), None)
        .await
        .problem(401, "key_required");
}
