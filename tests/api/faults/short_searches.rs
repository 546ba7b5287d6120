//! Searches of a small SQLite file run inline, beside the long reads.

use std::fs::File;

use futures_util::FutureExt;
use posts_api::db::DatabaseUrl;
use serde_json::json;

use super::long_reads::{run_endless_query, start};
use crate::support::{Engine, TestDatabase, wait_until};

/// A search may read all occurrences of its words. In a small SQLite file, these are few. The file of the other service
/// is longer than its content.
#[tokio::test]
async fn only_searches_of_small_files_are_short_reads() {
    for length in [None, Some(65 * 1024 * 1024)] {
        let database = TestDatabase::create(Engine::Sqlite).unwrap();
        database.migrate();
        if let (Some(length), DatabaseUrl::Sqlite { path }) = (length, database.parsed()) {
            File::options().append(true).open(path).unwrap().set_len(length).unwrap();
        }
        let api = start(database, 2);
        api.create(json!({"title": "A post", "published": true})).await;
        let read = || api.server.connections.read_public(false, run_endless_query).boxed_local();
        let mut reads: Vec<_> = (0..200).map(|_| read()).collect();
        reads.retain_mut(|read| read.now_or_never().is_none());
        // The queue of long reads is full.
        for list in ["q=post", "q=post&sort=-id&view=summary"] {
            let path = format!("/api/posts?{list}");
            if length.is_some() {
                api.get(&path).await.expect(503);
            } else {
                // On a busy machine, the first search may be slow, and the next ones are long reads for a second.
                wait_until("the search to run inline", async || api.get(&path).await.status == 200).await;
            }
        }
        for list in ["q=post&count=exact", "q=post&sort=title", "q=post&updated_after=2026-01-01T00:00:00Z"] {
            api.get(&format!("/api/posts?{list}")).await.expect(503);
        }
    }
}
