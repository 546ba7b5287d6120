//! `ETag`, `If-Match` and `If-None-Match`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, TestDatabase, on_both};

struct Tagged {
    path: String,
    tag: String,
    post: Value,
}

async fn tagged(api: &Api, title: &str) -> Tagged {
    let reply =
        api.editor().post("/api/posts", &json!({"title": title, "content": "0", "published": true})).await.expect(201);
    let tag = reply.header("etag").unwrap().to_owned();
    let post = reply.json(201);
    Tagged { path: format!("/api/posts/{}", post["id"]), tag, post }
}

/// Every change that a post knows, with `If-Match`.
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
async fn a_tag_lasts_as_long_as_the_post_stays_the_same(api: Api) {
    let Tagged { path, tag, .. } = tagged(&api, "Tagged").await;
    assert_eq!(api.get(&path).await.header("etag"), Some(tag.as_str()));
    assert_eq!(api.get("/api/posts/by-slug/tagged").await.header("etag"), Some(tag.as_str()));
    let changed = api.editor().patch(&path, &json!({"content": "1"})).await.expect(200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
    assert_eq!(api.get(&path).await.header("etag"), changed.header("etag"));
}

#[on_both]
async fn a_change_with_the_current_tag_goes_through(api: Api) {
    let Tagged { path, tag, .. } = tagged(&api, "Current").await;
    let editor = api.editor();
    let reply = editor.patch(&path, &json!({"content": "1"})).header("if-match", &tag).await.expect(200);
    let tag = reply.header("etag").unwrap().to_owned();
    let reply = editor.post_empty(&format!("{path}/unpublish")).header("if-match", &tag).await.expect(200);
    let tag = reply.header("etag").unwrap().to_owned();
    let reply = editor.post_empty(&format!("{path}/publish")).header("if-match", &tag).await.expect(200);
    let tag = reply.header("etag").unwrap().to_owned();
    editor.delete(&path).header("if-match", &tag).await.expect(204);
}

#[on_both]
async fn a_change_with_a_stale_tag_is_refused(api: Api) {
    let Tagged { path, tag, .. } = tagged(&api, "Stale").await;
    let current = api.editor().patch(&path, &json!({"content": "1"})).await.json(200);
    let editor = api.editor();
    for call in [
        editor.patch(&path, &json!({"content": "2"})),
        editor.patch(&path, &json!({})),
        editor.post_empty(&format!("{path}/publish")),
        editor.post_empty(&format!("{path}/unpublish")),
        editor.delete(&path),
    ] {
        call.header("if-match", &tag).await.problem(412, "precondition_failed");
    }
    assert_eq!(api.get(&path).await.json(200), current);
}

#[on_both]
async fn only_a_strong_tag_of_this_very_post_matches(api: Api) {
    let Tagged { path, tag, post } = tagged(&api, "Exact").await;
    let other = tagged(&api, "Another post at the same version").await.tag;
    let bare = tag.trim_matches('"');
    for wrong in [
        format!("W/{tag}"),
        other,
        format!("\"{bare}0\""),
        "\"\"".into(),
        "\"1\"".into(),
        String::new(),
        "\"-\"".into(),
        "\"1-\"".into(),
        "\"*\"".into(),
    ] {
        assert_eq!(statuses_of_changes(&api, &path, &wrong).await, [412; 5], "{wrong:?}");
    }
    for no_tag in [bare, "garbage", &format!("{tag}, garbage")] {
        assert_eq!(statuses_of_changes(&api, &path, no_tag).await, [400; 5], "{no_tag:?}");
        let change = api.editor().delete(&path).header("if-match", no_tag);
        change.await.problem(400, "invalid_header");
    }
    assert_eq!(api.get(&path).await.json(200), post);
}

#[on_both]
async fn a_star_matches_any_post_that_is_there(api: Api) {
    let Tagged { path, .. } = tagged(&api, "Star").await;
    assert_eq!(statuses_of_changes(&api, &path, "*").await, [200, 200, 200, 200, 204]);
    assert_eq!(statuses_of_changes(&api, &path, "*").await, [404; 5]);
}

#[on_both]
async fn one_matching_tag_of_a_list_is_enough(api: Api) {
    let Tagged { path, tag, .. } = tagged(&api, "List").await;
    let list = format!("\"unknown\", W/{tag}, {tag}");
    api.editor().patch(&path, &json!({"content": "1"})).header("if-match", &list).await.expect(200);
    api.editor().patch(&path, &json!({"content": "2"})).header("if-match", &list).await.expect(412);
}

#[on_both]
async fn a_condition_on_a_post_that_is_not_there_is_404(api: Api) {
    assert_eq!(statuses_of_changes(&api, "/api/posts/999", "\"999-1\"").await, [404; 5]);
}

#[on_both]
async fn a_read_with_the_current_tag_answers_304_without_a_body(api: Api) {
    let Tagged { path, tag, .. } = tagged(&api, "Cached").await;
    for path in [path.as_str(), "/api/posts/by-slug/cached"] {
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let reply = api.get(path).header("if-none-match", &known).await.expect(304);
            assert!(reply.body.is_empty());
            assert_eq!(reply.header("etag"), Some(tag.as_str()));
        }
        for unknown in ["\"other\"", "garbage", ""] {
            api.get(path).header("if-none-match", unknown).await.expect(200);
        }
    }
    api.editor().patch(&path, &json!({"content": "1"})).await.expect(200);
    api.get(&path).header("if-none-match", &tag).await.expect(200);
}

