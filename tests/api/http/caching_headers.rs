//! `ETag`, 304, `Cache-Control`, and `Vary` of every read, and the `Link` header of lists.

use serde_json::{Value, json};

use crate::support::{Api, Reply, ids, on_both};

async fn fill(api: &Api, posts: usize) -> Vec<Value> {
    let mut created = Vec::new();
    for number in 1..=posts {
        created
            .push(api.create(json!({"title": format!("Post {number}"), "content": "text", "published": true})).await);
    }
    created
}

fn etag(reply: &Reply) -> String {
    let etag = reply.header("etag").unwrap().to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag} is not a strong ETag");
    etag
}

async fn read_etag(api: &Api, path: &str) -> String {
    etag(&api.get(path).await.expect(200))
}

fn varies_with_authorization(reply: &Reply) -> bool {
    reply.headers.get_all("vary").iter().any(|value| value.to_str().unwrap().to_lowercase().contains("authorization"))
}

/// The target of this relation in the `Link` header.
fn link(reply: &Reply, relation: &str) -> Option<String> {
    let links = reply.header("link").unwrap().split(", ");
    let mut targets = links.filter_map(|link| link.strip_suffix(&format!("; rel=\"{relation}\"")));
    let target = targets.next()?.strip_prefix('<')?.strip_suffix('>')?.to_owned();
    assert_eq!(targets.next(), None);
    Some(target)
}

const READS: [&str; 7] = [
    "/api/posts", "/api/posts?limit=2&sort=title", "/api/posts?q=post&view=summary&count=exact", "/api/posts/1",
    "/api/posts/by-slug/post-1", "/api/tags", "/api/authors?sort=-posts&limit=1",
];

#[on_both]
async fn matching_etag_returns_304_with_the_same_headers(api: Api) {
    fill(&api, 3).await;
    for path in READS {
        for client in [api.clone(), api.reader()] {
            let full = client.get(path).await.expect(200);
            let etag = etag(&full);
            for matching in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
                for reply in [
                    client.get(path).header("if-none-match", &matching).await.expect(304),
                    client.head(path).header("if-none-match", &matching).await.expect(304),
                ] {
                    assert!(reply.body.is_empty());
                    for name in ["etag", "cache-control", "vary", "link"] {
                        assert_eq!(reply.header(name), full.header(name), "{path}: {name}");
                    }
                }
            }
            for other in ["\"other\"", "garbage"] {
                assert_eq!(client.get(path).header("if-none-match", other).await.expect(200).body, full.body);
            }
            let head = client.head(path).await.expect(200);
            assert!(head.body.is_empty());
            for name in ["etag", "cache-control", "vary", "link", "content-type"] {
                assert_eq!(head.header(name), full.header(name), "HEAD {path}: {name}");
            }
        }
    }
}

#[on_both]
async fn cache_control_is_public_only_without_a_key(api: Api) {
    fill(&api, 3).await;
    for path in READS {
        let public = api.get(path).await.expect(200);
        assert_eq!(public.header("cache-control"), Some("public, no-cache"), "{path}");
        assert!(varies_with_authorization(&public), "{path}");
        for client in [api.reader(), api.editor(), api.admin()] {
            for reply in
                [client.get(path).await.expect(200), client.get(path).header("if-none-match", "*").await.expect(304)]
            {
                assert_eq!(reply.header("cache-control"), Some("private, no-cache"), "{path}");
                assert!(varies_with_authorization(&reply), "{path}");
            }
        }
    }
    let drafts = api.reader().get("/api/posts?published=any").await.expect(200);
    assert_eq!(drafts.header("cache-control"), Some("private, no-cache"));
}

#[on_both]
async fn vary_includes_authorization_for_cors_requests(api: Api) {
    fill(&api, 1).await;
    for path in READS {
        let reply = api.get(path).header("origin", "https://example.org").await.expect(200);
        assert!(varies_with_authorization(&reply), "{path}: {:?}", reply.headers);
    }
}

#[on_both]
async fn errors_and_api_keys_are_no_store(api: Api) {
    let admin = api.admin();
    let key = json!({"name": "k", "role": "reader"});
    for reply in [
        api.get("/api/posts/999").await,
        api.get("/api/posts?limit=0").await,
        api.get("/api/posts?published=any").await,
        api.with_key("wrong").get("/api/posts").await,
        api.get("/nothing").await,
        api.delete("/api/posts").await,
        admin.get("/api/keys").await,
        admin.post("/api/keys", &key).await,
        api.get("/api/keys").await,
        api.editor().post("/api/posts", &json!({})).await,
        api.get("/api/posts/999").header("if-none-match", "*").await,
    ] {
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{} {}", reply.line, reply.status);
    }
}

