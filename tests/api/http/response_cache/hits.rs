//! Which requests the cache serves, and which read the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::join_all;
use serde_json::json;

use super::{PATHS, database_reads, fill, read_all, warm};
use crate::support::{Api, TestDatabase, ids, on_both, wait_until};

#[on_both]
async fn repeated_reads_are_served_from_the_cache(api: Api) {
    fill(&api, 3).await;
    let requests = async || {
        read_all(&api).await;
        api.head("/api/posts").await.expect(200);
        api.get("/api/posts").header("origin", "https://example.org").await.expect(200);
    };
    // On a busy machine the revision may be unknown for a moment, and then requests read the database.
    wait_until("requests without a database read", async || database_reads(&api, requests()).await == 0).await;
}

#[on_both]
async fn cache_bytes_0_disables_the_cache(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.cache_bytes = 0);
    fill(&api, 1).await;
    read_all(&api).await;
    assert_eq!(database_reads(&api, read_all(&api)).await, PATHS.len() as u64);
}

#[on_both]
async fn concurrent_identical_reads_share_one_query(api: Api) {
    fill(&api, 3).await;
    warm(&api).await;
    let number = AtomicI64::new(0);
    // On a busy machine the revision may be unknown for a moment, and then every request reads the database. Each
    // attempt requests a list that is not cached.
    wait_until("50 concurrent requests to share one read", async || {
        let path = format!("/api/posts?slug=none-{}", number.fetch_add(1, Ordering::Relaxed));
        let requests = async {
            join_all((0..50).map(|_| async {
                api.get(&path).await.expect(200);
            }))
            .await;
        };
        database_reads(&api, requests).await == 1
    })
    .await;
}

#[on_both]
async fn requests_with_a_key_bypass_the_cache(api: Api) {
    fill(&api, 1).await;
    let draft = api.create(json!({"title": "Draft"})).await;
    let path = format!("/api/posts/{}", draft["id"]);
    warm(&api).await;
    api.reader().get(&path).await.expect(200);
    api.get(&path).await.expect(404);
    assert_eq!(ids(&api.reader().get("/api/posts?published=any").await.json(200)), [2, 1]);
    assert_eq!(ids(&api.get("/api/posts").await.json(200)), [1]);
}

#[on_both]
async fn cache_stays_within_its_byte_limit(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.cache_bytes = 256 * 1024);
    fill(&api, 20).await;
    let read_lists = async || {
        for limit in 1..=20 {
            api.get(&format!("/api/posts?limit={limit}")).await.expect(200);
        }
    };
    read_lists().await;
    // The responses take about 420 KB, so the cache has evicted some of them.
    assert!(database_reads(&api, read_lists()).await > 0);
}

/// A link in a newsletter, or a client that varies such a parameter, neither fills the cache nor reads the database.
#[on_both]
async fn ignored_parameters_do_not_split_the_cache(api: Api) {
    fill(&api, 3).await;
    warm(&api).await;
    let paths = ["/api/posts", "/api/posts?limit=2", "/api/tags", "/api/authors", "/api/redirects", "/api/posts/1"];
    for path in paths {
        api.get(path).await.expect(200);
    }
    let number = AtomicI64::new(0);
    let read_links = async || {
        for path in paths {
            let separator = if path.contains('?') { '&' } else { '?' };
            let number = number.fetch_add(1, Ordering::Relaxed);
            api.get(&format!("{path}{separator}utm_source=news-{number}&fbclid={number}")).await.expect(200);
        }
        // Routes without parameters ignore the whole query string.
        let number = number.fetch_add(1, Ordering::Relaxed);
        api.get(&format!("/api/posts/1?{number}&v={number}")).await.expect(200);
        api.get(&format!("/api/posts/by-slug/post-1?{number}")).await.expect(200);
    };
    api.get("/api/posts/by-slug/post-1").await.expect(200);
    // On a busy machine the revision may be unknown for a moment, and then requests read the database.
    wait_until("links without a database read", async || database_reads(&api, read_links()).await == 0).await;
    let entries = api.server.cache.stats().entries;
    wait_until("links without a database read", async || database_reads(&api, read_links()).await == 0).await;
    assert_eq!(api.server.cache.stats().entries, entries);
}
