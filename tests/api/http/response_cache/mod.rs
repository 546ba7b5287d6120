//! The cache of anonymous responses: what it serves, and that it never serves stale data.

mod compression;
mod external_changes;
mod freshness;
mod hits;
mod invalidation;
mod single_posts;

use serde_json::json;

use crate::support::{Api, wait_until};

/// Paths that the cache serves after [`fill`].
const PATHS: [&str; 4] = ["/api/posts", "/api/posts?view=summary&limit=5", "/api/posts/1", "/api/posts/by-slug/post-1"];

async fn fill(api: &Api, posts: usize) {
    for number in 1..=posts {
        api.create(json!({"title": format!("Post {number}"), "content": "text ".repeat(400), "published": true})).await;
    }
}

/// The number of database reads for anonymous requests while `work` runs.
async fn database_reads(api: &Api, work: impl Future<Output = ()>) -> u64 {
    let before = api.server.cache.reads();
    work.await;
    api.server.cache.reads() - before
}

/// Reads until the cache serves every path. On PostgreSQL it serves nothing until the poller knows the revision.
async fn warm(api: &Api) {
    wait_until("the cache serves", async || {
        let requests = async {
            for path in PATHS.iter().chain(&PATHS) {
                api.get(path).await.expect(200);
            }
        };
        database_reads(api, requests).await == 0
    })
    .await;
}

async fn read_all(api: &Api) {
    for path in PATHS {
        api.get(path).await.expect(200);
    }
}