#[on_both]
async fn list_etag_changes_exactly_with_the_page_content(api: Api) {
    let posts = fill(&api, 5).await;
    let editor = api.editor();
    let path = |post: usize| format!("/api/posts/{}", posts[post]["id"]);
    let first = "/api/posts?limit=2";
    let mut before = read_etag(&api, first).await;
    let mut changes = 0;
    // Post 4 is the newest one.
    for (call, is_on_page) in [
        (editor.patch(&path(4), &json!({"content": "new"})), true),
        (editor.patch(&path(0), &json!({"content": "new"})), false),
        (editor.post_empty(&format!("{}/unpublish", path(3))), true),
        (editor.patch(&path(3), &json!({"title": "Draft"})), false),
        (editor.post("/api/posts", &json!({"title": "Another draft"})), false),
        (editor.post(&format!("{}/publish", path(3)), &json!({"at": "2999-01-01T00:00:00Z"})), false),
        (editor.delete(&path(3)), false),
        (editor.delete(&path(4)), true),
        (editor.post("/api/posts", &json!({"title": "New", "published": true})), true),
    ] {
        let reply = call.await;
        assert!(reply.status < 300, "{}", reply.line);
        let after = read_etag(&api, first).await;
        assert_eq!(before != after, is_on_page, "after {}", reply.line);
        let status = if is_on_page { 200 } else { 304 };
        api.get(first).header("if-none-match", &before).await.expect(status);
        changes += usize::from(is_on_page);
        before = after;
    }
    assert_eq!(changes, 4);
}

#[on_both]
async fn list_etag_depends_on_the_next_page(api: Api) {
    let posts = fill(&api, 3).await;
    let path = "/api/posts?limit=2";
    let before = read_etag(&api, path).await;
    api.editor().delete(&format!("/api/posts/{}", posts[0]["id"])).await.expect(204);
    // The same two posts, but no next page.
    let after = api.get(path).header("if-none-match", &before).await.expect(200).json(200);
    assert_eq!((ids(&after).len(), &after["next_cursor"]), (2, &Value::Null));
}

#[on_both]
async fn list_etag_depends_on_the_total(api: Api) {
    let posts = fill(&api, 3).await;
    let before = read_etag(&api, "/api/posts?limit=1&count=exact").await;
    let newest = fill(&api, 1).await[0]["id"].clone();
    api.editor().delete(&format!("/api/posts/{newest}")).await.expect(204);
    assert_eq!(read_etag(&api, "/api/posts?limit=1&count=exact").await, before);
    api.editor().delete(&format!("/api/posts/{}", posts[0]["id"])).await.expect(204);
    assert_ne!(read_etag(&api, "/api/posts?limit=1&count=exact").await, before);
}

#[on_both]
async fn different_representations_have_different_etags(api: Api) {
    fill(&api, 3).await;
    let mut representations = Vec::new();
    for query in ["", "view=summary", "count=exact", "limit=2", "sort=id", "published=any", "sort=id&limit=1"] {
        let reply = api.reader().get(&format!("/api/posts?{query}")).await.expect(200);
        representations.push((etag(&reply), reply.body));
    }
    for (etag, body) in &representations {
        assert!(representations.iter().all(|(other, other_body)| (etag == other) == (body == other_body)));
    }
}

#[on_both]
async fn link_header_leads_through_the_list_and_back(api: Api) {
    let posts = fill(&api, 5).await;
    let newest_first: Vec<i64> = posts.iter().rev().map(|post| post["id"].as_i64().unwrap()).collect();
    let query = "/api/posts?limit=2&published=true&slug=post-1&slug=post-2&slug=post-3&slug=post-4&slug=post-5\
                 &q=p%C3%B3st+%22text%22&sort=-id";
    let mut reply = api.get(query).await.expect(200);
    assert_eq!(link(&reply, "prev"), None);
    let (mut seen, mut pages) = (ids(&reply.clone().json(200)), vec![reply.body.clone()]);
    while let Some(next) = link(&reply, "next") {
        let first = api.get(&link(&reply, "first").unwrap()).await.expect(200);
        assert_eq!(first.body, pages[0]);
        reply = api.get(&next).await.expect(200);
        seen.extend(ids(&reply.clone().json(200)));
        pages.push(reply.body.clone());
    }
    assert_eq!(seen, newest_first);
    while let Some(previous) = link(&reply, "prev") {
        reply = api.get(&previous).await.expect(200);
        pages.pop();
        assert_eq!(ids(&reply.clone().json(200)), ids(&serde_json::from_slice(&pages[pages.len() - 1]).unwrap()));
    }
    assert_eq!(pages.len(), 1);
    assert_eq!(link(&api.get("/api/posts").await, "next"), None);
}
