//! `ETag`, `If-Match`, and `If-None-Match` of single posts.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, TestDatabase, on_both};

struct TaggedPost {
    path: String,
    etag: String,
    post: Value,
}

async fn create_tagged(api: &Api, title: &str) -> TaggedPost {
    let reply =
        api.editor().post("/api/posts", &json!({"title": title, "content": "0", "published": true})).await.expect(201);
    let etag = reply.header("etag").unwrap().to_owned();
    let post = reply.json(201);
    TaggedPost { path: format!("/api/posts/{}", post["id"]), etag, post }
}

/// The status of each kind of change, sent with this `If-Match`.
async fn statuses_of_changes(api: &Api, path: &str, if_match: &str) -> Vec<u16> {
    let editor = api.editor();
    let mut statuses = Vec::new();
    for call in [
        editor.patch(path, &json!({"title": "Changed"})),
        editor.patch(path, &json!({})),
        editor.post_empty(&format!("{path}/publish")),
        editor.post_empty(&format!("{path}/unpublish")),
        editor.delete(path),
    ] {
        statuses.push(call.header("if-match", if_match).await.status);
    }
    statuses
}

#[on_both]
async fn etag_changes_only_with_the_post(api: Api) {
    let TaggedPost { path, etag, .. } = create_tagged(&api, "Tagged").await;
    assert_eq!(api.get(&path).await.header("etag"), Some(etag.as_str()));
    assert_eq!(api.get("/api/posts/by-slug/tagged").await.header("etag"), Some(etag.as_str()));
    let changed = api.editor().patch(&path, &json!({"content": "1"})).await.expect(200);
    assert_ne!(changed.header("etag"), Some(etag.as_str()));
    assert_eq!(api.get(&path).await.header("etag"), changed.header("etag"));
}

#[on_both]
async fn changes_with_the_current_etag_succeed(api: Api) {
    let TaggedPost { path, etag, .. } = create_tagged(&api, "Current").await;
    let editor = api.editor();
    let reply = editor.patch(&path, &json!({"content": "1"})).header("if-match", &etag).await.expect(200);
    let etag = reply.header("etag").unwrap().to_owned();
    let reply = editor.post_empty(&format!("{path}/unpublish")).header("if-match", &etag).await.expect(200);
    let etag = reply.header("etag").unwrap().to_owned();
    let reply = editor.post_empty(&format!("{path}/publish")).header("if-match", &etag).await.expect(200);
    let etag = reply.header("etag").unwrap().to_owned();
    editor.delete(&path).header("if-match", &etag).await.expect(204);
}

#[on_both]
async fn changes_with_a_stale_etag_fail(api: Api) {
    let TaggedPost { path, etag, .. } = create_tagged(&api, "Stale").await;
    let current = api.editor().patch(&path, &json!({"content": "1"})).await.json(200);
    let editor = api.editor();
    for call in [
        editor.patch(&path, &json!({"content": "2"})),
        editor.patch(&path, &json!({})),
        editor.post_empty(&format!("{path}/publish")),
        editor.post_empty(&format!("{path}/unpublish")),
        editor.delete(&path),
    ] {
        call.header("if-match", &etag).await.problem(412, "precondition_failed");
    }
    assert_eq!(api.get(&path).await.json(200), current);
}

#[on_both]
async fn if_match_requires_the_strong_etag_of_this_post(api: Api) {
    let TaggedPost { path, etag, post } = create_tagged(&api, "Exact").await;
    let other = create_tagged(&api, "Another post at the same version").await.etag;
    let unquoted = etag.trim_matches('"');
    for if_match in [
        format!("W/{etag}"),
        other,
        format!("\"{unquoted}0\""),
        "\"\"".into(),
        "\"1\"".into(),
        String::new(),
        "\"-\"".into(),
        "\"1-\"".into(),
        "\"*\"".into(),
    ] {
        assert_eq!(statuses_of_changes(&api, &path, &if_match).await, [412; 5], "{if_match:?}");
    }
    assert_eq!(api.get(&path).await.json(200), post);
}

#[on_both]
async fn malformed_if_match_is_rejected(api: Api) {
    let TaggedPost { path, etag, post } = create_tagged(&api, "Malformed").await;
    let unquoted = etag.trim_matches('"');
    for if_match in [unquoted, "garbage", &format!("{etag}, garbage")] {
        assert_eq!(statuses_of_changes(&api, &path, if_match).await, [400; 5], "{if_match:?}");
        let change = api.editor().delete(&path).header("if-match", if_match);
        change.await.problem(400, "invalid_header");
    }
    assert_eq!(api.get(&path).await.json(200), post);
}

#[on_both]
async fn if_match_star_matches_any_existing_post(api: Api) {
    let TaggedPost { path, .. } = create_tagged(&api, "Star").await;
    assert_eq!(statuses_of_changes(&api, &path, "*").await, [200, 200, 200, 200, 204]);
    assert_eq!(statuses_of_changes(&api, &path, "*").await, [404; 5]);
}

