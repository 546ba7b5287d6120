//! Concurrent readers and writers: a response with one post is never older than the last acknowledged write.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{fill, warm};
use crate::support::{Api, on_both};

const POSTS: usize = 4;
const WRITES: usize = 40;

fn version(post: &Value) -> i64 {
    post["version"].as_i64().unwrap()
}

#[on_both]
async fn single_posts_contain_every_acknowledged_write(api: Api) {
    fill(&api, POSTS).await;
    warm(&api).await;
    // The latest acknowledged version and slug of each post.
    let acknowledged: Vec<_> = (1..=POSTS).map(|id| Mutex::new((1, format!("post-{id}")))).collect();
    let finished = AtomicUsize::new(0);
    let write = async |index: usize| {
        let (editor, path) = (api.editor(), format!("/api/posts/{}", index + 1));
        for number in 0..WRITES {
            let change = match number % 4 {
                // Alternates between two slugs.
                3 => json!({"slug": format!("post-{}-{}", index + 1, number % 8)}),
                _ => json!({"title": format!("Change {number}")}),
            };
            let post = editor.patch(&path, &change).await.json(200);
            let slug = post["slug"].as_str().unwrap().to_owned();
            *acknowledged[index].lock().unwrap() = (version(&post), slug);
        }
        finished.fetch_add(1, Ordering::SeqCst);
    };
    let read = async |reader: usize| {
        let index = reader % POSTS;
        while finished.load(Ordering::SeqCst) < POSTS {
            let (minimum, slug) = acknowledged[index].lock().unwrap().clone();
            let by_id = reader < POSTS;
            let path = if by_id { format!("/api/posts/{}", index + 1) } else { format!("/api/posts/by-slug/{slug}") };
            let reply = api.get(&path).await;
            // The post has got another slug since.
            if !by_id && reply.status == 301 {
                continue;
            }
            let post = reply.json(200);
            assert!(version(&post) >= minimum, "{path}: version {} after {minimum}", version(&post));
        }
    };
    tokio::join!(join_all((0..POSTS).map(write)), join_all((0..2 * POSTS).map(read)));
}

/// While one post is published and unpublished, others change.
#[on_both]
async fn an_unpublished_post_is_never_served(api: Api) {
    fill(&api, 2).await;
    warm(&api).await;
    // Odd while the post is a draft.
    let [started, acknowledged] = [(); 2].map(|()| AtomicUsize::new(0));
    let is_done = || acknowledged.load(Ordering::SeqCst) == 2 * WRITES;
    let toggle = async {
        for number in 0..2 * WRITES {
            started.fetch_add(1, Ordering::SeqCst);
            let action = if number % 2 == 0 { "unpublish" } else { "publish" };
            api.editor().post_empty(&format!("/api/posts/1/{action}")).await.expect(200);
            acknowledged.fetch_add(1, Ordering::SeqCst);
            // The next state may be too short for a reader. Give each of them the time of a request.
            api.get("/api/posts/2").await.expect(200);
        }
    };
    let change_another = async {
        while !is_done() {
            api.editor().patch("/api/posts/2", &json!({"title": "Changed"})).await.expect(200);
        }
    };
    let read = async |path: &str| {
        while !is_done() {
            let before = acknowledged.load(Ordering::SeqCst);
            let reply = api.get(path).await;
            if started.load(Ordering::SeqCst) == before {
                assert_eq!(reply.status, if before % 2 == 0 { 200 } else { 404 }, "{path}");
            }
        }
    };
    let paths = ["/api/posts/1", "/api/posts/by-slug/post-1"];
    tokio::join!(toggle, change_another, join_all(paths.iter().chain(&paths).map(|path| read(path))));
}
