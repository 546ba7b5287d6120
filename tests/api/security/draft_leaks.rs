//! What nobody may know without a key: whether there are drafts, and what is in them. Two services hold the same
//! published posts, one of them drafts in between; every anonymous answer is the same, byte for byte.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Api, Reply, on_both};

/// Ten published posts, oldest first; ids leave room for drafts.
pub(crate) fn published() -> Vec<Value> {
    let post = |number: i64| {
        json!({
            "id": number * 10, "slug": format!("public-{number}"), "title": format!("Public {}", number % 3),
            "content": format!("common words of number{number}"), "published": true,
            "published_at": format!("2026-01-{:02}T00:00:00Z", 1 + number % 4),
            "updated_at": format!("2026-02-{:02}T00:00:00Z", 1 + number % 5), "version": number,
        })
    };
    (1..=10).map(post).collect()
}

/// Drafts of every kind between them: never published, published before, and to be published.
pub(crate) fn drafts() -> Vec<Value> {
    let post = |number: i64| {
        let was_published = (number % 2 == 0).then(|| format!("2026-01-{:02}T00:00:00Z", 1 + number % 4));
        let scheduled_for = (number % 3 == 0).then_some("2999-01-01T00:00:00Z");
        json!({
            "id": number * 5 + 1, "slug": format!("secret-{number}"), "title": format!("Public {}", number % 3),
            "content": "common words of secretword", "published": false, "published_at": was_published,
            "scheduled_for": scheduled_for, "updated_at": format!("2026-02-{:02}T00:00:00Z", 1 + number % 5),
        })
    };
    (1..=25).map(post).collect()
}

/// Services with the published posts alone and with the drafts as well.
pub(crate) fn worlds(plain: Api) -> [Api; 2] {
    let with_drafts = <Api as crate::support::Fixture>::on(plain.engine()).unwrap();
    plain.server.database.import(&published());
    let mut all = [published(), drafts()].concat();
    all.sort_by_key(|post| post["id"].as_i64());
    with_drafts.server.database.import(&all);
    // Where no time is given, it is that of the import.
    for api in [&plain, &with_drafts] {
        api.server
            .database
            .execute("UPDATE posts SET created_at = '2026-01-01T00:00:00.000000Z', version = version + 1");
    }
    [plain, with_drafts]
}

/// All that a caller sees, without what tells one request from another.
pub(crate) fn seen(reply: &Reply) -> (u16, Vec<(String, String)>, Value) {
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap()))
        // actix-cors lists them in the order of a hash table.
        .map(|(name, value)| if name.ends_with("expose-headers") { (name, sorted(value)) } else { (name, value.to_owned()) })
        .collect();
    headers.sort();
    let mut body = serde_json::from_slice(&reply.body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&reply.body)));
    if let Some(id) = body.get_mut("request_id") {
        *id = Value::Null;
    }
    (reply.status, headers, body)
}

fn sorted(list: &str) -> String {
    let mut items: Vec<_> = list.split(", ").collect();
    items.sort_unstable();
    items.join(", ")
}

/// Asks both the same, and answers what both said.
pub(crate) async fn both(worlds: &[Api; 2], method: &Method, path: &str, tag: Option<&str>) -> Reply {
    let mut replies = Vec::new();
    for api in worlds {
        let call = api.call(method.clone(), path);
        replies.push(match tag {
            Some(tag) => call.header("if-none-match", tag).await,
            None => call.await,
        });
    }
    assert_eq!(seen(&replies[0]), seen(&replies[1]), "{method} {path} with {tag:?} tells that there are drafts");
    replies.swap_remove(1)
}

/// Asks in every way for one path.
async fn every_way(worlds: &[Api; 2], path: &str) -> Reply {
    let reply = both(worlds, &Method::GET, path, None).await;
    both(worlds, &Method::HEAD, path, None).await;
    let tag = reply.header("etag").map(str::to_owned);
    for tag in [tag.as_deref().unwrap_or("\"none\""), "*", "\"other\""] {
        for method in [Method::GET, Method::HEAD] {
            both(worlds, &method, path, Some(tag)).await;
        }
    }
    assert!(!reply.text().to_lowercase().contains("secret"), "{path}: {}", reply.text());
    reply
}

