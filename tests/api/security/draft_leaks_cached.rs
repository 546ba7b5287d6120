//! That there are drafts stays unknown with a warm cache, too: while keys that see them read, change and are revoked,
//! every anonymous answer stays what it is without any draft, byte for byte, compressed or not.

use reqwest::Method;
use serde_json::json;

use crate::security::draft_leaks::{FILTERS, SORTS, drafts, published, seen, worlds};
use crate::support::{Api, Reply, on_both};

const ENCODINGS: [&str; 3] = ["", "gzip", "gzip;q=0.1, identity;q=0"];

/// Lists, posts that everyone sees, and posts that nobody does.
fn paths() -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for (at, filter) in FILTERS.iter().enumerate() {
        // Each filter with some of the sorts, each sort with some of the filters.
        for sort in SORTS.iter().skip(at % 4).step_by(4) {
            paths.push(format!("/api/posts?{sort}&{filter}"));
        }
    }
    paths.push("/api/posts".into());
    paths.push("/api/posts?limit=100&count=exact".into());
    for post in published().iter().step_by(2).chain(drafts().iter().step_by(4)) {
        paths.push(format!("/api/posts/{}", post["id"]));
        paths.push(format!("/api/posts/by-slug/{}", post["slug"].as_str().unwrap()));
    }
    paths
}

/// All of an answer but what names this one request. The body is there as it came, compressed or not.
fn told(reply: &Reply) -> String {
    let (status, headers, problem) = seen(reply);
    let body = if status < 400 { format!("{:?}", reply.body) } else { problem.to_string() };
    format!("{status} {headers:?} {body}")
}

async fn ask(api: &Api, path: &str, encoding: &str, tag: &str) -> Reply {
    let call = api.get(path);
    let call = if encoding.is_empty() { call } else { call.header("accept-encoding", encoding) };
    if tag.is_empty() { call.await } else { call.header("if-none-match", tag).await }
}

/// Asks both worlds the same. Where one is not compressed because other tests are being compressed, it asks again.
async fn ask_both(worlds: &[Api; 2], path: &str, encoding: &str, tag: &str) -> (Reply, Reply) {
    let ask = async || (ask(&worlds[0], path, encoding, tag).await, ask(&worlds[1], path, encoding, tag).await);
    let mut replies = ask().await;
    for _ in 0..100 {
        let (plain, with_drafts) = &replies;
        if plain.status != with_drafts.status
            || plain.header("content-encoding") == with_drafts.header("content-encoding")
        {
            break;
        }
        replies = ask().await;
    }
    replies
}

/// Asks both worlds the same in every way, each twice, so that what is kept answers as well; with the tags of the answers
/// and with those that are given, which were right once.
async fn compare(worlds: &[Api; 2], when: &str, once: &[String]) -> Vec<String> {
    let mut tags = Vec::new();
    for (at, path) in paths().iter().enumerate() {
        for encoding in ENCODINGS {
            let mut told_tag = String::new();
            for (round, tag) in [("cold", ""), ("warm", ""), ("unchanged", "tag"), ("changed", "once")] {
                let tag = match tag {
                    "tag" => told_tag.clone(),
                    "once" => once.get(at).cloned().unwrap_or_default(),
                    none => none.to_owned(),
                };
                let (plain, with_drafts) = ask_both(worlds, path, encoding, &tag).await;
                assert_eq!(told(&plain), told(&with_drafts), "{when}, {round}, {encoding:?}, {tag:?}: {path}");
                plain.header("etag").unwrap_or_default().clone_into(&mut told_tag);
            }
            if encoding.is_empty() {
                tags.push(told_tag);
            }
        }
    }
    tags
}

/// Someone with a key sees the drafts, in every way in which anonymous callers ask.
async fn look_around(api: &Api) {
    for path in paths() {
        for path in [path.clone(), format!("{path}{}published=any", if path.contains('?') { "&" } else { "?" })] {
            // Of a path that says what is published already, or of a single post, it is one parameter too many.
            let reply = api.get(&path).await;
            assert!([200, 400, 404].contains(&reply.status), "{path}: {}", reply.status);
        }
    }
}

#[on_both]
async fn warm_cache_reveals_no_drafts(api: Api) {
    let worlds = worlds(api);
    let reads = worlds.each_ref().map(|api| api.server.cache.reads());
    let first = compare(&worlds, "at first", &[]).await;
    let asked = 4 * ENCODINGS.len() * first.len();
    for (api, before) in worlds.iter().zip(reads) {
        // It is the cache that was tried. How much of it, the machine's load decides: unwatched, it answers nothing.
        let read = api.server.cache.reads() - before;
        assert!(read < asked as u64, "{read} reads for {asked} answers");
    }

    let [_, with_drafts] = &worlds;
    let mut keys = Vec::new();
    for api in &worlds {
        keys.push(api.admin().post("/api/keys", &json!({"name": "passing", "role": "editor"})).await.json(201));
    }
    let passing = with_drafts.with_key(keys[1]["key"].as_str().unwrap());
    look_around(&passing).await;
    let again = compare(&worlds, "after a key has seen the drafts", &first).await;
    assert_eq!(again, first);

    // Every change that leaves the drafts drafts.
    let draft = format!("/api/posts/{}", drafts()[0]["id"]);
    passing.patch(&draft, &json!({"title": "Public 1", "content": "common words"})).await.expect(200);
    passing.post(&format!("{draft}/publish"), &json!({"at": "2999-01-01T00:00:00Z"})).await.expect(200);
    passing.post_empty(&format!("{draft}/unpublish")).await.expect(200);
    passing.put("/api/posts/by-slug/secret-3", &json!({"title": "Public 0"})).await.expect(200);
    passing.post("/api/posts", &json!({"title": "Public 2", "content": "common words"})).await.expect(201);
    passing.delete(&format!("/api/posts/{}", drafts()[1]["id"])).await.expect(204);
    assert_eq!(compare(&worlds, "after the drafts changed", &first).await, first);

    for (api, key) in worlds.iter().zip(&keys) {
        api.admin().delete(&format!("/api/keys/{}", key["id"])).await.expect(204);
    }
    let revoked: Vec<Api> =
        worlds.iter().zip(&keys).map(|(api, key)| api.with_key(key["key"].as_str().unwrap())).collect();
    for path in paths() {
        let replies = [revoked[0].get(&path).await, revoked[1].get(&path).await];
        assert_eq!(told(&replies[0]), told(&replies[1]), "a revoked key, {path}");
        for reply in replies {
            reply.problem(401, "key_invalid");
        }
    }
    assert_eq!(compare(&worlds, "after the key was revoked", &first).await, first);
}

#[on_both]
async fn unpublished_post_looks_deleted_at_once(api: Api) {
    let worlds = worlds(api);
    let first = compare(&worlds, "at first", &[]).await;
    for id in [30, 100, 10] {
        worlds[0].editor().delete(&format!("/api/posts/{id}")).await.expect(204);
        worlds[1].editor().post_empty(&format!("/api/posts/{id}/unpublish")).await.expect(200);
        let after = compare(&worlds, &format!("after post {id} became a draft"), &first).await;
        assert_ne!(after, first);
    }
    for api in &worlds {
        api.call(Method::GET, "/api/posts/30").await.problem(404, "not_found");
    }
}