#[on_both]
async fn if_match_accepts_a_list_of_etags(api: Api) {
    let TaggedPost { path, etag, .. } = create_tagged(&api, "List").await;
    let list = format!("\"unknown\", W/{etag}, {etag}");
    api.editor().patch(&path, &json!({"content": "1"})).header("if-match", &list).await.expect(200);
    api.editor().patch(&path, &json!({"content": "2"})).header("if-match", &list).await.expect(412);
}

#[on_both]
async fn if_match_on_a_missing_post_returns_404(api: Api) {
    assert_eq!(statuses_of_changes(&api, "/api/posts/999", "\"999-1\"").await, [404; 5]);
}

#[on_both]
async fn read_with_the_current_etag_returns_304(api: Api) {
    let TaggedPost { path, etag, .. } = create_tagged(&api, "Cached").await;
    for path in [path.as_str(), "/api/posts/by-slug/cached"] {
        for matching in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            let reply = api.get(path).header("if-none-match", &matching).await.expect(304);
            assert!(reply.body.is_empty());
            assert_eq!(reply.header("etag"), Some(etag.as_str()));
        }
        for other in ["\"other\"", "garbage", ""] {
            api.get(path).header("if-none-match", other).await.expect(200);
        }
    }
    api.editor().patch(&path, &json!({"content": "1"})).await.expect(200);
    api.get(&path).header("if-none-match", &etag).await.expect(200);
}

#[on_both]
async fn draft_never_returns_304_to_anonymous_clients(api: Api) {
    let TaggedPost { path, .. } = create_tagged(&api, "Hidden").await;
    let hidden = api.editor().post_empty(&format!("{path}/unpublish")).await.expect(200);
    let etag = hidden.header("etag").unwrap();
    for if_none_match in [etag, "*"] {
        api.get(&path).header("if-none-match", if_none_match).await.problem(404, "not_found");
        api.reader().get(&path).header("if-none-match", if_none_match).await.expect(304);
    }
}

#[on_both]
async fn new_post_with_a_reused_slug_has_a_new_etag(api: Api) {
    let TaggedPost { path, etag, .. } = create_tagged(&api, "Reused").await;
    api.editor().delete(&path).await.expect(204);
    assert_ne!(create_tagged(&api, "Reused").await.etag, etag);
    api.get("/api/posts/by-slug/reused").header("if-none-match", &etag).await.expect(200);
}

#[on_both]
async fn missing_if_match_returns_428_where_required(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.require_if_match = true);
    let TaggedPost { path, etag, post } = create_tagged(&api, "Required").await;
    let editor = api.editor();
    for call in [
        editor.patch(&path, &json!({"content": "1"})),
        editor.post_empty(&format!("{path}/publish")),
        editor.post_empty(&format!("{path}/unpublish")),
        editor.delete(&path),
    ] {
        call.await.problem(428, "precondition_required");
    }
    assert_eq!(api.get(&path).await.json(200), post);
    editor.patch(&path, &json!({"content": "1"})).header("if-match", &etag).await.expect(200);
    editor.delete(&path).header("if-match", "*").await.expect(204);
}

/// Each writer reads the post and increments the number in its content with `If-Match`, until the change succeeds.
#[on_both]
async fn concurrent_writers_lose_no_update(api: Api) {
    const WRITERS: usize = 50;
    let TaggedPost { path, .. } = create_tagged(&api, "Contended").await;
    let path = path.as_str();
    let editor = &api.editor();
    let write = || async move {
        loop {
            let read = editor.get(path).await.expect(200);
            let etag = read.header("etag").unwrap().to_owned();
            let count: usize = read.json(200)["content"].as_str().unwrap().parse().unwrap();
            let change = json!({"content": (count + 1).to_string()});
            let reply = editor.patch(path, &change).header("if-match", &etag).await;
            match reply.status {
                200 => return reply.json(200)["version"].as_u64().unwrap(),
                _ => drop(reply.problem(412, "precondition_failed")),
            }
        }
    };
    let mut versions = futures_util::future::join_all((0..WRITERS).map(|_| write())).await;
    versions.sort_unstable();
    assert_eq!(versions, (2..=51).collect::<Vec<u64>>());
    let post = api.get(path).await.json(200);
    assert_eq!((&post["version"], &post["content"]), (&json!(51), &json!("50")));
}

#[on_both]
async fn concurrent_writers_with_one_etag_have_one_winner(api: Api) {
    let TaggedPost { path, etag, .. } = create_tagged(&api, "Raced").await;
    let editor = api.editor();
    let patches = (0..50).map(|writer| {
        let patch = json!({"content": writer.to_string()});
        editor.patch(&path, &patch).header("if-match", &etag).into_future()
    });
    let replies = futures_util::future::join_all(patches).await;
    let winners: Vec<_> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(api.get(&path).await.json(200), winners[0].clone().json(200));
    assert_eq!(replies.iter().filter(|reply| reply.status == 412).count(), 49);
}