#[on_both]
async fn a_draft_does_not_answer_304_to_those_who_may_not_read_it(api: Api) {
    let Tagged { path, .. } = tagged(&api, "Hidden").await;
    let hidden = api.editor().post_empty(&format!("{path}/unpublish")).await.expect(200);
    let tag = hidden.header("etag").unwrap();
    for known in [tag, "*"] {
        api.get(&path).header("if-none-match", known).await.problem(404, "not_found");
        api.reader().get(&path).header("if-none-match", known).await.expect(304);
    }
}

#[on_both]
async fn another_post_behind_the_same_slug_has_another_tag(api: Api) {
    let Tagged { path, tag, .. } = tagged(&api, "Reused").await;
    api.editor().delete(&path).await.expect(204);
    assert_ne!(tagged(&api, "Reused").await.tag, tag);
    api.get("/api/posts/by-slug/reused").header("if-none-match", &tag).await.expect(200);
}

#[on_both]
async fn changes_without_if_match_are_refused_where_it_is_required(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.require_if_match = true);
    let Tagged { path, tag, post } = tagged(&api, "Required").await;
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
    editor.patch(&path, &json!({"content": "1"})).header("if-match", &tag).await.expect(200);
    editor.delete(&path).header("if-match", "*").await.expect(204);
}

/// Each writer reads the post, then counts its content up under the tag it read, until that went through.
#[on_both]
async fn of_fifty_writers_exactly_one_wins_each_version(api: Api) {
    const WRITERS: usize = 50;
    let Tagged { path, .. } = tagged(&api, "Contended").await;
    let path = path.as_str();
    let editor = &api.editor();
    let write = || async move {
        loop {
            let read = editor.get(path).await.expect(200);
            let tag = read.header("etag").unwrap().to_owned();
            let count: usize = read.json(200)["content"].as_str().unwrap().parse().unwrap();
            let change = json!({"content": (count + 1).to_string()});
            let reply = editor.patch(path, &change).header("if-match", &tag).await;
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
async fn of_fifty_writers_with_one_tag_one_wins(api: Api) {
    let Tagged { path, tag, .. } = tagged(&api, "Raced").await;
    let editor = api.editor();
    let patches = (0..50).map(|writer| {
        let patch = json!({"content": writer.to_string()});
        editor.patch(&path, &patch).header("if-match", &tag).into_future()
    });
    let replies = futures_util::future::join_all(patches).await;
    let winners: Vec<_> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(api.get(&path).await.json(200), winners[0].clone().json(200));
    assert_eq!(replies.iter().filter(|reply| reply.status == 412).count(), 49);
}
