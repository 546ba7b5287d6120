//! Every public change is visible in the next response, and draft edits do not invalidate the cache.

use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{database_reads, fill, read_all, warm};
use crate::support::{Api, ids, on_both, wait_until};

#[on_both]
async fn draft_edits_do_not_invalidate_the_cache(api: Api) {
    fill(&api, 1).await;
    let editor = api.editor();
    let edit_drafts = async || {
        let draft = api.create(json!({"title": "Draft"})).await;
        let path = format!("/api/posts/{}", draft["id"]);
        editor.patch(&path, &json!({"content": "more"})).await.expect(200);
        editor.post(&format!("{path}/publish"), &json!({"at": "2999-01-01T00:00:00Z"})).await.expect(200);
        editor.put(&format!("/api/posts/by-slug/put-{}", draft["id"]), &json!({"title": "Put"})).await.expect(201);
        editor.post("/api/posts/batch", &json!({"posts": [{"title": "a"}, {"title": "b"}]})).await.expect(200);
        editor.post("/api/posts", &json!({"title": "x", "slug": "post-1"})).await.expect(409);
        editor.patch("/api/posts/1", &json!({"title": "x"})).header("if-match", "\"stale\"").await.expect(412);
        editor.delete(&path).await.expect(204);
    };
    // On a busy machine the revision may be unknown for a moment, and then every request reads the database. If a draft
    // edit invalidated the cache, each attempt would count reads.
    wait_until("draft edits without a database read", async || {
        warm(&api).await;
        let edits_and_reads = async {
            edit_drafts().await;
            read_all(&api).await;
        };
        database_reads(&api, edits_and_reads).await == 0
    })
    .await;
}

#[on_both]
async fn every_public_change_is_visible_at_once(api: Api) {
    fill(&api, 2).await;
    let editor = api.editor();
    warm(&api).await;
    let titles = async || {
        let page: Value = api.get("/api/posts").await.json(200);
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|post| post["title"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(titles().await, ["Post 2", "Post 1"]);
    editor.patch("/api/posts/1", &json!({"title": "Changed"})).await.expect(200);
    assert_eq!(titles().await, ["Post 2", "Changed"]);
    editor.post_empty("/api/posts/2/unpublish").await.expect(200);
    assert_eq!(titles().await, ["Changed"]);
    editor.post_empty("/api/posts/2/publish").await.expect(200);
    assert_eq!(titles().await, ["Post 2", "Changed"]);
    editor.put("/api/posts/by-slug/post-2", &json!({"title": "Draft again"})).await.expect(200);
    assert_eq!(titles().await, ["Changed"]);
    editor.post("/api/posts/batch", &json!({"posts": [{"title": "In a batch", "published": true}]})).await.expect(200);
    assert_eq!(titles().await, ["In a batch", "Changed"]);
    editor.delete("/api/posts/1").await.expect(204);
    assert_eq!(titles().await, ["In a batch"]);
    api.get("/api/posts/1").await.expect(404);
}

#[on_both]
async fn readers_see_every_acknowledged_write(api: Api) {
    const WRITES: i64 = 60;
    fill(&api, 4).await;
    warm(&api).await;
    // The latest acknowledged version of each post.
    let acknowledged: Vec<AtomicI64> = (0..4).map(|_| AtomicI64::new(1)).collect();
    let finished_writers = AtomicI64::new(0);
    let write = async |index: usize| {
        let (editor, path) = (api.editor(), format!("/api/posts/{}", index + 1));
        for number in 0..WRITES {
            let post = editor.patch(&path, &json!({"title": format!("Change {number}")})).await.json(200);
            acknowledged[index].store(post["version"].as_i64().unwrap(), Ordering::SeqCst);
        }
        finished_writers.fetch_add(1, Ordering::SeqCst);
    };
    let read = async |reader: usize| {
        while finished_writers.load(Ordering::SeqCst) < 4 {
            let expected: Vec<i64> = acknowledged.iter().map(|version| version.load(Ordering::SeqCst)).collect();
            if reader < 4 {
                let page = api.get("/api/posts").await.json(200);
                for post in page["items"].as_array().unwrap() {
                    let (id, version) = (post["id"].as_i64().unwrap(), post["version"].as_i64().unwrap());
                    assert!(version >= expected[usize::try_from(id - 1).unwrap()], "the list is stale");
                }
            } else {
                let post = api.get(&format!("/api/posts/{}", reader % 4 + 1)).await.json(200);
                assert!(post["version"].as_i64().unwrap() >= expected[reader % 4], "a post is stale");
            }
        }
    };
    tokio::join!(join_all((0..4).map(write)), join_all((0..8).map(read)));
}

#[on_both]
async fn scheduled_publication_becomes_visible(api: Api) {
    fill(&api, 1).await;
    warm(&api).await;
    let scheduled = api.create_scheduled().await;
    wait_until("the scheduler publishes the post", async || {
        api.get("/api/posts").await.expect(200);
        api.server.schedule.lags().count == 1
    })
    .await;
    // The scheduler counts a post after it has advanced the revision, so the cache already has it.
    let expected = [scheduled["id"].as_i64().unwrap(), 1];
    assert_eq!(ids(&api.get("/api/posts").await.json(200)), expected);
}