pub(crate) const SORTS: [&str; 9] = [
    "", "sort=id", "sort=-published_at", "sort=published_at", "sort=-updated_at", "sort=updated_at", "sort=title",
    "sort=-title", "q=common",
];
pub(crate) const FILTERS: [&str; 12] = [
    "", "limit=3", "published=true&limit=100", "slug=public-1&slug=public-2",
    "slug=secret-1&slug=secret-2&slug=public-9", "published_after=2026-01-02T00:00:00Z",
    "published_before=2026-01-03T00:00:00Z&limit=2", "updated_after=2026-02-02T00:00:00Z",
    "updated_before=2026-02-03T00:00:00Z&limit=2", "count=exact&limit=4", "count=estimated&limit=4",
    "view=summary&limit=4",
];

#[on_both]
async fn lists_do_not_reveal_drafts(api: Api) {
    let worlds = worlds(api);
    for sort in SORTS {
        for filter in FILTERS {
            let query = format!("{sort}&{filter}");
            let first = every_way(&worlds, &format!("/api/posts?{query}")).await;
            let mut page = first.json(200);
            for direction in ["next_cursor", "prev_cursor"] {
                while let Some(cursor) = page[direction].as_str() {
                    page = both(&worlds, &Method::GET, &format!("/api/posts?{query}&cursor={cursor}"), None)
                        .await
                        .json(200);
                }
            }
        }
    }
}

#[on_both]
async fn search_does_not_reveal_drafts(api: Api) {
    let worlds = worlds(api);
    for (query, found) in [
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
        for rest in ["", "&sort=title", "&count=exact", "&count=estimated", "&view=summary", "&published=true"] {
            let reply = every_way(&worlds, &format!("/api/posts?q={query}{rest}")).await;
            assert_eq!(reply.json(200)["items"].as_array().unwrap().len(), found, "{query}");
        }
    }
    let reader = worlds[1].reader().get("/api/posts?q=secretword&published=false&count=exact").await.json(200);
    assert_eq!(reader["total"], 25);
}

#[on_both]
async fn draft_looks_like_a_missing_post(api: Api) {
    let worlds = worlds(api);
    for draft in drafts() {
        let slug = draft["slug"].as_str().unwrap();
        for path in [format!("/api/posts/{}", draft["id"]), format!("/api/posts/by-slug/{slug}")] {
            every_way(&worlds, &path).await.problem(404, "not_found");
            worlds[1].reader().get(&path).await.expect(200);
        }
    }
    for post in published() {
        every_way(&worlds, &format!("/api/posts/{}", post["id"])).await.expect(200);
        every_way(&worlds, &format!("/api/posts/by-slug/{}", post["slug"].as_str().unwrap())).await.expect(200);
    }
}

#[on_both]
async fn rejections_do_not_reveal_drafts(api: Api) {
    let worlds = worlds(api);
    for query in ["published=false", "published=any&q=secretword", "published=any&count=exact", "published=no"] {
        both(&worlds, &Method::GET, &format!("/api/posts?{query}"), None).await;
        both(&worlds, &Method::GET, &format!("/api/posts?{query}"), Some("*")).await;
    }
    for path in ["/api/posts/6", "/api/posts/10", "/api/posts/by-slug/secret-1"] {
        for method in [Method::PATCH, Method::DELETE, Method::PUT, Method::POST, Method::OPTIONS] {
            both(&worlds, &method, path, None).await;
        }
    }
    for action in ["publish", "unpublish"] {
        both(&worlds, &Method::POST, &format!("/api/posts/6/{action}"), None).await.problem(401, "key_required");
    }
    // A cursor into a list of drafts is of no use without the key that made it.
    let drafts = worlds[1].reader().get("/api/posts?published=false&limit=2").await.json(200);
    let cursor = drafts["next_cursor"].as_str().unwrap();
    both(&worlds, &Method::GET, &format!("/api/posts?limit=2&cursor={cursor}"), None)
        .await
        .problem(400, "invalid_cursor");
    both(&worlds, &Method::GET, &format!("/api/posts?published=false&limit=2&cursor={cursor}"), None)
        .await
        .problem(401, "key_required");
}
