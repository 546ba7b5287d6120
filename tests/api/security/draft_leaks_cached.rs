//! A warm cache reveals no drafts either: while clients with keys read and change drafts, and while keys are revoked,
//! every anonymous response equals that of a server without drafts, byte for byte, compressed or not.

use reqwest::Method;
use serde_json::json;

use crate::security::draft_leaks::{FILTERS, LABEL_QUERIES, SORTS, comparable, drafts, published, start_both};
use crate::support::{Api, Reply, on_both, wait_for};

const ENCODINGS: [&str; 3] = ["", "gzip", "gzip;q=0.1, identity;q=0"];

/// Lists, published posts, and drafts.
fn paths() -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for (index, filter) in FILTERS.iter().enumerate() {
        // Combine each filter with some of the sorts, and each sort with some of the filters.
        for sort in SORTS.iter().skip(index % 4).step_by(4) {
            paths.push(format!("/api/posts?{sort}&{filter}"));
        }
    }
    for query in LABEL_QUERIES {
        paths.push(format!("/api/tags?{query}"));
        paths.push(format!("/api/authors?{query}"));
    }
    paths.push("/api/posts".into());
    paths.push("/api/posts?limit=100&count=exact".into());
    for post in published().iter().step_by(2).chain(drafts().iter().step_by(4)) {
        paths.push(format!("/api/posts/{}", post["id"]));
        paths.push(format!("/api/posts/by-slug/{}", post["slug"].as_str().unwrap()));
    }
    paths
}

/// Like [`comparable`], but with the body as sent, compressed or not.
fn comparable_bytes(reply: &Reply) -> String {
    let (status, headers, problem) = comparable(reply);
    let body = if status < 400 { format!("{:?}", reply.body) } else { problem.to_string() };
    format!("{status} {headers:?} {body}")
}

async fn read(api: &Api, path: &str, encoding: &str, tag: &str) -> Reply {
    let call = api.get(path);
    let call = if encoding.is_empty() { call } else { call.header("accept-encoding", encoding) };
    if tag.is_empty() { call.await } else { call.header("if-none-match", tag).await }
}

/// Sends the same request to both servers. Repeats it if only one response is compressed: the servers of all tests
/// share the compression permits of this process, and without a permit a response is not compressed.
async fn read_both(servers: &[Api; 2], path: &str, encoding: &str, tag: &str) -> (Reply, Reply) {
    wait_for("both responses to be compressed, or none", async || {
        let (plain, with_drafts) =
            (read(&servers[0], path, encoding, tag).await, read(&servers[1], path, encoding, tag).await);
        let is_comparable = plain.status != with_drafts.status
            || plain.header("content-encoding") == with_drafts.header("content-encoding");
        is_comparable.then_some((plain, with_drafts))
    })
    .await
}

/// Compares the responses of both servers to every path in every encoding: twice, so that the cache serves the second
/// one, then with the current `ETag`, then with a previous one. Returns every current `ETag`.
async fn compare(servers: &[Api; 2], when: &str, previous: &[String]) -> Vec<String> {
    let mut tags = Vec::new();
    for (index, path) in paths().iter().enumerate() {
        for encoding in ENCODINGS {
            let mut current = String::new();
            for (round, tag) in [("uncached", ""), ("cached", ""), ("unchanged", "current"), ("changed", "previous")] {
                let tag = match tag {
                    "current" => current.clone(),
                    "previous" => previous.get(index).cloned().unwrap_or_default(),
                    none => none.to_owned(),
                };
                let (plain, with_drafts) = read_both(servers, path, encoding, &tag).await;
                assert_eq!(
                    comparable_bytes(&plain),
                    comparable_bytes(&with_drafts),
                    "{when}, {round}, {encoding:?}, {tag:?}: {path}"
                );
                plain.header("etag").unwrap_or_default().clone_into(&mut current);
            }
            if encoding.is_empty() {
                tags.push(current);
            }
        }
    }
    tags
}

/// Reads every path with a key, also with drafts included.
async fn read_with_key(api: &Api) {
    for path in paths() {
        for path in [path.clone(), format!("{path}{}published=any", if path.contains('?') { "&" } else { "?" })] {
            // 400 if the path already has `published`, or is that of a single post.
            let reply = api.get(&path).await;
            assert!([200, 400, 404].contains(&reply.status), "{path}: {}", reply.status);
        }
    }
}

#[on_both]
async fn warm_cache_reveals_no_drafts(api: Api) {
    let servers = start_both(api);
    let reads = servers.each_ref().map(|api| api.server.cache.reads());
    let first = compare(&servers, "at first", &[]).await;
    let responses = 4 * ENCODINGS.len() * first.len();
    for (api, before) in servers.iter().zip(reads) {
        // The cache served some of the responses. How many depends on the load of the machine: while the revision is
        // unknown, it serves none.
        let read = api.server.cache.reads() - before;
        assert!(read < responses as u64, "{read} reads for {responses} responses");
    }

    let [_, with_drafts] = &servers;
    let mut keys = Vec::new();
    for api in &servers {
        keys.push(api.admin().post("/api/keys", &json!({"name": "temporary", "role": "editor"})).await.json(201));
    }
    let editor = with_drafts.with_key(keys[1]["key"].as_str().unwrap());
    read_with_key(&editor).await;
    assert_eq!(compare(&servers, "after a client with a key read the drafts", &first).await, first);

    // Every change that does not publish a draft.
    let draft = format!("/api/posts/{}", drafts()[0]["id"]);
    let changes =
        json!({"title": "Public 1", "content": "common words", "tags": ["CoMMoN", "secret"], "authors": null});
    editor.patch(&draft, &changes).await.expect(200);
    editor.post(&format!("{draft}/publish"), &json!({"at": "2999-01-01T00:00:00Z"})).await.expect(200);
    editor.post_empty(&format!("{draft}/unpublish")).await.expect(200);
    editor.put("/api/posts/by-slug/secret-3", &json!({"title": "Public 0"})).await.expect(200);
    editor.post("/api/posts", &json!({"title": "Public 2", "content": "common words"})).await.expect(201);
    editor.delete(&format!("/api/posts/{}", drafts()[1]["id"])).await.expect(204);
    assert_eq!(compare(&servers, "after the drafts changed", &first).await, first);

    for (api, key) in servers.iter().zip(&keys) {
        api.admin().delete(&format!("/api/keys/{}", key["id"])).await.expect(204);
    }
    let revoked: Vec<Api> =
        servers.iter().zip(&keys).map(|(api, key)| api.with_key(key["key"].as_str().unwrap())).collect();
    for path in paths() {
        let replies = [revoked[0].get(&path).await, revoked[1].get(&path).await];
        assert_eq!(comparable_bytes(&replies[0]), comparable_bytes(&replies[1]), "a revoked key, {path}");
        for reply in replies {
            reply.problem(401, "key_invalid");
        }
    }
    assert_eq!(compare(&servers, "after the key was revoked", &first).await, first);
}

#[on_both]
async fn unpublished_post_looks_deleted_at_once(api: Api) {
    let servers = start_both(api);
    let first = compare(&servers, "at first", &[]).await;
    for id in [30, 100, 10] {
        servers[0].editor().delete(&format!("/api/posts/{id}")).await.expect(204);
        servers[1].editor().post_empty(&format!("/api/posts/{id}/unpublish")).await.expect(200);
        let after = compare(&servers, &format!("after post {id} became a draft"), &first).await;
        assert_ne!(after, first);
    }
    for api in &servers {
        api.call(Method::GET, "/api/posts/30").await.problem(404, "not_found");
    }
}
